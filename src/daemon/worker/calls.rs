//! The calls: what is asked, what an answer becomes, and which of the poller's rules a failure
//! falls under.

use super::called::Called;
use super::telling::seconds;
use super::{AccountWorker, Failure};
use crate::collectors::Request;
use crate::daemon::clock::{aged, timeframe};
use crate::daemon::publisher::Answer;
use crate::exposition::{Chunk, SegmentWriter};
use crate::liveperson::{ApiError, Reply};
use crate::scheduler::{Call, CallOutput, Outcome, RequestIndex, ServiceId, TaskId};

/// Longer answers are mapped on a thread for long work: writing and compressing their samples takes
/// longer than what else this task has to do may wait.
const MAPPED_IN_PLACE: u64 = 16 * 1024;

/// A request as it goes out now.
struct Prepared {
    request: Request,
    path: String,
    /// What the last answer to it became.
    earlier: Vec<Chunk>,
}

impl AccountWorker {
    pub(super) async fn look_up(&self, id: ServiceId) -> CallOutput<Answer, ()> {
        let Some(service) = self.services.get(id.index()).copied() else {
            return Outcome::Rejected.into();
        };
        let reply = self.client.look_up(service).await;
        let asked = format!("the host of {}", service.name());
        self.ended(Call::LookUp(id), Called::Domain, &asked, reply)
            .map_or_else(|outcome| outcome, |()| Outcome::SUCCESS)
            .into()
    }

    pub(super) async fn authorise(&self) -> CallOutput<Answer, ()> {
        let reply = self.client.authorise().await;
        self.ended(Call::Authorise, Called::Token, "a token", reply)
            .map_or_else(
                |outcome| outcome,
                |token| Outcome::Success {
                    lifetime: token.lifetime,
                },
            )
            .into()
    }

    pub(super) async fn request(
        &self,
        task: TaskId,
        index: RequestIndex,
    ) -> CallOutput<Answer, ()> {
        let call = Call::Request { task, index };
        if self.is_names(task) {
            return self.ask_names(call, index.index()).await;
        }
        let Some(prepared) = self.prepare(task.index(), index.index()) else {
            return Outcome::Rejected.into();
        };
        match self.ask(call, prepared).await {
            Ok(answer) => CallOutput::answered(answer),
            Err(outcome) => outcome.into(),
        }
    }

    fn prepare(&self, collector: usize, index: usize) -> Option<Prepared> {
        let inner = self.lock();
        let request = inner.publisher.request(collector, index)?;
        let at = aged(tokio::time::Instant::now().into_std(), &*self.clock);
        let now = inner.server_clock.now(at, self.clock.now());
        let minutes = |window| timeframe(window, now, &inner.timezone);
        Some(Prepared {
            path: request.path(self.id(), &minutes),
            request,
            earlier: inner.publisher.earlier(collector, index),
        })
    }

    async fn ask(&self, call: Call, prepared: Prepared) -> Result<Answer, Outcome> {
        let Prepared {
            request,
            path,
            earlier,
        } = prepared;
        let began = tokio::time::Instant::now();
        let about = request.about();
        let read = {
            let request = request.clone();
            move |body: &[u8]| request.read(body)
        };
        let reply = self.client.get(about.service, &path, read).await;
        let came = aged((began + reply.elapsed).into_std(), &*self.clock);
        let large = reply.bytes > MAPPED_IN_PLACE;
        let answer = self.ended(call, Called::Data(about), &path, reply)?;
        let skills = request.names_skills().then(|| answer.skills());
        if request.discovers_skills() {
            let skills = skills.unwrap_or_default();
            return Ok(Answer::Skills { skills, came });
        }
        let account = self.id().to_owned();
        let map = move || {
            let mut writer = SegmentWriter::new(&earlier);
            answer.map(&account, &mut writer);
            writer.finish()
        };
        let chunks = if large {
            off_the_executor(map).await?
        } else {
            map()
        };
        Ok(Answer::Data {
            chunks: self.packed(chunks)?,
            skills,
            came,
        })
    }

    /// An answer that cannot be packed for want of memory is given up for this poll.
    pub(super) fn packed<T>(&self, packed: std::io::Result<T>) -> Result<T, Outcome> {
        packed.map_err(|error| {
            tracing::error!(account = self.id(), %error, "an answer cannot be compressed");
            Outcome::Rejected
        })
    }

    /// Counts a finished call and keeps why it failed.
    pub(super) fn ended<T>(
        &self,
        call: Call,
        api: Called,
        asked: &str,
        reply: Reply<T>,
    ) -> Result<T, Outcome> {
        let code = reply.code.to_string();
        self.counters
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
        // The hosts of data say when data is; others may have clocks of their own.
        if let (Some(time), Called::Data(_)) = (reply.server_time, api) {
            self.server_time(time);
        }
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

/// A large account's answer takes a while: not on a thread that serves scrapes.
async fn off_the_executor<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Outcome> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        // A bug in the work goes on; at the end of the program nobody waits any more.
        Err(error) => match error.try_into_panic() {
            Ok(bug) => std::panic::resume_unwind(bug),
            Err(_) => Err(Outcome::Rejected),
        },
    }
}

/// Long id lists would drown the rest of a log line.
pub(super) fn shortened(asked: &str) -> String {
    const LONGEST: usize = 200;
    match asked.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}...", &asked[..cut]),
        None => asked.to_owned(),
    }
}
