//! The histories of all accounts as one OpenMetrics file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::jobs::Part;
use crate::exposition::{FamilyWriter, HistoryWriter};
use crate::metrics::{Catalogue, Family, Kind};
use crate::totals::Mark;
use crate::totals::state::AccountState;
use crate::vocabulary::{Level, Window};

/// What is written of one account.
pub(super) struct AccountHistory {
    pub(super) account: String,
    pub(super) end: Mark,
    pub(super) parts: Vec<Part>,
    /// The totals that it leads to, to be saved; `None` when they had been saved before.
    pub(super) state: Option<AccountState>,
}

impl AccountHistory {
    /// The first and the last time of a sample, in seconds since the epoch; `None` without any.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let begins = self.parts.iter().map(|part| part.history.begin());
        let begin = begins.min().filter(|begin| *begin <= self.end)?;
        Some((begin.seconds(), self.end.seconds()))
    }
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) series: u64,
    pub(super) samples: u64,
}

/// A file beside its place, until it is whole. Removed when it never takes it.
pub(super) struct PendingFile {
    file: File,
    beside: PathBuf,
    path: PathBuf,
    placed: bool,
}

impl PendingFile {
    /// Makes an empty file beside `path`: before any call is made, so that none is wasted.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let beside = path.with_file_name(name);
        Ok(Self {
            file: File::create(&beside)?,
            beside,
            path: path.to_owned(),
            placed: false,
        })
    }

    /// Writes all histories.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn write(
        &self,
        catalogue: &Catalogue,
        labels: &[(String, String)],
        accounts: &[AccountHistory],
    ) -> io::Result<Written> {
        let out = BufWriter::with_capacity(1 << 20, &self.file);
        let mut writer = HistoryWriter::new(out, labels);
        for family in catalogue.data() {
            write_family(&mut writer.family(family), family, accounts)?;
        }
        let written = Written {
            series: writer.series(),
            samples: writer.samples(),
        };
        writer.finish()?;
        self.file.sync_all()?;
        Ok(written)
    }

    /// Gives it its place.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn place(mut self) -> io::Result<()> {
        std::fs::rename(&self.beside, &self.path)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.placed {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

fn write_family<W: Write>(
    writer: &mut FamilyWriter<'_, W>,
    family: &'static Family,
    accounts: &[AccountHistory],
) -> io::Result<()> {
    for history in accounts {
        for part in &history.parts {
            match family.kind {
                Kind::Counter | Kind::Histogram => write_totals(writer, family, history, part)?,
                Kind::Gauge => write_windows(writer, family, history, part)?,
                Kind::GaugeHistogram | Kind::Info => {}
            }
        }
    }
    Ok(())
}

/// The totals of each id at each end of a slot, and 0 where the history begins.
fn write_totals<W: Write>(
    writer: &mut FamilyWriter<'_, W>,
    family: &'static Family,
    AccountHistory { account, end, .. }: &AccountHistory,
    part: &Part,
) -> io::Result<()> {
    let of_family = part
        .rows
        .iter()
        .filter(|row| family.origin.level() == Some(row.key.level));
    for row in of_family {
        let counts = part.history.by_slot(row.key, *end);
        let mut points = writer.points();
        for slot in 0..counts.len() {
            let pairs = row.base.iter().zip(counts.at(slot));
            let shown: Vec<f64> = pairs.map(|(base, counted)| base + counted).collect();
            let time = time(part, slot);
            let request = &part.request;
            request.map_total(account, row.key, &shown, row.created, points.at(time));
            if points.is_empty() {
                // A family of another collector.
                break;
            }
        }
        writer.write(&points)?;
    }
    Ok(())
}

/// The windows of each id that end at the ends of slots: only there a window is a sum of whole slots.
fn write_windows<W: Write>(
    writer: &mut FamilyWriter<'_, W>,
    family: &'static Family,
    AccountHistory { account, end, .. }: &AccountHistory,
    part: &Part,
) -> io::Result<()> {
    if part.windows.is_empty() {
        return Ok(());
    }
    for key in part
        .history
        .keys()
        .filter(|key| family.origin.level() == Some(key.level))
    {
        let counts = part.history.by_slot(key, *end);
        let mut points = writer.points();
        for window in &part.windows {
            let Window::Minutes(minutes) = *window else {
                continue;
            };
            for slot in 1..counts.len() {
                let Some(numbers) = counts.within(slots_of(minutes), slot) else {
                    continue;
                };
                // LivePerson does not name an id without any.
                let is_named = key.level == Level::Account || numbers.iter().any(|n| *n != 0.0);
                if is_named {
                    let time = time(part, slot);
                    let request = &part.request;
                    request.map_window(account, *window, key, &numbers, points.at(time));
                }
            }
        }
        writer.write(&points)?;
    }
    Ok(())
}

/// A window begins at the mark at or before its nominal start.
fn slots_of(minutes: u16) -> usize {
    usize::from(minutes).div_ceil(5)
}

fn time(part: &Part, slot: usize) -> i64 {
    let slots = i64::try_from(slot).unwrap_or(i64::MAX);
    part.history.begin().plus(slots).seconds()
}
