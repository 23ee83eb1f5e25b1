//! Which node answers a call.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::deployment_options::{DeploymentOptions, NodeChoice};
use super::world::{Changes, Deployment, Node};

/// Hands connections or calls to the nodes in turn.
pub(super) struct LoadBalancer {
    deployment: Deployment,
    choice: NodeChoice,
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// A connection, counted from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection(usize);

impl LoadBalancer {
    /// For the nodes that `options` and `seed` give.
    pub(super) fn new(options: &DeploymentOptions, seed: u64) -> Self {
        Self {
            deployment: deployment(options, seed),
            choice: options.node_choice,
            connections: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        }
    }

    /// A client has connected.
    pub(super) fn connection(&self) -> Connection {
        Connection(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// The node for a call on `connection`; each use is a call.
    pub(super) fn node(&self, connection: Connection) -> Node {
        let turn = match self.choice {
            NodeChoice::Connection => connection.0,
            NodeChoice::Request => self.calls.fetch_add(1, Ordering::Relaxed),
        };
        self.deployment.node(turn)
    }

    /// What becomes of the events' numbers.
    pub(super) fn changes(&self) -> &Changes {
        &self.deployment.changes
    }

    /// The nodes and what becomes of the numbers.
    pub(super) fn deployment(&self) -> &Deployment {
        &self.deployment
    }
}

fn deployment(options: &DeploymentOptions, seed: u64) -> Deployment {
    let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(0);
    let changes = Changes {
        seed,
        late_share: options.late_share,
        corrected_share: options.corrected_share,
        settled_after_ms: ms(options.settled_after),
    };
    Deployment::draw(seed, options.nodes, ms(options.node_lag), changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(choice: NodeChoice) -> [Node; 4] {
        let options = DeploymentOptions {
            nodes: 2,
            node_choice: choice,
            ..DeploymentOptions::default()
        };
        let balancer = LoadBalancer::new(&options, 1);
        let (a, b) = (balancer.connection(), balancer.connection());
        [a, a, b, b].map(|connection| balancer.node(connection))
    }

    #[test]
    fn connections_or_calls_take_turns_with_the_nodes() {
        let [first, second, third, fourth] = nodes(NodeChoice::Connection);
        assert!(first == second && third == fourth && first != third);
        let [first, second, third, fourth] = nodes(NodeChoice::Request);
        assert!(first == third && second == fourth && first != second);
    }
}
