//! LivePerson's nodes behind their load balancer, and clocks.

use fastrand::Rng;

pub(crate) struct Nodes {
    /// When each refreshes, within 10 s, and how much it lags behind then, in seconds.
    nodes: Vec<(f64, f64)>,
    in_turn: bool,
    current: usize,
    /// What we take for LivePerson's clock less that clock, in seconds.
    pub(crate) clock_error: i64,
}

impl Nodes {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let count = 1 + rng.usize(..3);
        let worst = [0.0, 10.0, 27.0][rng.usize(..3)];
        Self {
            nodes: (0..count)
                .map(|_| (10.0 * rng.f64(), worst * rng.f64()))
                .collect(),
            in_turn: rng.bool(),
            current: 0,
            clock_error: rng.i64(-118..=118),
        }
    }

    /// Another connection; other requests have been made on it.
    pub(crate) fn reconnect(&mut self, rng: &mut Rng) {
        self.current = rng.usize(..self.nodes.len());
    }

    /// Until when the node that answers at `now` knows everything.
    pub(crate) fn known(&mut self, now: f64) -> i64 {
        if self.in_turn {
            self.current += 1;
        }
        let (phase, lag) = self.nodes[self.current % self.nodes.len()];
        let refreshed = ((now - phase) / 10.0).floor() * 10.0 + phase;
        // The lag differs from refresh to refresh, and is the same for all answers in between.
        let mut rng = Rng::with_seed(refreshed.to_bits() ^ lag.to_bits());
        (refreshed - lag - 3.0 * rng.f64()).floor() as i64
    }

    /// What we take for LivePerson's time.
    pub(crate) fn estimated(&self, now: f64) -> i64 {
        now as i64 + self.clock_error
    }
}
