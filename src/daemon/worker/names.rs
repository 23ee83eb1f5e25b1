//! The names of an account: asked for in the background, and never anybody's failed poll.

use std::time::Instant;

use super::called::Called;
use super::{AccountWorker, Failure};
use crate::daemon::publisher::Answer;
use crate::daemon::trouble::{Say, Subject};
use crate::liveperson::{ApiError, NameKind, NamesAnswer};
use crate::scheduler::{Call, CallOutput, Outcome, PollSummary};

impl AccountWorker {
    pub(super) async fn ask_names(&self, call: Call, index: usize) -> CallOutput<Answer, ()> {
        let Some(kind) = NameKind::ALL.get(index).copied() else {
            return Outcome::Rejected.into();
        };
        let has_last = self.lock().publisher.has_names(kind);
        let reply = self.client.names(kind, has_last).await;
        let asked = format!("the names of {}", kind.plural());
        match self.ended(call, Called::Names, &asked, reply) {
            Ok(NamesAnswer::Names(names)) => CallOutput::answered(Answer::Names { kind, names }),
            Ok(NamesAnswer::Unchanged) => Outcome::SUCCESS.into(),
            Err(outcome) => outcome.into(),
        }
    }

    /// One line when names are missing, none while they stay so: they are nice to have.
    pub(super) fn tell_names_failure(&self, failure: &Failure, say: Say, error: &str) {
        let (account, api, status) = (self.id(), failure.api.label(), failure.code.as_str());
        if say != Say::Begins {
            tracing::debug!(account, api, status, error, "still no names");
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
            account,
            api,
            status,
            error,
            next,
            "no names for ids, or not the newest; data goes on"
        );
    }

    pub(super) fn names_polled(&self, summary: &PollSummary, now: Instant) {
        if summary.is_success() {
            self.recovered(Subject::Names, now, "names are there again");
        }
        let inner = self.lock();
        let count = |kind| inner.publisher.names_known(kind);
        tracing::debug!(
            account = self.id(),
            lists = summary.succeeded,
            missing = summary.given_up,
            skills = count(NameKind::Skills),
            groups = count(NameKind::Groups),
            users = count(NameKind::Users),
            "names looked up"
        );
    }
}
