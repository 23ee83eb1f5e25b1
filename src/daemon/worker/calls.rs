//! The calls: what is asked, what an answer becomes, and which of the poller's rules a failure
//! falls under.

use super::telling::seconds;
use super::{AccountWorker, Failure};
use crate::config::Window;
use crate::daemon::aside::aside;
use crate::daemon::clock::timeframe;
use crate::exposition::{Chunk, SegmentWriter};
use crate::liveperson::{
    Api, ApiError, EngagementAnswer, IdFilter, Reply, Service, SlaAnswer, engagement_path, sla_path,
};
use crate::metrics;
use crate::poll::plan::{Ask, Level, PlannedRequest, Query, sla};
use crate::poll::{Call, Finished, Outcome};

/// What an answer became.
enum Mapped {
    Chunks(Vec<Chunk>),
    /// The skills that LivePerson named.
    Skills(Vec<i64>),
}

impl AccountWorker {
    pub(super) async fn look_up(&self, service: usize) -> Finished {
        let Some(service) = self.parts.services.get(service).copied() else {
            return Outcome::Rejected.into();
        };
        let reply = self.parts.client.look_up(service).await;
        let asked = format!("the host of {}", service.name());
        self.ended(
            Call::LookUp(self.index_of(service)),
            Api::Domain,
            &asked,
            reply,
        )
        .map_or_else(|outcome| outcome, |()| Outcome::SUCCESS)
        .into()
    }

    fn index_of(&self, service: Service) -> usize {
        self.parts
            .services
            .iter()
            .position(|s| *s == service)
            .unwrap_or_default()
    }

    pub(super) async fn authorise(&self) -> Finished {
        let reply = self.parts.client.authorise().await;
        self.ended(Call::Authorise, Api::Token, "a token", reply)
            .map_or_else(
                |outcome| outcome,
                |token| Outcome::Success {
                    lifetime: token.lifetime,
                },
            )
            .into()
    }

    pub(super) async fn request(&self, collector: usize, index: usize) -> Finished {
        if self.is_names(collector) {
            return self
                .ask_names(Call::Request { collector, index }, index)
                .await;
        }
        let request = self
            .lock()
            .results
            .get(collector)
            .and_then(|r| r.request(index).cloned());
        let Some(request) = request else {
            return Outcome::Rejected.into();
        };
        let call = Call::Request { collector, index };
        match self.ask(call, request).await {
            Ok(Mapped::Chunks(chunks)) => {
                self.lock().results[collector].keep(index, chunks);
                Outcome::SUCCESS.into()
            }
            Ok(Mapped::Skills(skills)) => self.found_skills(collector, index, skills),
            Err(outcome) => outcome.into(),
        }
    }

    async fn ask(&self, call: Call, request: PlannedRequest) -> Result<Mapped, Outcome> {
        let minutes = timeframe(request.window, self.parts.clock.now(), &self.parts.timezone);
        let client = &self.parts.client;
        match request.query(minutes) {
            Query::Engagement(query) => {
                let reply = client.engagement_activity(&query).await;
                let asked = engagement_path(self.id(), &query);
                let answer = self.ended(call, Api::EngagementActivity, &asked, reply)?;
                if query.skills == Some(IdFilter::All) {
                    self.lock().reported.extend(skills_of(&answer));
                }
                self.map_engagement(call, request, answer).await
            }
            Query::Sla(query) => {
                let reply = client.sla(&query).await;
                let asked = sla_path(self.id(), &query);
                let answer = self.ended(call, Api::Sla, &asked, reply)?;
                let earlier = self.earlier(call, &request);
                let chunks = aside(|| map_sla(self.id(), &request, &answer, &earlier));
                self.packed(chunks).map(Mapped::Chunks)
            }
        }
    }

    async fn map_engagement(
        &self,
        call: Call,
        request: PlannedRequest,
        answer: EngagementAnswer,
    ) -> Result<Mapped, Outcome> {
        let earlier = self.earlier(call, &request);
        let Ask::Engagement { levels, .. } = request.ask else {
            return Ok(Mapped::Skills(skills_of(&answer).collect()));
        };
        let (account, window) = (self.id().to_owned(), request.window);
        // A large account's answer takes a while: not on a thread that serves scrapes.
        let chunks = tokio::task::spawn_blocking(move || {
            map_engagement(&account, window, &levels, &answer, &earlier)
        });
        match chunks.await {
            Ok(chunks) => self.packed(chunks).map(Mapped::Chunks),
            // A bug in the mapping goes on; at the end of the program nobody waits any more.
            Err(error) => match error.try_into_panic() {
                Ok(bug) => std::panic::resume_unwind(bug),
                Err(_) => Err(Outcome::Rejected),
            },
        }
    }

    /// What the last answer to the same request became, so that what is equal can stay.
    fn earlier(&self, call: Call, request: &PlannedRequest) -> Vec<Chunk> {
        let Call::Request { collector, .. } = call else {
            return Vec::new();
        };
        let inner = self.lock();
        let results = inner.results.get(collector);
        results.map(|r| r.earlier(request)).unwrap_or_default()
    }

    /// An answer that cannot be packed for want of memory is given up for this poll.
    pub(super) fn packed<T>(&self, packed: std::io::Result<T>) -> Result<T, Outcome> {
        packed.map_err(|error| {
            tracing::error!(account = self.id(), %error, "an answer cannot be compressed");
            Outcome::Rejected
        })
    }

    /// The answer that says which skills there are brings their requests along.
    fn found_skills(&self, collector: usize, index: usize, skills: Vec<i64>) -> Finished {
        let more = sla::plan_found_skills(&self.parts.account, &skills);
        let mut inner = self.lock();
        inner.results[collector].keep(index, Vec::new());
        let more = inner.results[collector].extend(more);
        inner.skills.get_or_insert(skills);
        Finished {
            outcome: Outcome::SUCCESS,
            more,
        }
    }

    /// Counts a finished call and keeps why it failed.
    pub(super) fn ended<T>(
        &self,
        call: Call,
        api: Api,
        asked: &str,
        reply: Reply<T>,
    ) -> Result<T, Outcome> {
        let code = reply.code.to_string();
        self.parts
            .counters
            .request(api.label(), &code, reply.elapsed, reply.bytes);
        tracing::debug!(
            account = self.id(),
            collector = self.subject(call).collector(),
            api = api.label(),
            status = code,
            seconds = seconds(reply.elapsed),
            bytes = reply.bytes,
            asked,
            "call ended"
        );
        if let Some(ignored) = &reply.ignored {
            self.entries_ignored(api, asked, ignored);
        }
        reply.result.map_err(|error| {
            let outcome = outcome_of(&error);
            let asked = shortened(asked);
            self.lock().failures.insert(
                call,
                Failure {
                    api,
                    code,
                    asked,
                    error,
                },
            );
            outcome
        })
    }
}

/// Which of the poller's rules applies to a failure.
fn outcome_of(error: &ApiError) -> Outcome {
    match error {
        ApiError::Throttled { retry_after } => Outcome::Throttled {
            retry_after: *retry_after,
        },
        ApiError::Refused { status: 401, .. } => Outcome::Unauthorised,
        // The same question would bring the same flood again.
        ApiError::Refused { .. } | ApiError::Rejected { .. } | ApiError::TooLarge { .. } => {
            Outcome::Rejected
        }
        ApiError::Connect { .. } => Outcome::Failed { connection: true },
        ApiError::Timeout { .. } | ApiError::Failed { .. } | ApiError::Unreadable { .. } => {
            Outcome::Failed { connection: false }
        }
    }
}

fn skills_of(answer: &EngagementAnswer) -> impl Iterator<Item = i64> {
    answer
        .whole
        .skills
        .iter()
        .flat_map(|section| &section.skills)
        .map(|(id, _)| *id)
}

fn map_engagement(
    account: &str,
    window: Window,
    levels: &[Level],
    answer: &EngagementAnswer,
    earlier: &[Chunk],
) -> std::io::Result<Vec<Chunk>> {
    let mut writer = SegmentWriter::new(earlier)?;
    metrics::engagement_activity::map(account, &window.label(), levels, answer, &mut writer);
    writer.finish()
}

fn map_sla(
    account: &str,
    request: &PlannedRequest,
    answer: &SlaAnswer,
    earlier: &[Chunk],
) -> std::io::Result<Vec<Chunk>> {
    let Ask::Sla {
        subject,
        lower_limits,
    } = &request.ask
    else {
        return Ok(Vec::new());
    };
    let mut writer = SegmentWriter::new(earlier)?;
    let window = request.window.label();
    metrics::sla::map(
        account,
        &window,
        *subject,
        lower_limits,
        answer,
        &mut writer,
    );
    writer.finish()
}

/// Long id lists would drown the rest of a log line.
pub(super) fn shortened(asked: &str) -> String {
    const LONGEST: usize = 200;
    match asked.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}...", &asked[..cut]),
        None => asked.to_owned(),
    }
}
