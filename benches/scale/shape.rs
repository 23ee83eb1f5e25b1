//! What an exporter is made to poll: how many answers, how large.

use std::fmt;
use std::io::Write as _;

use crate::data;

/// The window that the synthetic answers are of.
pub(crate) const WINDOW: &str = "1h";
pub(crate) const WINDOW_MINUTES: u64 = 60;

/// A poll's answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// One answer with so many series.
    One(u64),
    /// Eight answers, one for each window, with so many series in total.
    Windows(u64),
    /// So many small answers: the wait times of one skill each.
    Small(u64),
    /// One answer with so many series, and running totals of as many.
    Totals(u64),
}

const WINDOWS: [&str; 8] = ["5m", "10m", "15m", "30m", "1h", "2h", "4h", "8h"];

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(series) => write!(f, "{series} series in one answer"),
            Self::Windows(series) => write!(f, "{series} series in {} answers", WINDOWS.len()),
            Self::Small(answers) => write!(f, "{answers} small answers"),
            Self::Totals(series) => write!(f, "{series} series in one answer, and as many totals"),
        }
    }
}

impl Shape {
    /// The configuration of the collectors.
    pub(crate) fn settings(self, interval: u64) -> String {
        let totals = self.grows().is_some();
        let activity = |windows: &str| {
            format!(
                "engagement_activity: {{interval: {interval}s, windows: [{windows}], agents: none, \
                 skill_agents: true, totals: {totals}}}\nsla: {{enabled: false}}\n"
            )
        };
        match self {
            Self::One(_) | Self::Totals(_) => activity(WINDOW),
            Self::Windows(_) => activity(&WINDOWS.join(", ")),
            Self::Small(answers) => {
                let skills: Vec<_> = (0..answers).map(|n| (100 + n).to_string()).collect();
                format!(
                    "engagement_activity: {{enabled: false}}\n\
                     sla: {{interval: {interval}s, windows: [1h], account: false, skills: [{}], \
                     totals: false}}\n",
                    skills.join(", ")
                )
            }
        }
    }

    /// A large answer, or a small one; every version has other numbers.
    pub(crate) fn body(self, version: u64) -> Vec<u8> {
        match self {
            Self::One(series) | Self::Totals(series) => data::version(series, version),
            Self::Windows(series) => data::version(series / WINDOWS.len() as u64, version),
            Self::Small(_) => waits(version),
        }
    }

    /// How many series of running totals there are, if any.
    pub(crate) fn grows(self) -> Option<u64> {
        match self {
            Self::Totals(series) => Some(series),
            _ => None,
        }
    }

    /// The minimum length of the whole page, in bytes.
    pub(crate) fn minimum_length(self) -> u64 {
        match self {
            Self::One(series) | Self::Windows(series) => series * 60,
            Self::Totals(series) => series * 2 * 60,
            Self::Small(answers) => answers * 8 * 60,
        }
    }

    /// In seconds; long enough that a poll has ended and its memory has been returned before the next one.
    pub(crate) fn interval(self) -> u64 {
        match self {
            Self::One(series) => 1 + series / 300_000,
            Self::Totals(series) => 2 + series / 150_000,
            Self::Windows(_) | Self::Small(_) => 2,
        }
    }
}

fn waits(version: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(version);
    let mut out = b"{\"slaDataRange\":{".to_vec();
    for (index, limit) in [0, 15, 30, 45, 60, 90, 120].iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(
            out,
            "{comma}\"{limit}\":{{\"accumulated\":0.5,\"percentageFromTotal\":0.1,\"chats\":{}}}",
            random.u32(0..90)
        )
        .unwrap();
    }
    out.extend_from_slice(b"}}");
    out
}
