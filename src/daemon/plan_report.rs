//! What `check-config` prints: every request of the plan, how often, and how many series to
//! expect. Nothing is called.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::timeframe;
use crate::config::{Account, Config, Selection, Sla};
use crate::liveperson::{NameKind, engagement_path, sla_path};
use crate::scheduler::plan::{Ask, CollectorKind, PlannedRequest, Query, sla::plan_found_skills};
use crate::scheduler::{Demand, stretch_ratios};

/// Series of one activity level per id and window: two kinds of chats and of handling time, and
/// the connected engagements.
const ACTIVITY_SERIES: u64 = 5;

/// The plan of a configuration as text. `now` decides how long `today` is.
pub fn plan_report(config: &Config, now: Timestamp) -> String {
    let mut out = String::new();
    let mut bound = Bound::default();
    for account in &config.accounts {
        // Writing to a String cannot fail.
        let _ = of_account(config, account, now, &mut out);
        bound.add_account(account);
    }
    let _ = bound.write(config.limits.max_series, &mut out);
    out
}

fn of_account(
    config: &Config,
    account: &Account,
    now: Timestamp,
    out: &mut String,
) -> std::fmt::Result {
    writeln!(out, "account {}", account.id)?;
    let (mut per_minute, mut per_skill) = (0.0, 0.0);
    let mut demands = Vec::new();
    for kind in CollectorKind::ALL
        .into_iter()
        .filter(|kind| kind.enabled(account))
    {
        let (plan, interval) = (kind.plan(account, None), kind.interval(account));
        let polls_per_minute = 60.0 / interval.as_secs_f64();
        // Who hears of the skills from the other collector asks for them only in the first poll.
        let lasting = kind.plan(account, Some(&[])).len();
        per_minute += as_float(lasting) * polls_per_minute;
        demands.push((
            kind,
            Demand {
                requests: lasting,
                interval,
            },
        ));
        writeln!(
            out,
            "  {}: {} every {}, {}",
            kind.label(),
            requests(lasting),
            crate::config::units::format_duration(interval),
            starts(interval, lasting),
        )?;
        for request in &plan {
            let once = plan.len() > lasting && request.ask == Ask::DiscoverSkills;
            let once = if once { ", only in the first poll" } else { "" };
            writeln!(out, "    {}{once}", line(config, account, request, now))?;
        }
        if kind == CollectorKind::Sla && account.sla.skills == Selection::All {
            let each = plan_found_skills(account, &[0]).len();
            per_skill = as_float(each) * polls_per_minute;
            writeln!(
                out,
                "    and {} for each skill that LivePerson reports",
                requests(each)
            )?;
        }
    }
    if config.names.lookup {
        let (lists, refresh) = (NameKind::ALL.len(), config.names.refresh);
        per_minute += as_float(lists) * 60.0 / refresh.as_secs_f64();
        writeln!(
            out,
            "  names: {} every {}, after everything else",
            requests(lists),
            crate::config::units::format_duration(refresh),
        )?;
    }
    let allowed = 60.0 / config.limits.min_spacing.as_secs_f64();
    write!(out, "  requests per minute: {}", rounded(per_minute))?;
    if per_skill > 0.0 {
        write!(out, ", and {} for each skill", rounded(per_skill))?;
    }
    writeln!(out, "; limits.min_spacing allows {}", rounded(allowed))?;
    if per_skill > 0.0 && per_minute <= allowed {
        let room = rounded(((allowed - per_minute) / per_skill).floor());
        writeln!(
            out,
            "  the plan can be met for up to {room} skills; with more its interval stretches"
        )?;
    }
    warn_of_stretch(config.limits.min_spacing, &demands, out)
}

/// What cannot be met even when LivePerson never throttles. The same reckoning as in the poller.
fn warn_of_stretch(
    spacing: Duration,
    demands: &[(CollectorKind, Demand)],
    out: &mut String,
) -> std::fmt::Result {
    let plain: Vec<_> = demands.iter().map(|(_, demand)| *demand).collect();
    for ((kind, demand), ratio) in std::iter::zip(demands, stretch_ratios(spacing, &plain)) {
        if ratio > 1.0 {
            writeln!(
                out,
                "  WARNING: {} cannot be polled every {}: at limits.min_spacing a poll takes {} s, \
                 {} times that. Lengthen the interval, ask for fewer windows, skills or groups, or \
                 lower limits.min_spacing.",
                kind.label(),
                crate::config::units::format_duration(demand.interval),
                rounded(demand.interval.as_secs_f64() * ratio),
                rounded(ratio)
            )?;
        }
    }
    Ok(())
}

fn requests(count: usize) -> String {
    if count == 1 {
        "1 request".to_owned()
    } else {
        format!("{count} requests")
    }
}

fn starts(interval: Duration, count: usize) -> String {
    match u32::try_from(count) {
        Ok(count @ 2..) => format!(
            "one starts every {} s",
            rounded((interval / count).as_secs_f64())
        ),
        _ => "at the beginning of each interval".to_owned(),
    }
}

/// At most two decimals, and none that say nothing.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "plans have far fewer than 2^52 requests"
)]
fn as_float(count: usize) -> f64 {
    count as f64
}

fn line(config: &Config, account: &Account, request: &PlannedRequest, now: Timestamp) -> String {
    let minutes = timeframe(request.window, now, &config.timezone);
    let path = match request.query(minutes) {
        Query::Engagement(query) => engagement_path(&account.id, &query),
        Query::Sla(query) => sla_path(&account.id, &query),
    };
    let purpose = match &request.ask {
        Ask::Engagement { levels, .. } => levels
            .iter()
            .map(|level| level.label())
            .collect::<Vec<_>>()
            .join(", "),
        Ask::DiscoverSkills => "which skills there are".to_owned(),
        Ask::Sla { .. } => "wait times".to_owned(),
    };
    format!("GET {path}  ({}: {purpose})", request.window.label())
}

/// Series that are certain, and those that come with each id that LivePerson names.
#[derive(Debug, Default)]
struct Bound {
    fixed: u64,
    per_skill: u64,
    per_agent: u64,
    per_agent_in_a_skill: u64,
}

impl Bound {
    fn add_account(&mut self, account: &Account) {
        let activity = &account.engagement_activity;
        if activity.enabled {
            let each = ACTIVITY_SERIES * activity.windows.len() as u64;
            self.fixed += each;
            add(&activity.skills, each, &mut self.fixed, &mut self.per_skill);
            add(&activity.agents, each, &mut self.fixed, &mut self.per_agent);
            if activity.skill_agents {
                self.per_agent_in_a_skill += each;
            }
        }
        if account.sla.enabled {
            let each = wait_series(&account.sla);
            self.fixed += if account.sla.account { each } else { 0 };
            add(
                &account.sla.skills,
                each,
                &mut self.fixed,
                &mut self.per_skill,
            );
            add(&account.sla.groups, each, &mut self.fixed, &mut 0);
        }
    }

    fn write(&self, max_series: u64, out: &mut String) -> std::fmt::Result {
        write!(out, "data series: ")?;
        let open: Vec<_> = [
            (self.per_skill, "skill"),
            (self.per_agent, "agent"),
            (self.per_agent_in_a_skill, "agent in a skill"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(" + {count} for each {what} that LivePerson names"))
        .collect();
        if open.is_empty() {
            writeln!(out, "at most {}", self.fixed.min(max_series))?;
        } else {
            write!(out, "{}{}; ", self.fixed, open.concat())?;
            writeln!(out, "at most {max_series} (limits.max_series)")?;
        }
        if self.fixed > max_series {
            let fixed = self.fixed;
            writeln!(
                out,
                "WARNING: {fixed} series are more than limits.max_series ({max_series}): whole \
                 levels will be left out, the most detailed first."
            )?;
        }
        Ok(())
    }
}

/// A bucket per limit, the one of infinity, the histogram's count and the waited chats.
fn wait_series(sla: &Sla) -> u64 {
    (sla.buckets.len() as u64 + 3) * sla.windows.len() as u64
}

fn add(selection: &Selection, each: u64, fixed: &mut u64, per_id: &mut u64) {
    match selection {
        Selection::None => {}
        Selection::All => *per_id += each,
        Selection::Ids(ids) => *fixed += each * ids.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(kind: CollectorKind, requests: usize, secs: u64) -> (CollectorKind, Demand) {
        let interval = Duration::from_secs(secs);
        (kind, Demand { requests, interval })
    }

    #[test]
    fn only_the_collector_that_cannot_be_met_is_warned_of() {
        let few = demand(CollectorKind::EngagementActivity, 4, 30);
        let many = demand(CollectorKind::Sla, 400, 60);
        let mut out = String::new();
        warn_of_stretch(Duration::from_millis(250), &[few, many], &mut out).unwrap();
        // 4 calls a second less the 8 a minute of the other leave 232 a minute for 400.
        assert!(
            out.starts_with("  WARNING: sla cannot be polled every 1m: "),
            "{out}"
        );
        assert!(
            out.contains("a poll takes 103.45 s, 1.72 times that"),
            "{out}"
        );
        assert_eq!(out.lines().count(), 1, "{out}");
        out.clear();
        warn_of_stretch(Duration::from_millis(100), &[few, many], &mut out).unwrap();
        assert_eq!(out, "");
    }
}
