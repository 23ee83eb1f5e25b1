//! Names for ids: looked up in the background, and no failed poll of data.

use std::time::Instant;

use super::{AccountWorker, Api, Failure};
use crate::daemon::log_throttle::{LogDecision, Subject};
use crate::daemon::publisher::Answer;
use crate::liveperson::{ApiError, NameKind, NamesAnswer};
use crate::scheduler::{CallOutput, Outcome, PollSummary, RequestKey};

impl AccountWorker {
    pub(super) async fn request_names(&self, key: RequestKey) -> CallOutput<Answer, Box<Failure>> {
        let Some(kind) = NameKind::from_key(key.0) else {
            return Outcome::Rejected.into();
        };
        let has_last = self.publisher.lock().has_names(kind);
        let reply = self.client.names(kind, has_last).await;
        let requested = format!("the names of {}", kind.plural());
        match self.record_call(Subject::Names, Api::Names, &requested, reply) {
            Ok(NamesAnswer::Names(list)) => CallOutput::answered(Answer::Names(list)),
            Ok(NamesAnswer::Unchanged) => Outcome::SUCCESS.into(),
            Err(failed) => failed,
        }
    }

    /// One line when names are missing, none while they stay so: data does not need them.
    pub(super) fn report_names_failure(&self, failure: &Failure, decision: LogDecision) {
        let (api, status) = (failure.api.label(), failure.code.as_str());
        let error = failure.message();
        if decision != LogDecision::Begins {
            tracing::debug!(api, status, error, "still no names");
            return;
        }
        let next = match &failure.error {
            ApiError::Refused { .. } => {
                "give the key or user the Skills, Agent Groups and Users APIs (Read), or set \
                 names.lookup to false"
            }
            _ => "tried again later",
        };
        tracing::warn!(
            api,
            status,
            error,
            next,
            "names for ids are missing or not the newest; data is not affected"
        );
    }

    pub(super) fn names_polled(&self, summary: &PollSummary, now: Instant) {
        if summary.is_success() {
            self.status.names_succeeded();
            self.recovered(Subject::Names, now, "names are available again");
        }
        let known = NameKind::ALL.map(|kind| self.publisher.lock().names_known(kind));
        let [skills, groups, users] = known;
        tracing::debug!(
            lists = summary.succeeded,
            missing = summary.given_up,
            skills,
            groups,
            users,
            "names looked up"
        );
    }
}
