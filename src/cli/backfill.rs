//! `backfill`: the history of running totals as a file for Prometheus.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::failure::Failure;
use super::flags::{Backfill, Slots};
use super::output::{print, print_error, print_status, print_warning};
use super::run::state_folder;
use super::signals::stop_signal;
use crate::collectors::Registry;
use crate::config::{Environment, Shard, load};
use crate::daemon::{BackfillOptions, BackfillSummary, Progress, SystemClock, WallClock, backfill};
use crate::totals::Folder;

/// Characters of the bar on a terminal.
const BAR: usize = 30;
/// LivePerson keeps totals for so long, in seconds; less a margin.
const KEPT: i64 = 24 * 3600 - 600;

pub(super) async fn run(
    flags: Backfill,
    file: Option<&Path>,
    state_dir: Option<&Path>,
    shard: Option<Shard>,
    collectors: &Registry,
) -> Result<(), Failure> {
    let mut loaded = load(file, &Environment::of_process(), &collectors.sections())
        .map_err(|errors| Failure::usage(errors.to_string()))?;
    for warning in &loaded.warnings {
        print_warning(warning);
    }
    if let Some(shard) = shard {
        let configured = loaded.config.keep_shard(shard);
        if loaded.config.accounts.is_empty() {
            return Err(Failure::runtime(format!(
                "there is no history to write: none of {configured} configured accounts belongs to shard {shard}"
            )));
        }
    }
    let state_dir = state_folder(state_dir);
    let folder = state_dir.as_deref().map(Folder::open).transpose();
    let folder = folder.map_err(|error| Failure::runtime(error.to_string()))?;
    let Backfill {
        output,
        window_step: Slots(window_step),
        labels,
        ..
    } = flags;
    let options = BackfillOptions {
        output,
        window_step,
        labels,
    };
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let report = reporter(std::io::stderr().is_terminal());
    let result = backfill(
        &loaded.config,
        collectors,
        &options,
        folder.as_ref(),
        &clock,
        report,
    );
    let result = tokio::select! {
        result = result => result,
        stopped = stop_signal() => Err(stopped.err().unwrap_or_else(|| "stopped by a signal".to_owned())),
    };
    if std::io::stderr().is_terminal() {
        print_status("\n");
    }
    let summary = result.map_err(Failure::runtime)?;
    for (account, text) in &summary.failures {
        print_error(&format!("account {account}: left out: {text}"));
    }
    if summary.accounts == 0 {
        return Err(Failure::runtime(if summary.asked {
            "there is no history to write"
        } else {
            "there is no history to write: no collector counts running totals (totals: true)"
        }));
    }
    print(&text(&summary, &options, state_dir));
    Ok(())
}

/// A bar on a terminal; otherwise a line for each tenth of the way.
fn reporter(terminal: bool) -> Arc<dyn Fn(&Progress) + Send + Sync> {
    let last = Mutex::new(None);
    Arc::new(move |progress: &Progress| {
        if terminal {
            return print_status(&format!("\r{}\x1b[K", bar(progress)));
        }
        let tenth = tenths(progress, 10);
        let mut last = last.lock();
        if last.replace(tenth) != Some(tenth) || progress.pause.is_some() {
            print_status(&format!("{}\n", counts(progress)));
        }
    })
}

fn tenths(progress: &Progress, of: usize) -> usize {
    (progress.ended * of)
        .checked_div(progress.planned)
        .unwrap_or(0)
}

fn bar(progress: &Progress) -> String {
    let done = tenths(progress, BAR).min(BAR);
    format!(
        "[{}{}] {}",
        "#".repeat(done),
        " ".repeat(BAR - done),
        counts(progress)
    )
}

fn counts(progress: &Progress) -> String {
    let mut text = format!("{} of {} calls", progress.ended, progress.planned);
    if let Some(pause) = progress.pause {
        // Writing to a String cannot fail.
        let _ = write!(text, ", throttled: waiting {} s", pause.as_secs());
    }
    text
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}

/// What was written, what is to be known of it, and what to do next.
fn text(summary: &BackfillSummary, options: &BackfillOptions, folder: Option<PathBuf>) -> String {
    let (from, until) = summary.span.unwrap_or_default();
    let mut notes = vec![format!(
        "{}: {} series, {} samples from {} to {}; accounts: {}, calls: {}, of which failed: {}",
        options.output.display(),
        summary.series,
        summary.samples,
        time(from),
        time(until),
        summary.accounts,
        summary.calls,
        summary.failed_calls,
    )];
    if summary.unproven > 0 {
        notes.push(format!(
            "{} points of wait times may miss the chats of the seconds in which they were asked for; \
             the next point has them.",
            summary.unproven
        ));
    }
    notes.extend(notes_on_totals(summary, folder.as_deref(), from));
    if options.labels.is_empty() {
        notes.push(
            "Prometheus adds the labels job and instance to what it scrapes: with them as --label \
             job=... --label instance=... the history and the live series are the same series."
                .to_owned(),
        );
    }
    let path = options.output.display();
    notes.push(format!(
        "Next, with the folder of Prometheus' data:\n\n    \
         promtool tsdb create-blocks-from openmetrics {path} /var/lib/prometheus\n"
    ));
    notes.join("\n")
}

fn notes_on_totals(summary: &BackfillSummary, folder: Option<&Path>, from: i64) -> Vec<String> {
    let Some(folder) = folder.map(Path::display) else {
        return vec![
            "Without --state.dir the totals are not saved: the exporter's counters will not continue \
             these."
                .to_owned(),
        ];
    };
    let mut notes = Vec::new();
    if !summary.saved.is_empty() {
        notes.push(format!(
            "The totals are saved in {folder} (accounts: {}). Start the exporter with this folder before \
             {}: LivePerson keeps a day, and what is older then cannot be counted.",
            summary.saved.join(", "),
            time(from.saturating_add(KEPT)),
        ));
    }
    if !summary.continued.is_empty() {
        notes.push(format!(
            "{folder} had totals already (accounts: {}). They stay as they are; their history begins \
             at their anchors, because nothing exact is known of the time before.",
            summary.continued.join(", "),
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bar_grows_with_the_calls_that_ended() {
        let mut progress = Progress {
            planned: 10,
            ended: 5,
            made: 7,
            pause: None,
        };
        let bar_text = format!("[{}{}] 5 of 10 calls", "#".repeat(15), " ".repeat(15));
        assert_eq!(bar(&progress), bar_text);
        progress.pause = Some(Duration::from_secs(20));
        assert!(bar(&progress).ends_with("5 of 10 calls, throttled: waiting 20 s"));
        assert!(bar(&Progress::default()).ends_with("] 0 of 0 calls"));
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        let options = BackfillOptions {
            output: "history.om".into(),
            window_step: 12,
            labels: Vec::new(),
        };
        let summary = BackfillSummary {
            accounts: 1,
            span: Some((1_773_061_200, 1_773_144_000)),
            saved: vec!["1".to_owned()],
            ..BackfillSummary::default()
        };
        let without = text(&summary, &options, None);
        assert!(without.contains("Without --state.dir"), "{without}");
        let with = text(&summary, &options, Some("/state".into()));
        for part in [
            "from 2026-03-09T13:00:00Z to 2026-03-10T12:00:00Z",
            "saved in /state (accounts: 1). Start the exporter with this folder before 2026-03-10T12:50:00Z",
            "--label job=",
            "promtool tsdb create-blocks-from openmetrics history.om ",
        ] {
            assert!(with.contains(part), "{part}: {with}");
        }
    }
}
