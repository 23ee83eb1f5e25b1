//! What becomes of the arrivals of a block: a discrete-event simulation of queues and agents.
//!
//! An agent on duty handles up to [`SLOTS_PER_AGENT`] chats at once. A chat goes to the least busy
//! free agent who serves its queue; when there is none it waits, and the next agent with a free
//! slot takes the one that has waited longest. Visitors whose patience ends abandon the queue. So
//! waits grow when few agents are on duty or demand surges.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use fastrand::Rng;

use super::arrivals::{Arrival, LONGEST_CHAT};
use super::block::Block;
use super::chat::Chat;
use super::skills::QueueIndex;
use super::staffing::{Agent, AgentIndex, Staff};
use super::window::DAY;

/// Chats that one agent handles at once.
pub(super) const SLOTS_PER_AGENT: u8 = 2;
/// How many agents of a queue are considered for a new chat: bounds the cost in huge accounts.
const MOST_CANDIDATES: usize = 64;

/// Simulates `block` to its end; one chat per arrival, in the same order.
pub(super) fn simulate(staff: &Staff, block: Block, arrivals: &[Arrival], rng: Rng) -> Vec<Chat> {
    let mut simulation = QueueSimulation::new(staff, block, arrivals, rng);
    for (index, arrival) in arrivals.iter().enumerate() {
        simulation.run_until(arrival.queued_at);
        simulation.enqueue(ChatIndex(index), arrival);
    }
    simulation.run_until(i64::MAX);
    simulation.chats
}

/// A chat's position among the arrivals of the block: a smaller one was queued earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ChatIndex(usize);

/// The state between two events.
struct QueueSimulation<'a> {
    arrivals: &'a [Arrival],
    /// One per arrival, at first as if no agent ever answered.
    chats: Vec<Chat>,
    /// By [`QueueIndex`].
    queues: Vec<Queue>,
    /// By [`AgentIndex`].
    agents: Vec<AgentState<'a>>,
    /// What happens to agents, earliest first: when, whom, what.
    events: BinaryHeap<Reverse<(i64, AgentIndex, Event)>>,
    rng: Rng,
}

#[derive(Clone, Default)]
struct Queue {
    /// The agents who serve it.
    agents: Vec<AgentIndex>,
    /// The chats that wait, oldest first. Abandoned ones are removed when they come to the front.
    waiting: VecDeque<ChatIndex>,
}

struct AgentState<'a> {
    agent: &'a Agent,
    duty: Vec<Range<i64>>,
    queues: Vec<QueueIndex>,
    /// Chats being handled.
    chats: u8,
    /// When a chat was assigned last.
    last_assigned: i64,
}

impl AgentState<'_> {
    fn is_free_at(&self, time: i64) -> bool {
        self.chats < SLOTS_PER_AGENT && self.duty.iter().any(|span| span.contains(&time))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A chat is finished, notes included.
    ChatFinished,
    /// The agent comes on duty.
    DutyBegins,
}

impl<'a> QueueSimulation<'a> {
    fn new(staff: &'a Staff, block: Block, arrivals: &'a [Arrival], rng: Rng) -> Self {
        let (start, end) = (block.start(), block.start() + DAY + LONGEST_CHAT);
        let mut queues = vec![Queue::default(); staff.queue_count()];
        let mut events = BinaryHeap::new();
        let mut agents = Vec::with_capacity(staff.agents().len());
        for (index, agent) in staff.agents().iter().enumerate() {
            let index = AgentIndex(index);
            let state = AgentState {
                agent,
                duty: staff.duty(agent, start, end),
                queues: staff.queues_of(agent),
                chats: 0,
                last_assigned: i64::MIN,
            };
            for queue in &state.queues {
                queues[queue.0].agents.push(index);
            }
            let begins = state.duty.iter().map(|span| span.start);
            events.extend(begins.map(|time| Reverse((time, index, Event::DutyBegins))));
            agents.push(state);
        }
        Self {
            arrivals,
            chats: arrivals.iter().map(abandoned).collect(),
            queues,
            agents,
            events,
            rng,
        }
    }

    /// Processes the events up to `time`; agents who become free take waiting chats.
    fn run_until(&mut self, time: i64) {
        while let Some(&Reverse((at, agent, event))) = self.events.peek() {
            if at > time {
                return;
            }
            self.events.pop();
            if event == Event::ChatFinished {
                self.agents[agent.0].chats -= 1;
            }
            while self.agents[agent.0].is_free_at(at) {
                let Some(chat) = self.take_longest_waiting(agent, at) else {
                    break;
                };
                self.assign(chat, agent, at);
            }
        }
    }

    /// Assigns a new chat to an agent, or lets it wait.
    fn enqueue(&mut self, chat: ChatIndex, arrival: &Arrival) {
        match self.least_busy_agent(arrival.queue, arrival.queued_at) {
            Some(agent) => self.assign(chat, agent, arrival.queued_at),
            None => self.queues[arrival.queue.0].waiting.push_back(chat),
        }
    }

    /// The free agent of `queue` with the fewest chats, of those the one idle longest.
    fn least_busy_agent(&mut self, queue: QueueIndex, time: i64) -> Option<AgentIndex> {
        let serving = &self.queues[queue.0].agents;
        let count = serving.len();
        if count == 0 {
            return None;
        }
        let first = self.rng.usize(0..count);
        (0..count.min(MOST_CANDIDATES))
            .map(|step| serving[(first + step) % count])
            .filter(|agent| self.agents[agent.0].is_free_at(time))
            .min_by_key(|&agent| {
                let state = &self.agents[agent.0];
                (state.chats, state.last_assigned, agent)
            })
    }

    /// Takes the chat that has waited longest out of all the queues that `agent` serves.
    fn take_longest_waiting(&mut self, agent: AgentIndex, time: i64) -> Option<ChatIndex> {
        let mut longest: Option<(ChatIndex, QueueIndex)> = None;
        for &index in &self.agents[agent.0].queues {
            let queue = &mut self.queues[index.0];
            queue.remove_abandoned(self.arrivals, time);
            if let Some(&chat) = queue.waiting.front()
                && longest.is_none_or(|(other, _)| chat < other)
            {
                longest = Some((chat, index));
            }
        }
        let (chat, queue) = longest?;
        self.queues[queue.0].waiting.pop_front();
        Some(chat)
    }

    fn assign(&mut self, index: ChatIndex, agent: AgentIndex, time: i64) {
        let arrival = &self.arrivals[index.0];
        let state = &mut self.agents[agent.0];
        let answered_at = time + arrival.reply_time;
        let closed_at = answered_at + i64::from(arrival.handling_seconds) * 1000;
        let chat = &mut self.chats[index.0];
        chat.answered_at = Some(answered_at);
        chat.closed_at = closed_at;
        chat.agent = Some(state.agent.id());
        chat.group = state.agent.group();
        chat.interactive = arrival.interactive;
        chat.handling_seconds = arrival.handling_seconds;
        state.chats += 1;
        state.last_assigned = time;
        let finished_at = closed_at + arrival.wrap_up_time;
        self.events
            .push(Reverse((finished_at, agent, Event::ChatFinished)));
    }
}

impl Queue {
    /// Removes the chats at the front whose visitors have left by `time`.
    fn remove_abandoned(&mut self, arrivals: &[Arrival], time: i64) {
        while self.waiting.front().is_some_and(|chat| {
            let arrival = &arrivals[chat.0];
            arrival.queued_at + arrival.patience <= time
        }) {
            self.waiting.pop_front();
        }
    }
}

/// The chat of a visitor who waits until the patience ends and leaves.
fn abandoned(arrival: &Arrival) -> Chat {
    Chat {
        queued_at: arrival.queued_at,
        answered_at: None,
        closed_at: arrival.queued_at + arrival.patience,
        skill: arrival.skill,
        agent: None,
        group: None,
        interactive: false,
        handling_seconds: 0,
    }
}
