//! An exporter and LivePerson for some days, as the daemon drives the book of one collector.

use std::collections::HashMap;

use fastrand::Rng;
use liveperson_exporter::totals::{
    Book, Counts, Gap, LedgerCall, LedgerId, Mark, SeriesKey, Step as MoveStep,
};

use super::config::{Config, Query};
use super::disk::{Disk, Saved, Step};
use super::nodes::Nodes;
use super::scenario::{Event, HOUR, Kind, START};
use super::served::Served;
use super::truth::Truth;

/// After a crash nothing is served that was received earlier than this, in seconds after the start.
const WITHHELD: f64 = 45.0;
/// A mark is never older when it is asked for.
const OLDEST_ASKED: i64 = 24 * HOUR + 300;
/// At the end nothing goes wrong for so long, in seconds.
pub(crate) const CALM: i64 = 3 * HOUR;

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) kind: Kind,
    pub(crate) truth: Truth,
    nodes: Nodes,
    pub(crate) config: Config,
    pub(crate) book: Book<Query>,
    disk: Disk,
    served: Served,
    /// LivePerson's time, in seconds since the epoch.
    now: f64,
    /// When the chats end.
    pub(crate) until: i64,
    /// When nothing goes wrong any more; some hours later the simulation ends.
    pub(crate) calm_from: i64,
    /// Until when LivePerson answers nothing.
    out_until: i64,
    /// When each ledger was answered last.
    received: HashMap<LedgerId, f64>,
    withheld_until: f64,
    /// When the configuration changed last.
    pub(crate) reconfigured: i64,
    /// Whether the last start followed a crash.
    crashed: bool,
    next_save: f64,
    /// What was declared lost.
    pub(crate) gaps: Vec<Gap>,
    pub(crate) counts: Statistics,
    is_traced: bool,
}

/// What happened in a simulation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) polls: u64,
    pub(crate) chats: u64,
    pub(crate) attempts: u64,
    pub(crate) moves: u64,
    pub(crate) forced: u64,
    pub(crate) lost: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> (Self, Vec<(i64, Event)>) {
        let mut rng = Rng::with_seed(seed);
        let kind = Kind::draw(seed, &mut rng);
        let (events, until) = super::scenario::draw(&mut rng);
        let truth = Truth::generate(&mut rng, &kind, START - 24 * HOUR, until);
        let counts = Statistics {
            chats: truth.chats() as u64,
            ..Statistics::default()
        };
        let world = Self {
            nodes: Nodes::draw(&mut rng),
            config: Config::draw(&mut rng, &kind),
            truth,
            book: Book::default(),
            disk: Disk::default(),
            served: Served::default(),
            now: START as f64,
            until,
            calm_from: until,
            out_until: 0,
            received: HashMap::new(),
            withheld_until: 0.0,
            reconfigured: 0,
            crashed: false,
            next_save: 0.0,
            gaps: Vec::new(),
            counts,
            is_traced: std::env::var_os("SIMULATION_TRACE").is_some(),
            kind,
            rng,
        };
        (world, events)
    }

    pub(crate) fn run(&mut self, events: &[(i64, Event)]) {
        let mut events = events.iter().peekable();
        let mut polls = 0;
        while self.now < (self.calm_from + CALM) as f64 {
            while let Some((_, event)) = events.next_if(|(at, _)| (*at as f64) < self.now) {
                self.happens(*event);
            }
            let calm = self.now > self.calm_from as f64;
            let event_in_poll = events
                .peek()
                .filter(|(at, _)| (*at as f64) < self.now + 20.0);
            let stop_after = event_in_poll.map(|_| self.rng.usize(..6));
            let begun = self.now;
            self.poll(stop_after, calm);
            polls += 1;
            self.now = self.now.max(begun + self.kind.interval as f64);
            // A pause that would make an anchor too old is an outage, and those are drawn.
            let oldest = self.book.oldest_anchor();
            let is_urgent = oldest.is_some_and(|anchor| anchor.age(self.now as i64) > 20 * HOUR);
            if polls % self.kind.polls_in_a_row == 0 && !calm && (!is_urgent || self.is_out()) {
                self.now += 600.0 + 5400.0 * self.rng.f64();
            }
        }
    }

    fn happens(&mut self, event: Event) {
        let now = self.now as i64;
        if self.is_traced {
            eprintln!("{now} {event:?}, {:?}", self.config);
        }
        match event {
            Event::Outage(length) => {
                self.out_until = now + length;
                self.calm_from = self.calm_from.max(self.out_until);
            }
            Event::FullDisk(length) => self.disk.full_until = now + length,
            Event::Reload => {
                let new = Config::draw(&mut self.rng, &self.kind);
                let book_state = self.book.state();
                self.served.reconfigured(&self.config, &new);
                self.reconfigured = now;
                self.config = new;
                self.start(Some(book_state));
            }
            Event::Restart { clean, down } => self.restart(clean, down),
        }
    }

    fn restart(&mut self, clean: bool, down: i64) {
        // After a crash, what was not answered since is not what was served before it.
        let is_complete = |(id, _, _)| {
            self.received
                .get(&id)
                .is_some_and(|at| *at >= self.withheld_until)
        };
        let is_complete = self.book.ledgers().all(is_complete);
        let mut is_clean = false;
        if clean {
            let (book_state, _) = self.book.snapshot();
            let gaps = self.gaps.clone();
            self.disk.begin(Saved { book_state, gaps }, Vec::new());
            let is_saved = !matches!(self.disk.step(self.now as i64), Step::Failed);
            is_clean = is_complete && is_saved;
        }
        self.disk.saving = None;
        self.now += down as f64;
        self.calm_from = self.calm_from.max(self.now as i64);
        let saved = self.disk.load(self.now as i64);
        self.crashed = !is_clean;
        if self.crashed {
            let corrected = self.truth.corrected(None);
            let most = corrected.chats.iter().sum::<i64>().max(corrected.handling);
            let book_state = saved.as_ref().map(|saved| &saved.book_state);
            self.served.crashed(book_state, most as f64);
            if self.disk.saved_at < self.reconfigured {
                // What the new configuration began again begins once more.
                self.reconfigured = self.now as i64;
                self.served = Served::default();
            }
            self.withheld_until = self.now + WITHHELD;
        }
        self.gaps = saved
            .as_ref()
            .map_or(Vec::new(), |saved| saved.gaps.clone());
        self.nodes.clock_error = self.rng.i64(-118..=118);
        self.book = Book::default();
        self.start(saved.map(|saved| saved.book_state));
    }

    fn start(&mut self, book_state: Option<liveperson_exporter::totals::BookState>) {
        let at = self.nodes.estimated(self.now);
        if let Some(book_state) = book_state {
            self.book = Book::restore(book_state, |key| self.config.query_of(key), at);
        }
        let answered = self.book.ledgers().filter_map(|(id, _, ledger)| {
            let age = (at - ledger.answered()?).max(0) as f64;
            Some((id, self.now - age))
        });
        self.received = answered.collect();
    }

    /// One poll; it ends after so many answers when something happens in it.
    fn poll(&mut self, stop_after: Option<usize>, calm: bool) {
        self.counts.polls += 1;
        self.nodes.reconnect(&mut self.rng);
        let at = self.nodes.estimated(self.now);
        let named = self.named();
        let wanted = self.config.wanted(&named);
        let lost_before = self.book.lost();
        let (calls, gaps) = self.book.plan(&wanted, at);
        self.counts.lost += gaps.len() as u64;
        let lost = self.book.lost();
        if lost != lost_before {
            if self.crashed {
                self.served.lost_after_crash();
            }
            let (from, until) = (lost.from, lost.until);
            self.gaps.retain(|gap| gap.from < from || gap.until > until);
            self.gaps.push(Gap { from, until });
        }
        let mut left = stop_after.unwrap_or(usize::MAX);
        for call in calls {
            let mut next = Some(call);
            while let Some(call) = next.filter(|_| left > 0) {
                left -= 1;
                next = self.ask(call, calm);
            }
        }
        if left > 0 {
            self.others_say_nothing(&named);
        }
        self.save();
        self.serve();
    }

    fn is_out(&self) -> bool {
        self.now < self.out_until as f64
    }

    /// The skills that had chats in the last hour.
    fn named(&mut self) -> Vec<i64> {
        let from = Mark::at_or_before(self.now as i64 - HOUR).seconds();
        let known = self.nodes.known(self.now);
        let skills = 0..i64::try_from(self.kind.skills).unwrap();
        let is_named = |id: &i64| {
            let sums = self.truth.answer(Some(*id), from, known);
            sums.chats.iter().any(|chats| *chats > 0)
        };
        skills.filter(is_named).collect()
    }

    fn others_say_nothing(&mut self, named: &[i64]) {
        let window_start = self.nodes.estimated(self.now) - HOUR + 60;
        if self.is_out() {
            return;
        }
        let at = self.nodes.estimated(self.now);
        let is_unnamed =
            |query: &Query| Config::discovered(query).is_some_and(|id| !named.contains(&id));
        for id in self.book.confirm_zero_since(is_unnamed, window_start, at) {
            self.received.insert(id, self.now);
        }
    }

    /// One request, that is made again when it fails; returns the next one of its attempt.
    fn ask(&mut self, call: LedgerCall, calm: bool) -> Option<LedgerCall> {
        self.counts.attempts += u64::from(call.step == Some(MoveStep::Target));
        for pause in [5.0, 10.0, 15.0, 0.0] {
            let fails = self.is_out() || (!calm && self.rng.f64() < self.kind.failing);
            if !fails {
                return self.try_to_ask(call);
            }
            self.step_of_save();
            self.now += pause;
        }
        None
    }

    fn try_to_ask(&mut self, call: LedgerCall) -> Option<LedgerCall> {
        self.now += 0.25 + self.rng.f64();
        let mark = self.book.mark(call)?;
        let minutes = mark.timeframe(self.nodes.estimated(self.now))?;
        let nominal = self.now as i64 - 60 * i64::from(minutes);
        let from = Mark::at_or_before(nominal);
        assert_eq!(from, mark, "LivePerson begins the window at another mark");
        assert!(mark.age(self.now as i64) < OLDEST_ASKED);
        let known = self.nodes.known(self.now);
        let query = self.book.query(call.ledger)?;
        let answer = query.answer(&self.truth, self.kind.skills, mark.seconds(), known);
        self.now += 2.0 * self.rng.f64() * self.rng.f64();
        // While the answer is on its way other things happen.
        self.step_of_save();
        self.answered(call, mark, &answer)
    }

    fn answered(&mut self, call: LedgerCall, mark: Mark, answer: &Counts) -> Option<LedgerCall> {
        let at = self.nodes.estimated(self.now);
        let answered = self.book.answered(call, mark, answer, at);
        if answered.served {
            self.received.insert(call.ledger, self.now);
        }
        self.counts.forced += u64::from(answered.forced);
        answered.next
    }

    fn save(&mut self) {
        self.step_of_save();
        let due =
            self.book.has_ready_moves() || (self.book.has_changed() && self.now > self.next_save);
        if self.disk.saving.is_none() && due {
            self.next_save = self.now + 300.0;
            let (book_state, moves) = self.book.snapshot();
            let gaps = self.gaps.clone();
            self.disk.begin(Saved { book_state, gaps }, moves);
        }
        for _ in 0..self.rng.usize(..4) {
            self.step_of_save();
        }
    }

    fn step_of_save(&mut self) {
        match self.disk.step(self.now as i64) {
            Step::Nothing => (),
            Step::Done(moves) => {
                self.counts.moves += moves.len() as u64;
                self.book.saved(&moves);
            }
            Step::Failed => {
                let at = self.nodes.estimated(self.now);
                self.book.move_without_state(false, at);
            }
        }
    }

    /// What there is to see in a trace.
    fn print(&self) {
        for (id, query, ledger) in self.book.ledgers() {
            let anchor = ledger.anchor().seconds();
            let answered = ledger.answered();
            eprintln!(
                "{:.0} {id:?} {:?} at {anchor} answered {answered:?}",
                self.now, query.asks
            );
            for row in ledger.rows() {
                let (from, known) = (row.created.seconds(), self.now as i64);
                let all = self.truth.all(Self::skill(row.key), from, known);
                let (base, served) = (row.base, row.served);
                let all = all.fields(&query.layout);
                eprintln!(
                    "  {:?} since {from} {base:?} {served:?} of {all:?}",
                    row.key.ids
                );
            }
        }
    }

    fn serve(&mut self) {
        if self.is_traced {
            self.print();
        }
        let mut all = true;
        for (id, _, ledger) in self.book.ledgers() {
            let received = self.received.get(&id);
            if received.is_none_or(|at| *at < self.withheld_until) {
                all = false;
                continue;
            }
            ledger.rows().for_each(|row| self.served.sees(row));
        }
        if all {
            self.served.is_complete();
        }
    }

    /// Which skill a series is of.
    pub(crate) fn skill(key: SeriesKey) -> Option<i64> {
        (key != SeriesKey::ACCOUNT).then_some(key.ids[0])
    }
}
