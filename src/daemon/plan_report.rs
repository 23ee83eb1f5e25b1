//! What `check-config` prints: every request of the plan, how often, and how many series to
//! expect. Nothing is called.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::timeframe;
use crate::collectors::{
    AccountCollectors, ConfiguredCollector, Purpose, Registry, Request, SeriesBound,
};
use crate::config::units::format_duration;
use crate::config::{Account, Config};
use crate::liveperson::NameKind;
use crate::scheduler::{Demand, stretch_ratios};

/// The plan of a configuration as text. `now` decides how long `today` is.
pub fn plan_report(config: &Config, registry: &Registry, now: Timestamp) -> String {
    let mut out = String::new();
    let mut bound = SeriesBound::default();
    for account in &config.accounts {
        let collectors = registry.configured(account);
        // Writing to a String cannot fail.
        let _ = of_account(config, account, &collectors, now, &mut out);
        for collector in collectors.enabled() {
            bound.add(collector.series());
        }
    }
    let _ = write_bound(bound, config.limits.max_series, &mut out);
    out
}

fn of_account(
    config: &Config,
    account: &Account,
    collectors: &AccountCollectors,
    now: Timestamp,
    out: &mut String,
) -> std::fmt::Result {
    writeln!(out, "account {}", account.id)?;
    let (mut per_minute, mut per_skill) = (0.0, 0.0);
    let mut demands = Vec::new();
    for collector in collectors.enabled() {
        let interval = collector.interval();
        let polls_per_minute = 60.0 / interval.as_secs_f64();
        let requests = of_collector(config, collectors, collector, now, out)?;
        per_minute += as_float(requests.lasting) * polls_per_minute;
        per_skill += as_float(requests.per_skill) * polls_per_minute;
        let demand = Demand {
            requests: requests.lasting,
            interval,
        };
        demands.push((collector.label(), demand));
    }
    if config.names.lookup {
        let (lists, refresh) = (NameKind::ALL.len(), config.names.refresh);
        per_minute += as_float(lists) * 60.0 / refresh.as_secs_f64();
        writeln!(
            out,
            "  names: {} every {}, after everything else",
            requests(lists),
            format_duration(refresh),
        )?;
    }
    let allowed = 60.0 / config.limits.min_spacing.as_secs_f64();
    write!(out, "  requests per minute: {}", rounded(per_minute))?;
    if per_skill > 0.0 {
        write!(out, ", and {} for each skill", rounded(per_skill))?;
    }
    writeln!(out, "; limits.min_spacing allows {}", rounded(allowed))?;
    if per_skill > 0.0 && per_minute <= allowed {
        let skills = rounded(((allowed - per_minute) / per_skill).floor());
        writeln!(
            out,
            "  the plan can be met for up to {skills} skills; with more its interval stretches"
        )?;
    }
    warn_of_stretch(config.limits.min_spacing, &demands, out)
}

/// How many requests a collector's polls have.
struct RequestCounts {
    /// In each poll, whatever skills there are.
    lasting: usize,
    /// More of them for each skill that LivePerson reports.
    per_skill: usize,
}

fn of_collector(
    config: &Config,
    collectors: &AccountCollectors,
    collector: &ConfiguredCollector,
    now: Timestamp,
    out: &mut String,
) -> Result<RequestCounts, std::fmt::Error> {
    let (plan, interval) = (collectors.plan(collector, &[]), collector.interval());
    // Who hears of the skills from another collector asks for them only in the first poll.
    let lasting = collectors.lasting_plan(collector).len();
    writeln!(
        out,
        "  {}: {} every {}, {}",
        collector.label(),
        requests(lasting),
        format_duration(interval),
        starts(interval, lasting),
    )?;
    for request in &plan {
        let once = plan.len() > lasting && request.purpose() == Purpose::SkillDiscovery;
        let once = if once { ", only in the first poll" } else { "" };
        let line = line(config, collectors.account(), request, now);
        writeln!(out, "    {line}{once}")?;
    }
    let per_skill = match collector.needs_skills() {
        Some(_) => collector.plan_for_skills(&[0.into()]).len(),
        None => 0,
    };
    if per_skill > 0 {
        let each = requests(per_skill);
        writeln!(out, "    and {each} for each skill that LivePerson reports")?;
    }
    Ok(RequestCounts { lasting, per_skill })
}

/// What cannot be met even when LivePerson never throttles. The same calculation as in the scheduler.
fn warn_of_stretch(
    spacing: Duration,
    demands: &[(&'static str, Demand)],
    out: &mut String,
) -> std::fmt::Result {
    let plain: Vec<_> = demands.iter().map(|(_, demand)| *demand).collect();
    for ((collector, demand), ratio) in std::iter::zip(demands, stretch_ratios(spacing, &plain)) {
        if ratio > 1.0 {
            writeln!(
                out,
                "  WARNING: {} cannot be polled every {}: at limits.min_spacing a poll takes {} s, \
                 {} times that. Lengthen the interval, ask for fewer windows, skills or groups, or \
                 lower limits.min_spacing.",
                collector,
                format_duration(demand.interval),
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

fn line(config: &Config, account: &str, request: &Request, now: Timestamp) -> String {
    let minutes = |window| timeframe(window, now, &config.timezone);
    let path = request.path(account, &minutes);
    format!("GET {path}  ({})", request.describe())
}

fn write_bound(bound: SeriesBound, max_series: u64, out: &mut String) -> std::fmt::Result {
    write!(out, "data series: ")?;
    let open: Vec<_> = [
        (bound.per_skill, "skill"),
        (bound.per_agent, "agent"),
        (bound.per_skill_agent, "agent in a skill"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!(" + {count} for each {what} that LivePerson names"))
    .collect();
    if open.is_empty() {
        writeln!(out, "at most {}", bound.fixed.min(max_series))?;
    } else {
        write!(out, "{}{}; ", bound.fixed, open.concat())?;
        writeln!(out, "at most {max_series} (limits.max_series)")?;
    }
    if bound.fixed > max_series {
        let fixed = bound.fixed;
        writeln!(
            out,
            "WARNING: {fixed} series are more than limits.max_series ({max_series}): whole \
             levels will be left out, the most detailed first."
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(label: &'static str, requests: usize, secs: u64) -> (&'static str, Demand) {
        let interval = Duration::from_secs(secs);
        (label, Demand { requests, interval })
    }

    #[test]
    fn only_the_collector_that_cannot_be_met_is_warned_of() {
        let few = demand("engagement_activity", 4, 30);
        let many = demand("sla", 400, 60);
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
