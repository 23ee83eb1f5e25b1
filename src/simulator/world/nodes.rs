//! The nodes behind LivePerson's load balancer: each refreshes its numbers at moments of its own
//! and may lag behind the others.

use super::changes::Changes;
use super::rng::{Purpose, rng};

/// How often a node's numbers change, in milliseconds.
pub(super) const REFRESH: i64 = 10_000;

/// One node. The default one refreshes on the whole ten seconds and does not lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// When it refreshes, as the time since each whole ten seconds of the UTC clock, in
    /// milliseconds.
    pub phase_ms: i64,
    /// How far behind the numbers are that a refresh brings, in milliseconds.
    pub lag_ms: i64,
}

impl Node {
    /// The node knows the events before this moment when it is asked at `now_ms`, both in
    /// milliseconds since the epoch.
    pub fn as_of(self, now_ms: i64) -> i64 {
        let since_phase = now_ms - self.phase_ms;
        now_ms - since_phase.rem_euclid(REFRESH) - self.lag_ms
    }
}

/// How LivePerson answers for the account: from which nodes, and how its numbers still change
/// after the event.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// At least one.
    pub nodes: Vec<Node>,
    /// What becomes of an event's number.
    pub changes: Changes,
}

impl Default for Deployment {
    /// One node without a lag, and numbers that never change.
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            changes: Changes::default(),
        }
    }
}

impl Deployment {
    /// `count` nodes with drawn phases and lags of 0 to `longest_lag_ms`; the same for the same
    /// seed. A single node keeps the phase 0.
    pub fn draw(seed: u64, count: usize, longest_lag_ms: i64, changes: Changes) -> Self {
        let mut rng = rng(seed, Purpose::Nodes, 0);
        let node = |_| Node {
            phase_ms: rng.i64(0..REFRESH) * i64::from(count > 1),
            lag_ms: rng.i64(0..=longest_lag_ms.max(0)),
        };
        Self {
            nodes: (0..count.max(1)).map(node).collect(),
            changes,
        }
    }

    /// The node that gets call `turn`, counted from 0, when they take turns.
    pub fn node(&self, turn: usize) -> Node {
        let count = self.nodes.len().max(1);
        self.nodes.get(turn % count).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_refreshes_at_its_phase_and_lags() {
        let node = Node {
            phase_ms: 3_000,
            lag_ms: 7_000,
        };
        assert_eq!(node.as_of(102_999), 86_000);
        assert_eq!(node.as_of(103_000), 96_000);
        assert_eq!(node.as_of(112_999), 96_000);
        assert_eq!(Node::default().as_of(109_999), 100_000);
    }

    #[test]
    fn nodes_follow_from_the_seed() {
        let draw = |seed| Deployment::draw(seed, 3, 30_000, Changes::default());
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for seed in 0..200 {
            for node in draw(seed).nodes {
                assert!((0..10_000).contains(&node.phase_ms), "{node:?}");
                assert!((0..=30_000).contains(&node.lag_ms), "{node:?}");
            }
        }
        let one = Deployment::draw(1, 1, 0, Changes::default());
        assert_eq!(one, Deployment::default());
    }

    #[test]
    fn nodes_take_turns() {
        let deployment = Deployment::draw(1, 2, 30_000, Changes::default());
        assert_eq!(deployment.node(0), deployment.node(2));
        assert_ne!(deployment.node(0), deployment.node(1));
    }
}
