//! What `test-connection` does: for each account in turn every step that the daemon takes, once,
//! and for each failure what to do about it.
//!
//! The calls are made one after another with `limits.min_spacing` between them, by the same client
//! that the daemon uses. `advice` knows what each failure means.

mod advice;

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::account::client_settings;
use crate::config::units::format_duration;
use crate::config::{Account, Auth, Config, EngagementActivity, Sla};
use crate::liveperson::{
    ApiError, Client, EngagementAnswer, EngagementQuery, NameKind, NamesAnswer, Reply, Service,
    SlaAnswer, SlaQuery, shown_host,
};

pub use advice::Surroundings;
pub(super) use advice::{Asked, advice};

/// The window that is asked for, in minutes: the smallest answer there is.
const TIMEFRAME: u16 = 5;

/// How many steps there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All is well.
    pub succeeded: usize,
    /// Something is wrong.
    pub failed: usize,
    /// Not tried, because something before it failed.
    pub not_tried: usize,
}

/// Goes through all the accounts; `out` gets the report line by line as it comes.
pub async fn test_connection(
    config: &Config,
    surroundings: &Surroundings,
    out: &mut (dyn FnMut(&str) + Send),
) -> Tally {
    let mut tally = Tally::default();
    for (index, account) in config.accounts.iter().enumerate() {
        if index > 0 {
            out("");
        }
        out(&format!("account {}, {}", account.id, way(&account.auth)));
        let client = match Client::new(client_settings(config, account)) {
            Ok(client) => client,
            Err(error) => {
                out(&format!("  {error}"));
                tally.failed += 1;
                continue;
            }
        };
        out(&row("step", "host", "time", "result"));
        let mut test = Test {
            config,
            account,
            client,
            surroundings,
            last_start: None,
            last_advice: String::new(),
            tally: &mut tally,
            out: &mut *out,
        };
        test.run().await;
    }
    out("");
    out(&summary(tally));
    tally
}

fn summary(tally: Tally) -> String {
    match tally {
        Tally {
            failed: 0,
            not_tried: 0,
            ..
        } => "All is well.".to_owned(),
        Tally {
            failed, not_tried, ..
        } => {
            let steps = if failed == 1 { "step" } else { "steps" };
            let mut text = format!("{failed} {steps} failed");
            if not_tried > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, ", {not_tried} could not be tried because of that");
            }
            text + "."
        }
    }
}

fn way(auth: &Auth) -> &'static str {
    match auth {
        Auth::OAuth2 { .. } => "OAuth 2.0 client credentials",
        Auth::OAuth1 { .. } => "OAuth 1.0 key",
        Auth::Login { .. } => "user login",
    }
}

fn row(step: &str, host: &str, time: &str, result: &str) -> String {
    let row = format!("  {step:<31} {host:<32} {time:>7}  {result}");
    row.trim_end().to_owned()
}

/// One account's turn.
struct Test<'a> {
    config: &'a Config,
    account: &'a Account,
    client: Client,
    surroundings: &'a Surroundings,
    last_start: Option<Instant>,
    last_advice: String,
    tally: &'a mut Tally,
    out: &'a mut (dyn FnMut(&str) + Send),
}

impl Test<'_> {
    async fn run(&mut self) {
        self.fixed_hosts();
        for service in self.client.services(self.config.names.lookup) {
            self.look_up(service).await;
        }
        let authorised = self.authorise().await;
        self.engagement_activity(authorised).await;
        self.sla(authorised).await;
        self.names(authorised).await;
    }

    /// Hosts of the configuration are used as they are.
    fn fixed_hosts(&mut self) {
        for service in Service::ALL {
            if let Some(url) = self.account.hosts.get(service.name()) {
                let step = format!("host of {service}");
                let given = format!("ok: {url} (from hosts)");
                (self.out)(&row(&step, "-", "-", &given));
            }
        }
    }

    async fn look_up(&mut self, service: Service) {
        self.pace().await;
        let reply = self.client.look_up(service).await;
        let host = shown_host(Some(&self.config.domain_api));
        let found = self.host_of(service);
        let asked = Asked::Host(service);
        self.ended(&format!("host of {service}"), &host, asked, reply, |()| {
            found
        });
    }

    async fn authorise(&mut self) -> bool {
        let (step, service) = match &self.account.auth {
            Auth::OAuth1 { .. } => {
                let signed = "ok: every call below is signed";
                (self.out)(&row("signature", "-", "-", signed));
                return true;
            }
            Auth::OAuth2 { .. } => ("token", Service::Sentinel),
            Auth::Login { .. } => ("login", Service::AgentVep),
        };
        if !self.ready(step, service, true) {
            return false;
        }
        self.pace().await;
        let reply = self.client.authorise().await;
        let host = self.host_of(service);
        self.ended(step, &host, Asked::Token, reply, |token| {
            match token.lifetime {
                Some(lifetime) => {
                    let whole_seconds = Duration::from_secs(lifetime.as_secs());
                    format!("good for {}", format_duration(whole_seconds))
                }
                None => "good until the session ends".to_owned(),
            }
        })
    }

    async fn engagement_activity(&mut self, authorised: bool) {
        let (step, service) = ("Engagement Activity", Service::LeDataReporting);
        let section = self.account.section::<EngagementActivity>();
        if section.is_none_or(|section| !section.enabled) {
            return self.not_used(step, "engagement_activity.enabled is false");
        }
        if !self.ready(step, service, authorised) {
            return;
        }
        let query = EngagementQuery {
            timeframe: TIMEFRAME,
            skills: None,
            agents: None,
            interval: None,
        };
        self.pace().await;
        let reply = self.client.engagement_activity(&query).await;
        let host = self.host_of(service);
        let asked = Asked::Data("Engagement Activity");
        self.ended(step, &host, asked, reply, chats);
    }

    async fn sla(&mut self, authorised: bool) {
        let (step, service) = ("SLA Histogram", Service::LeDataReporting);
        let Some(section) = self.account.section::<Sla>().filter(|sla| sla.enabled) else {
            return self.not_used(step, "sla.enabled is false");
        };
        let lower_limits = std::iter::once(0)
            .chain(section.buckets.iter().copied())
            .collect();
        if !self.ready(step, service, authorised) {
            return;
        }
        let query = SlaQuery {
            timeframe: TIMEFRAME,
            skills: None,
            groups: None,
            lower_limits,
        };
        self.pace().await;
        let reply = self.client.sla(&query).await;
        let host = self.host_of(service);
        self.ended(step, &host, Asked::Data("SLA Histogram"), reply, waits);
    }

    async fn names(&mut self, authorised: bool) {
        let service = Service::AccountConfigReadOnly;
        for kind in NameKind::ALL {
            let step = format!("names of {}", kind.plural());
            if !self.config.names.lookup {
                self.not_used(&step, "names.lookup is false");
                continue;
            }
            if !self.ready(&step, service, authorised) {
                continue;
            }
            self.pace().await;
            let reply = self.client.names(kind, false).await;
            let host = self.host_of(service);
            self.ended(&step, &host, Asked::Names, reply, |answer| match answer {
                NamesAnswer::Names(names) => format!("{} names", names.len()),
                NamesAnswer::Unchanged => "unchanged".to_owned(),
            });
        }
    }

    /// Waits until the next call may start.
    async fn pace(&mut self) {
        if let Some(last) = self.last_start {
            tokio::time::sleep_until(last + self.config.limits.min_spacing).await;
        }
        self.last_start = Some(Instant::now());
    }

    fn host_of(&self, service: Service) -> String {
        shown_host(self.client.base_url(service).as_ref())
    }

    /// Whether a step can be tried; says so when it cannot.
    fn ready(&mut self, step: &str, service: Service, authorised: bool) -> bool {
        let because = if self.client.base_url(service).is_none() {
            format!("the host of {service} is not known")
        } else if !authorised {
            "there is no token".to_owned()
        } else {
            return true;
        };
        self.tally.not_tried += 1;
        let host = self.host_of(service);
        (self.out)(&row(step, &host, "-", &format!("not tried: {because}")));
        false
    }

    fn not_used(&mut self, step: &str, because: &str) {
        (self.out)(&row(step, "-", "-", &format!("not used: {because}")));
    }

    /// Reports a call that was made; true when it succeeded.
    fn ended<T>(
        &mut self,
        step: &str,
        host: &str,
        asked: Asked,
        reply: Reply<T>,
        what: impl FnOnce(T) -> String,
    ) -> bool {
        let time = format!("{} ms", reply.elapsed.as_millis());
        match reply.result {
            Ok(answer) => {
                self.tally.succeeded += 1;
                (self.out)(&row(step, host, &time, &format!("ok: {}", what(answer))));
                true
            }
            Err(error) => {
                self.tally.failed += 1;
                (self.out)(&row(step, host, &time, &format!("FAILED: {error}")));
                self.advise(asked, &error, host);
                false
            }
        }
    }

    fn advise(&mut self, asked: Asked, error: &ApiError, host: &str) {
        let advice = advice(asked, error, self.account, host, self.surroundings);
        if self.last_advice == advice {
            return (self.out)("      what to do: as above");
        }
        (self.out)(&format!("      what to do: {advice}"));
        self.last_advice = advice;
    }
}

fn chats(answer: EngagementAnswer) -> String {
    let totals = answer.whole.account.unwrap_or_default();
    let number = |n: Option<f64>| n.map_or("no number of".to_owned(), count);
    format!(
        "{} interactive and {} non-interactive chats in {TIMEFRAME} minutes",
        number(totals.interactive_chats),
        number(totals.noninteractive_chats)
    )
}

/// A number of chats as people write it: not `-0`, which is the sum of nothing, and no more digits
/// than mean anything.
fn count(number: f64) -> String {
    let hundredths = (number * 100.0).round() / 100.0;
    if hundredths.abs() < 1e15 {
        format!("{}", hundredths + 0.0)
    } else {
        format!("{number:e}")
    }
}

fn waits(answer: SlaAnswer) -> String {
    let chats = count(answer.buckets.iter().map(|bucket| bucket.chats).sum());
    let buckets = answer.buckets.len();
    format!("{chats} chats in {buckets} buckets in {TIMEFRAME} minutes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_chats_are_written_for_people() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (std::iter::empty::<f64>().sum(), "0"),
            (17.0, "17"),
            (0.1 + 0.2, "0.3"),
            (-0.001, "0"),
            (1e300, "1e300"),
        ] {
            assert_eq!(count(number), text, "{number:?}");
        }
    }
}
