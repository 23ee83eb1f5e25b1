//! The calls: what is asked, what an answer becomes, and which of the scheduler's rules a failure
//! falls under.

use super::reporting::seconds;
use super::{AccountWorker, Api, Failure};
use crate::collectors::{self, DiscoveredSkills, Purpose, Request};
use crate::daemon::clock::{aged, timeframe};
use crate::daemon::log_throttle::Subject;
use crate::daemon::publisher::Answer;
use crate::daemon::totals::{TotalsAnswer, TotalsRequest};
use crate::exposition::{Chunk, SegmentWriter};
use crate::liveperson::{ApiError, Code, Reply};
use crate::scheduler::{Call, CallOutput, Outcome, RequestKey, ServiceId, TaskId};
use crate::totals::{Counts, Mark};

/// Longer answers are mapped on a blocking thread: writing and compressing their samples takes longer
/// than other work on this thread may wait.
const MAX_MAPPED_IN_PLACE: u64 = 16 * 1024;

/// A request as it goes out now.
struct PreparedRequest {
    request: Request,
    path: String,
    /// What the last answer to it became.
    previous: Vec<Chunk>,
    /// From which mark it is asked, if it is one for running totals, and with which time frame, in
    /// minutes.
    anchored: Option<(Mark, u16)>,
}

impl AccountWorker {
    pub(super) async fn look_up(&self, id: ServiceId) -> CallOutput<Answer, Box<Failure>> {
        let Some(service) = self.service(id) else {
            return Outcome::Rejected.into();
        };
        let reply = self.client.look_up(service).await;
        let requested = format!("the host of {}", service.name());
        let subject = self.subject(Call::LookUp(id));
        match self.record_call(subject, Api::Domain, &requested, reply) {
            Ok(()) => Outcome::SUCCESS.into(),
            Err(failed) => failed,
        }
    }

    pub(super) async fn authorise(&self) -> CallOutput<Answer, Box<Failure>> {
        let reply = self.client.authorise().await;
        match self.record_call(Subject::Token, Api::Token, "a token", reply) {
            Ok(token) => Outcome::Success {
                lifetime: token.lifetime,
            }
            .into(),
            Err(failed) => failed,
        }
    }

    pub(super) async fn request_data(
        &self,
        task: TaskId,
        key: RequestKey,
    ) -> CallOutput<Answer, Box<Failure>> {
        let Some(prepared) = self.prepare(task, key) else {
            return Outcome::Rejected.into();
        };
        let subject = match self.tasks.collector(task) {
            Some(collector) => Subject::Collector(collector.label()),
            None => return Outcome::Rejected.into(),
        };
        match self.fetch(subject, prepared).await {
            Ok(answer) => CallOutput::answered(answer),
            Err(failed) => failed,
        }
    }

    fn prepare(&self, task: TaskId, key: RequestKey) -> Option<PreparedRequest> {
        let now = self.now();
        let (request, previous, mark) = {
            let mut publisher = self.publisher.lock();
            match publisher.totals_request(task, key, now) {
                Some(TotalsRequest { request, mark }) => (request, Vec::new(), Some(mark)),
                None => {
                    let request = publisher.request(task, key)?;
                    (request, publisher.previous(task, key), None)
                }
            }
        };
        let timezone = self.timezone.lock().clone();
        let anchored = match mark {
            Some(mark) => Some((mark, mark.timeframe(now.liveperson)?)),
            None => None,
        };
        let minutes = |window| match anchored {
            Some((_, minutes)) => minutes,
            None => timeframe(window, now.time(), &timezone),
        };
        Some(PreparedRequest {
            path: request.path(&self.account.id, &minutes),
            request,
            previous,
            anchored,
        })
    }

    async fn fetch(
        &self,
        subject: Subject,
        prepared: PreparedRequest,
    ) -> Result<Answer, CallOutput<Answer, Box<Failure>>> {
        let PreparedRequest {
            request,
            path,
            previous,
            anchored,
        } = prepared;
        let about = request.about();
        let started = tokio::time::Instant::now();
        let read = {
            let request = request.clone();
            move |body: &[u8]| request.read(body)
        };
        let reply = self.client.get(about.service, &path, read).await;
        let received = self.moment(started + reply.elapsed);
        let is_large = reply.bytes > MAX_MAPPED_IN_PLACE;
        let server_time = reply.server_time.map(|read| read.time.as_second());
        let answer = self.record_call(subject, Api::Data(about), &path, reply)?;
        if let Some((mark, minutes)) = anchored {
            // By LivePerson's own clock, should it differ from what it was believed to be.
            let began = server_time.map_or(mark, |now| Mark::of_answer(now, minutes));
            let counts = match began == mark {
                true => count(answer, is_large).await?,
                false => None,
            };
            if counts.is_none() {
                tracing::debug!(
                    asked = path,
                    "an answer cannot be counted for running totals"
                );
            }
            return Ok(Answer::Totals(Box::new(TotalsAnswer {
                mark,
                counts,
                received,
            })));
        }
        let skills = DiscoveredSkills::in_answer(&request, &answer);
        let chunks = match request.purpose() {
            Purpose::Data => self.map(answer, previous, is_large).await?,
            Purpose::SkillDiscovery => Vec::new(),
        };
        Ok(Answer::Data {
            chunks,
            skills,
            received_at: received.aged,
        })
    }

    /// Maps an answer to samples, written and compressed. One that cannot be compressed because memory
    /// is exhausted is given up for this poll.
    async fn map(
        &self,
        answer: collectors::Answer,
        previous: Vec<Chunk>,
        is_large: bool,
    ) -> Result<Vec<Chunk>, Outcome> {
        let account = self.account.id.clone();
        let map = move || {
            let mut writer = SegmentWriter::new(&previous);
            answer.map(&account, &mut writer);
            writer.finish()
        };
        let chunks = match is_large {
            true => spawn_blocking(map).await?,
            false => map(),
        };
        chunks.map_err(|error| {
            tracing::error!(%error, "an answer cannot be compressed");
            Outcome::Rejected
        })
    }

    /// Counts and logs a call that ended; the error is its outcome with the reason.
    pub(super) fn record_call<T>(
        &self,
        subject: Subject,
        api: Api,
        requested: &str,
        reply: Reply<T>,
    ) -> Result<T, CallOutput<Answer, Box<Failure>>> {
        let has_answered = !matches!(reply.code, Code::Connect | Code::Timeout);
        let answered_at = has_answered.then(|| {
            let now = tokio::time::Instant::now().into_std();
            (aged(now, &*self.clock), self.clock.now())
        });
        self.status.set_contact(answered_at);
        let code = reply.code.to_string();
        self.counters
            .request(api.label(), &code, reply.elapsed, reply.bytes);
        tracing::debug!(
            collector = subject.collector(),
            api = api.label(),
            status = code,
            seconds = seconds(reply.elapsed),
            bytes = reply.bytes,
            asked = requested,
            "call ended"
        );
        // The hosts of data say when data is; others may have clocks of their own.
        match (reply.server_time, api) {
            (Some(time), Api::Data(_)) => self.record_server_time(time),
            (None, Api::Data(_)) if reply.result.is_ok() => {
                self.server_clock.lock().read_nothing();
            }
            _ => {}
        }
        if let Some(ignored) = &reply.ignored {
            self.record_ignored_entries(api, requested, ignored);
        }
        reply.result.map_err(|error| {
            let outcome = outcome_of(&error);
            let failure = Failure {
                api,
                code,
                requested: shortened(requested),
                error,
            };
            CallOutput::failed(outcome, Box::new(failure))
        })
    }
}

/// The numbers of an answer for running totals.
async fn count(
    answer: collectors::Answer,
    is_large: bool,
) -> Result<Option<Counts>, CallOutput<Answer, Box<Failure>>> {
    let count = move || answer.counts();
    Ok(match is_large {
        true => spawn_blocking(count).await?,
        false => count(),
    })
}

/// Which of the scheduler's rules applies to a failure.
pub(in crate::daemon) fn outcome_of(error: &ApiError) -> Outcome {
    match error {
        ApiError::Throttled { retry_after } => Outcome::Throttled {
            retry_after: *retry_after,
        },
        ApiError::Refused { status: 401, .. } => Outcome::Unauthorised,
        // The same request would bring the same answer again.
        ApiError::Refused { .. } | ApiError::Rejected { .. } | ApiError::TooLarge { .. } => {
            Outcome::Rejected
        }
        ApiError::Connect { .. } => Outcome::Failed { connection: true },
        ApiError::Timeout { .. } | ApiError::Failed { .. } | ApiError::Unreadable { .. } => {
            Outcome::Failed { connection: false }
        }
    }
}

/// Runs long work on a blocking thread and waits for it.
async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Outcome> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result),
        // A panic is passed on; otherwise the program ends, and the result is not wanted any more.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Outcome::Rejected),
        },
    }
}

/// A path without the end of its list of ids, which would hide the rest of a log line.
pub(in crate::daemon) fn shortened(requested: &str) -> String {
    const MAX_CHARS: usize = 200;
    match requested.char_indices().nth(MAX_CHARS) {
        Some((cut, _)) => format!("{}...", &requested[..cut]),
        None => requested.to_owned(),
    }
}
