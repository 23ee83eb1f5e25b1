//! The simulated contact centre, and what an API may read of it.
//!
//! `skills` and `staffing` say who works when, `arrivals` who asks for a chat; `queueing` decides who
//! serves whom, and `history` keeps the resulting chats while they can be reported. `nodes` and
//! `changes` say what of them is known when, and `counts` what is counted. [`World`] is the view of
//! all this that one request gets. `traffic` draws chats without any of it, for simulations that
//! need very many.

mod arrivals;
mod block;
mod changes;
mod chat;
mod counts;
mod history;
mod nodes;
mod queueing;
mod rng;
mod sample_names;
mod skills;
mod staffing;
mod traffic;
mod window;

use std::collections::HashMap;

use super::auth::Credentials;
use super::options::Options;

#[cfg(test)]
pub(crate) use arrivals::LONGEST_CHAT;
pub use changes::Changes;
pub(crate) use changes::EventChange;
pub use chat::{Chat, Chats, Event};
pub(crate) use counts::{Activity, View, Waits, wait_seconds};
pub use counts::{Counts, Key};
pub(crate) use history::History;
pub use nodes::{Deployment, Node};
pub use sample_names::AgentNames;
pub(crate) use skills::FIRST_SKILL;
pub use skills::{Skill, UNASSIGNED_SKILL};
pub use staffing::{Agent, AgentGroup};
pub(crate) use staffing::{FIRST_AGENT, FIRST_GROUP, Staff};
pub use traffic::Traffic;
pub use window::Window;
pub(crate) use window::{BUCKET, DAY, floor};
#[cfg(test)]
pub(crate) use window::{HOUR, MINUTE};

/// The simulated account at the moment of one request: everything that an API may count from.
///
/// Times are milliseconds since the epoch on the simulator's clock; ids are LivePerson's.
#[derive(Clone, Copy)]
pub struct World<'a> {
    moment: Moment,
    options: &'a Options,
    history: &'a History,
    credentials: &'a Credentials,
    services: &'a [&'static str],
    changes: &'a Changes,
}

/// When a request came, and to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// On LivePerson's clock.
    pub(super) now_ms: i64,
    /// The same without running fast: what the lifetime of tokens is measured by.
    pub(super) unaccelerated_ms: i64,
    /// The node that answers.
    pub(super) node: Node,
}

impl<'a> World<'a> {
    pub(super) fn new(
        moment: Moment,
        options: &'a Options,
        history: &'a History,
        credentials: &'a Credentials,
        services: &'a [&'static str],
        changes: &'a Changes,
    ) -> Self {
        Self {
            moment,
            options,
            history,
            credentials,
            services,
            changes,
        }
    }

    /// The time of the request.
    pub fn now_ms(&self) -> i64 {
        self.moment.now_ms
    }

    /// How the account is set up, with its id and the way it writes numbers.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// The skills, busiest first. Chats without a skill have the id [`UNASSIGNED_SKILL`], which
    /// is not among them.
    pub fn skills(&self) -> &'a [Skill] {
        self.history.staff().skills()
    }

    /// All agents, on duty or not.
    pub fn agents(&self) -> &'a [Agent] {
        self.history.staff().agents()
    }

    /// The agent groups.
    pub fn groups(&self) -> &'a [AgentGroup] {
        self.history.staff().groups()
    }

    /// The last `timeframe` minutes, as LivePerson rounds them.
    pub fn window(&self, timeframe: i64) -> Window {
        Window::ending(self.moment.now_ms, timeframe, self.moment.node)
    }

    /// The same with what becomes of its events' numbers.
    pub(super) fn view(&self, timeframe: i64) -> View<'a> {
        View {
            window: self.window(timeframe),
            changes: self.changes,
        }
    }

    /// Every chat that was queued, answered or closed in `window`, and others: an API has to
    /// check the times of each. The window must end now.
    pub fn chats(&self, window: Window) -> Chats {
        self.history.chats_around(window)
    }

    /// The chats whose visitors wait in a queue, as of the last refresh; the longest wait first.
    pub fn waiting_chats(&self) -> Vec<Chat> {
        self.current_chats(Chat::is_waiting_at)
    }

    /// The chats that agents are handling, as of the last refresh.
    fn handled_chats(&self) -> Vec<Chat> {
        self.current_chats(Chat::is_handled_at)
    }

    /// The agents on duty with their free slots, as of the last refresh.
    pub fn agents_on_duty(&self) -> Vec<AgentOnDuty<'a>> {
        let time = self.window(0).as_of;
        let mut handled: HashMap<i64, usize> = HashMap::new();
        for agent in self.handled_chats().iter().filter_map(|chat| chat.agent) {
            *handled.entry(agent).or_default() += 1;
        }
        let free_slots = |agent: &Agent| {
            let busy = handled.get(&agent.id()).copied().unwrap_or(0);
            usize::from(queueing::SLOTS_PER_AGENT).saturating_sub(busy)
        };
        let staff = self.history.staff();
        let on_duty = staff.agents().iter();
        on_duty
            .filter(|agent| staff.is_on_duty(agent, time))
            .map(|agent| AgentOnDuty {
                agent,
                free_slots: free_slots(agent),
            })
            .collect()
    }

    /// The services of the account's APIs, each once, for the Domain API.
    pub(super) fn services(&self) -> &'a [&'static str] {
        self.services
    }

    /// Who may call, for the APIs that hand out tokens.
    pub(super) fn credentials(&self) -> &'a Credentials {
        self.credentials
    }

    /// When a token issued now begins, in seconds since the epoch.
    pub(super) fn token_time(&self) -> i64 {
        self.moment.unaccelerated_ms / 1000
    }

    /// When a token issued now ends, in seconds since the epoch.
    pub(super) fn token_expiry(&self) -> i64 {
        let lifetime = self.options.token_lifetime.as_secs();
        let lifetime = i64::try_from(lifetime).unwrap_or(i64::MAX);
        self.token_time().saturating_add(lifetime)
    }

    fn current_chats(&self, is_current: impl Fn(&Chat, i64) -> bool) -> Vec<Chat> {
        let window = self.window(0);
        let chats = self.chats(window);
        let current = chats.iter().filter(|chat| is_current(chat, window.as_of));
        current.cloned().collect()
    }
}

/// An agent who is working.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AgentOnDuty<'a> {
    /// Who.
    pub agent: &'a Agent,
    /// How many more chats the agent could take.
    pub free_slots: usize,
}
