//! What `test-connection` does: for each account in turn every step that the daemon takes, once,
//! and for each failure what to do about it.
//!
//! The calls are made one after another with `limits.min_spacing` between them, by the same client
//! that the daemon uses. `advice` knows what each failure means.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::account::client_settings;
use super::advice::{ProxyEnv, Step, advice};
use super::services::{known_services, needed_services};
use crate::collectors::{AccountCollectors, ConfiguredCollector, Registry};
use crate::config::units::format_duration;
use crate::config::{Account, Auth, Config};
use crate::liveperson::{ApiError, Client, NameKind, NamesAnswer, Reply, display_host};
use crate::vocabulary::{Service, Window};

/// How many steps there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All steps succeeded.
    pub succeeded: usize,
    /// Something is wrong.
    pub failed: usize,
    /// Not tried, because something before it failed.
    pub not_tried: usize,
}

/// Which collectors of an account are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Those that run.
    Enabled,
    /// Also those that are off.
    All,
}

/// Goes through all the accounts; `out` gets the report line by line as it comes.
pub async fn test_connection(
    config: &Config,
    registry: &Registry,
    tried: Tried,
    proxy: &ProxyEnv,
    out: &mut (dyn FnMut(&str) + Send),
) -> Summary {
    let mut summary = Summary::default();
    for (index, account) in config.accounts.iter().enumerate() {
        if index > 0 {
            out("");
        }
        out(&format!(
            "account {}, {}",
            account.id,
            auth_method(&account.auth)
        ));
        let client = match Client::new(client_settings(config, account)) {
            Ok(client) => client,
            Err(error) => {
                out(&format!("  {error}"));
                summary.failed += 1;
                continue;
            }
        };
        out(&row("step", "host", "time", "result"));
        let mut test = Test {
            config,
            tried,
            account,
            collectors: registry.configured(account),
            client,
            proxy,
            last_start: None,
            last_advice: String::new(),
            summary: &mut summary,
            out: &mut *out,
        };
        test.run().await;
    }
    out("");
    out(&summary.text());
    summary
}

impl Summary {
    fn text(self) -> String {
        match self {
            Self {
                failed: 0,
                not_tried: 0,
                ..
            } => "All steps succeeded.".to_owned(),
            Self {
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
}

fn auth_method(auth: &Auth) -> &'static str {
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
    tried: Tried,
    account: &'a Account,
    collectors: AccountCollectors,
    client: Client,
    proxy: &'a ProxyEnv,
    last_start: Option<Instant>,
    last_advice: String,
    summary: &'a mut Summary,
    out: &'a mut (dyn FnMut(&str) + Send),
}

impl Test<'_> {
    async fn run(&mut self) {
        self.fixed_hosts();
        let tried = match self.tried {
            Tried::Enabled => self.collectors.enabled(),
            Tried::All => self.collectors.all(),
        };
        for service in needed_services(&self.client, tried, self.config.names.lookup) {
            self.look_up(service).await;
        }
        let authorised = self.authorise().await;
        let collectors = self.collectors.clone();
        for collector in collectors.all() {
            self.probe(collector, authorised).await;
        }
        self.names(authorised).await;
    }

    /// Hosts of the configuration are used as they are.
    fn fixed_hosts(&mut self) {
        for service in known_services(self.collectors.all()) {
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
        let host = display_host(Some(&self.config.domain_api));
        let found = self.host_of(service);
        let asked = Step::Host(service);
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
            Auth::OAuth2 { .. } => ("token", Service::SENTINEL),
            Auth::Login { .. } => ("login", Service::AGENT_VEP),
        };
        if !self.ready(step, service, true) {
            return false;
        }
        self.pace().await;
        let reply = self.client.authorise().await;
        let host = self.host_of(service);
        self.ended(step, &host, Step::Token, reply, |token| {
            match token.lifetime {
                Some(lifetime) => {
                    let whole_seconds = Duration::from_secs(lifetime.as_secs());
                    format!("valid for {}", format_duration(whole_seconds))
                }
                None => "valid until the session ends".to_owned(),
            }
        })
    }

    /// Makes the smallest call of a collector's API.
    async fn probe(&mut self, collector: &ConfiguredCollector, authorised: bool) {
        let about = collector.about();
        if !collector.enabled() && self.tried == Tried::Enabled {
            let because = format!("{}.enabled is false (--all tries it)", about.label);
            return self.not_used(about.title, &because);
        }
        if !self.ready(about.title, about.service, authorised) {
            return;
        }
        let request = collector.probe();
        let path = request.path(&self.account.id, &|window| match window {
            Window::Minutes(minutes) => minutes,
            // A probe asks for the smallest answer there is.
            Window::Today | Window::SinceAnchor => 1,
        });
        self.pace().await;
        let read = move |body: &[u8]| request.read(body);
        let reply = self.client.get(about.service, &path, read).await;
        let host = self.host_of(about.service);
        let asked = Step::Data(about);
        self.ended(about.title, &host, asked, reply, |answer| answer.summary());
    }

    async fn names(&mut self, authorised: bool) {
        let service = Service::ACCOUNT_CONFIG_READ_ONLY;
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
            self.ended(&step, &host, Step::Names, reply, |answer| match answer {
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
        display_host(self.client.base_url(service).as_ref())
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
        self.summary.not_tried += 1;
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
        name: &str,
        host: &str,
        step: Step,
        reply: Reply<T>,
        what: impl FnOnce(T) -> String,
    ) -> bool {
        let time = format!("{} ms", reply.elapsed.as_millis());
        match reply.result {
            Ok(answer) => {
                self.summary.succeeded += 1;
                (self.out)(&row(name, host, &time, &format!("ok: {}", what(answer))));
                true
            }
            Err(error) => {
                self.summary.failed += 1;
                (self.out)(&row(name, host, &time, &format!("FAILED: {error}")));
                self.advise(step, &error, host);
                false
            }
        }
    }

    fn advise(&mut self, step: Step, error: &ApiError, host: &str) {
        let advice = advice(step, error, self.account, host, self.proxy);
        if self.last_advice == advice {
            return (self.out)("      what to do: as above");
        }
        (self.out)(&format!("      what to do: {advice}"));
        self.last_advice = advice;
    }
}
