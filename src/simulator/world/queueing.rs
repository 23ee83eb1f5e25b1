//! What becomes of the arrivals of a block: a discrete simulation of lines and agents.
//!
//! An agent on duty holds up to [`SLOTS`] chats at once. A chat goes to the least busy free agent
//! who serves its line; when there is none it waits, and the next agent with a free slot takes the
//! one that has waited longest. Visitors whose patience ends give up. So waits grow by themselves
//! when few agents are on duty or a surge comes in.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fastrand::Rng;

use super::arrivals::{Arrival, Chat, LONGEST_CHAT};
use super::staffing::Staff;
use super::window::DAY;

/// Chats that one agent handles at once.
const SLOTS: u8 = 2;
/// How many agents of a line are looked at for a new chat: bounds the cost in huge accounts.
const LOOKED_AT: usize = 64;

/// Plays the block that begins at `start` to its end; one chat per arrival, in the same order.
pub(crate) fn serve(staff: &Staff, start: i64, arrivals: &[Arrival], rng: Rng) -> Vec<Chat> {
    let mut floor = Floor::new(staff, start, arrivals, rng);
    for (index, arrival) in arrivals.iter().enumerate() {
        floor.run_until(arrival.at);
        floor.arrive(index, arrival);
    }
    floor.run_until(i64::MAX);
    floor.chats
}

struct Floor<'a> {
    staff: &'a Staff,
    arrivals: &'a [Arrival],
    /// Every chat, at first as if nobody ever came to it.
    chats: Vec<Chat>,
    /// By line: the agents who serve it.
    members: Vec<Vec<usize>>,
    /// By line: the chats that wait, oldest first. Those who gave up are removed when met.
    waiting: Vec<VecDeque<usize>>,
    /// By agent: when on duty, which lines, how many chats in hand, when last given one.
    duty: Vec<Vec<(i64, i64)>>,
    lines: Vec<Vec<usize>>,
    load: Vec<u8>,
    last: Vec<i64>,
    events: BinaryHeap<Reverse<(i64, usize, Event)>>,
    rng: Rng,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A chat is done with, notes included.
    Released,
    /// The agent comes on duty.
    Comes,
}

impl<'a> Floor<'a> {
    fn new(staff: &'a Staff, start: i64, arrivals: &'a [Arrival], rng: Rng) -> Self {
        let count = staff.agents.len();
        let duty: Vec<_> = (0..count)
            .map(|agent| staff.duty(agent, start, start + DAY + LONGEST_CHAT))
            .collect();
        let lines: Vec<_> = staff
            .agents
            .iter()
            .map(|agent| staff.lines_of(agent))
            .collect();
        let mut members = vec![Vec::new(); staff.lines()];
        for (agent, lines) in lines.iter().enumerate() {
            for &line in lines {
                members[line].push(agent);
            }
        }
        let events = duty
            .iter()
            .enumerate()
            .flat_map(|(agent, spans)| spans.iter().map(move |span| (span.0, agent)))
            .map(|(time, agent)| Reverse((time, agent, Event::Comes)))
            .collect();
        Self {
            staff,
            arrivals,
            chats: arrivals.iter().map(abandoned).collect(),
            members,
            waiting: vec![VecDeque::new(); staff.lines()],
            duty,
            lines,
            load: vec![0; count],
            last: vec![i64::MIN; count],
            events,
            rng,
        }
    }

    /// Lets agents come and become free until `time`.
    fn run_until(&mut self, time: i64) {
        while let Some(&Reverse((at, agent, event))) = self.events.peek() {
            if at > time {
                return;
            }
            self.events.pop();
            if event == Event::Released {
                self.load[agent] -= 1;
            }
            while self.is_free(agent, at) {
                let Some(chat) = self.longest_waiting(agent, at) else {
                    break;
                };
                self.connect(chat, agent, at);
            }
        }
    }

    fn arrive(&mut self, index: usize, arrival: &Arrival) {
        match self.least_busy(arrival.line, arrival.at) {
            Some(agent) => self.connect(index, agent, arrival.at),
            None => self.waiting[arrival.line].push_back(index),
        }
    }

    fn is_free(&self, agent: usize, time: i64) -> bool {
        let on_duty = |&(start, end): &(i64, i64)| start <= time && time < end;
        self.load[agent] < SLOTS && self.duty[agent].iter().any(on_duty)
    }

    /// The free agent of `line` with the fewest chats, of those the one idle longest.
    fn least_busy(&mut self, line: usize, time: i64) -> Option<usize> {
        let count = self.members[line].len();
        if count == 0 {
            return None;
        }
        let first = self.rng.usize(0..count);
        (0..count.min(LOOKED_AT))
            .map(|step| self.members[line][(first + step) % count])
            .filter(|&agent| self.is_free(agent, time))
            .min_by_key(|&agent| (self.load[agent], self.last[agent], agent))
    }

    /// Takes the chat that has waited longest of all the lines that `agent` serves.
    fn longest_waiting(&mut self, agent: usize, time: i64) -> Option<usize> {
        let arrivals = self.arrivals;
        let mut oldest: Option<(usize, usize)> = None;
        for &line in &self.lines[agent] {
            let queue = &mut self.waiting[line];
            while queue.front().is_some_and(|&chat| {
                let arrival = &arrivals[chat];
                arrival.at + arrival.patience <= time
            }) {
                queue.pop_front();
            }
            // Chats are numbered by arrival, so the smallest number has waited longest.
            if let Some(&chat) = queue.front()
                && oldest.is_none_or(|(other, _)| chat < other)
            {
                oldest = Some((chat, line));
            }
        }
        let (chat, line) = oldest?;
        self.waiting[line].pop_front();
        Some(chat)
    }

    fn connect(&mut self, index: usize, agent: usize, time: i64) {
        let arrival = &self.arrivals[index];
        let answered = time + arrival.reply;
        let closed = answered + i64::from(arrival.handling_seconds) * 1000;
        let chat = &mut self.chats[index];
        chat.answered_at = Some(answered);
        chat.closed_at = closed;
        chat.agent = Some(self.staff.agents[agent].id);
        chat.group = self.staff.agents[agent].group;
        chat.interactive = arrival.interactive;
        chat.handling_seconds = arrival.handling_seconds;
        self.load[agent] += 1;
        self.last[agent] = time;
        let done = (closed + arrival.wrap_up, agent, Event::Released);
        self.events.push(Reverse(done));
    }
}

/// The chat of a visitor who waits until the patience ends and leaves.
fn abandoned(arrival: &Arrival) -> Chat {
    Chat {
        queued_at: arrival.at,
        answered_at: None,
        closed_at: arrival.at + arrival.patience,
        skill: arrival.skill,
        agent: None,
        group: None,
        interactive: false,
        handling_seconds: 0,
    }
}
