//! By how much the interval of a plan stretches when the plan cannot be met.
//!
//! The tasks of an account take turns, so each gets an even share of the calls that the spacing
//! allows, and what one does not need goes to the others. A task whose share is smaller than what its
//! plan needs begins its next poll when the last one has ended: the interval stretches by as much as
//! the share is short. This predicts it, for `check-config`; what is served as
//! `liveperson_poll_stretch_ratio` is measured (`PollSummary::stretch`).

use std::time::Duration;

/// What the plan of a task needs: so many requests in every interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Requests of one poll.
    pub requests: usize,
    /// Time between the beginnings of two polls.
    pub interval: Duration,
}

impl Demand {
    /// Calls a second.
    fn rate(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "plans have far fewer than 2^52 requests"
        )]
        let requests = self.requests as f64;
        requests / self.interval.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The share of the possible calls that all plans together need; over 1 they cannot be met.
fn load(spacing: Duration, demands: &[Demand]) -> f64 {
    demands.iter().map(|demand| demand.rate()).sum::<f64>() * spacing.as_secs_f64()
}

/// For each plan, how many times its interval a poll takes when calls start at this spacing: 1
/// when the plan can be met, and never less.
pub fn stretch_ratios(spacing: Duration, demands: &[Demand]) -> Vec<f64> {
    let mut ratios = vec![1.0; demands.len()];
    if load(spacing, demands) <= 1.0 {
        return ratios;
    }
    // The smallest first: a plan that needs less than an even share leaves the rest to the others.
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by(|a, b| demands[*a].rate().total_cmp(&demands[*b].rate()));
    let mut left = 1.0 / spacing.as_secs_f64().max(f64::MIN_POSITIVE);
    for (place, index) in order.iter().enumerate() {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an account has a handful of tasks"
        )]
        let share = left / (order.len() - place) as f64;
        let rate = demands[*index].rate();
        ratios[*index] = (rate / share).max(1.0);
        left -= rate.min(share);
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(requests: usize, secs: u64) -> Demand {
        Demand {
            requests,
            interval: Duration::from_secs(secs),
        }
    }

    fn ratios(spacing_ms: u64, demands: &[Demand]) -> Vec<f64> {
        let ratios = stretch_ratios(Duration::from_millis(spacing_ms), demands);
        ratios
            .iter()
            .map(|r| (r * 1000.0).round() / 1000.0)
            .collect()
    }

    #[test]
    fn a_plan_that_can_be_met_is_not_stretched() {
        assert_eq!(ratios(250, &[demand(4, 30), demand(2, 60)]), [1.0, 1.0]);
        assert_eq!(ratios(250, &[demand(120, 30)]), [1.0]);
        assert_eq!(ratios(250, &[]), [0.0; 0]);
        assert_eq!(ratios(250, &[demand(0, 30)]), [1.0]);
    }

    #[test]
    fn a_plan_alone_takes_its_requests_times_the_spacing() {
        assert_eq!(ratios(250, &[demand(240, 30)]), [2.0]);
        assert_eq!(ratios(16_000, &[demand(4, 30)]), [2.133]);
    }

    #[test]
    fn what_a_small_plan_does_not_need_goes_to_the_others() {
        // Four calls a second; the first needs 1, the second 12: it gets 3.
        assert_eq!(ratios(250, &[demand(30, 30), demand(360, 30)]), [1.0, 4.0]);
        // Both need more than half of the calls.
        assert_eq!(ratios(250, &[demand(90, 30), demand(360, 30)]), [1.5, 6.0]);
    }
}
