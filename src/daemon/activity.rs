//! What an account's visitors and agents do, in figures: read back from what is served, because
//! nothing else needs it as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::collectors::Highlights;
use crate::config::units::parse_duration;
use crate::exposition::{Inflater, Sample};
use crate::metrics::Family;
use crate::names::families::SKILL_INFO;
use crate::status::{Activity, SkillActivity, WaitBucket, Waits, WindowActivity};
use crate::store::Publication;

/// How many skills are listed as the busiest or slowest.
const SKILLS: usize = 5;

/// The quantile of waits that skills are compared by.
const QUANTILE: f64 = 0.9;

/// Figures of the account or of one skill in one window.
#[derive(Clone, Debug, Default)]
struct Figures {
    chats: Option<f64>,
    handling_seconds: Option<f64>,
    /// Cumulative counts by upper limit, ascending.
    buckets: Vec<(f64, f64)>,
}

/// What is read of an account's publications.
#[derive(Default)]
struct Reader {
    /// By the length of the window and its label.
    windows: BTreeMap<(Duration, String), Figures>,
    skills: BTreeMap<(Duration, String), BTreeMap<String, Figures>>,
    names: BTreeMap<String, String>,
}

/// The figures in an account's publications.
pub(super) fn activity<'a>(
    highlights: &Highlights,
    publications: impl Iterator<Item = &'a Arc<Publication>>,
    inflater: &mut Inflater,
) -> Activity {
    let mut reader = Reader::default();
    let families = [
        highlights.chats,
        highlights.handling_seconds,
        highlights.waits,
    ];
    let families: Vec<&Family> = families
        .into_iter()
        .flatten()
        .flat_map(|(a, b)| [a, b])
        .collect();
    for chunk in publications.flat_map(|publication| &publication.chunks) {
        if !families.contains(&chunk.family) && *chunk.family != SKILL_INFO {
            continue;
        }
        let read = chunk.for_each_sample(inflater, |sample| {
            reader.add(highlights, chunk.family, &sample);
        });
        if let Err(error) = read {
            tracing::error!(%error, family = chunk.family.name, "samples cannot be read back");
        }
    }
    reader.finish()
}

impl Reader {
    fn add(&mut self, highlights: &Highlights, family: &'static Family, sample: &Sample<'_>) {
        if *family == SKILL_INFO {
            if let (Some(skill), Some(name)) = (sample.label("skill"), sample.label("name")) {
                self.names.insert(skill.to_owned(), name.to_owned());
            }
            return;
        }
        let Some(window) = sample.label("window") else {
            return;
        };
        let key = (length(window), window.to_owned());
        let figures = match sample.label("skill") {
            None => self.windows.entry(key).or_default(),
            Some(skill) => {
                let skills = self.skills.entry(key).or_default();
                skills.entry(skill.to_owned()).or_default()
            }
        };
        let is_one = |pair: Option<(&Family, &Family)>| {
            pair.is_some_and(|(account, skill)| *family == *account || *family == *skill)
        };
        if is_one(highlights.chats) {
            *figures.chats.get_or_insert(0.0) += sample.value;
        } else if is_one(highlights.handling_seconds) {
            *figures.handling_seconds.get_or_insert(0.0) += sample.value;
        } else if let Some(limit) = sample.label("le").and_then(upper_limit) {
            figures.buckets.push((limit, sample.value));
        }
    }

    fn finish(self) -> Activity {
        let skills = self.skills.into_iter().next();
        let skills = skills.map(|((_, window), skills)| {
            let skill = |(skill, figures): (String, Figures)| SkillActivity {
                name: self.names.get(&skill).cloned(),
                skill,
                window: window.clone(),
                chats: figures.chats,
                handling_seconds_per_chat: figures.handling_per_chat(),
                wait_seconds_p90: quantile(QUANTILE, &figures.buckets),
            };
            skills.into_iter().map(skill).collect::<Vec<_>>()
        });
        let skills = skills.unwrap_or_default();
        let windows = self
            .windows
            .into_iter()
            .map(|((_, window), figures)| WindowActivity {
                window,
                chats: figures.chats,
                handling_seconds: figures.handling_seconds,
                waits: waits(&figures.buckets),
            });
        Activity {
            windows: windows.collect(),
            busiest_skills: first(&skills, |skill| skill.chats),
            slowest_skills: slowest(&skills),
        }
    }
}

impl Figures {
    fn handling_per_chat(&self) -> Option<f64> {
        let chats = self.chats.filter(|chats| *chats > 0.0)?;
        Some(self.handling_seconds? / chats)
    }
}

/// By waits where any are known, because that is what visitors notice.
fn slowest(skills: &[SkillActivity]) -> Vec<SkillActivity> {
    let by_wait = first(skills, |skill| skill.wait_seconds_p90);
    if by_wait.is_empty() {
        first(skills, |skill| skill.handling_seconds_per_chat)
    } else {
        by_wait
    }
}

/// The skills with the largest values above 0.
fn first(
    skills: &[SkillActivity],
    value: impl Fn(&SkillActivity) -> Option<f64>,
) -> Vec<SkillActivity> {
    let known = skills
        .iter()
        .filter_map(|skill| Some((value(skill)?, skill)));
    let mut known: Vec<_> = known.filter(|(value, _)| *value > 0.0).collect();
    known.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    known
        .into_iter()
        .take(SKILLS)
        .map(|(_, skill)| skill.clone())
        .collect()
}

/// How long a window is by its label; `today` is the longest. Only the order matters.
fn length(label: &str) -> Duration {
    parse_duration(label).unwrap_or(Duration::MAX)
}

fn upper_limit(le: &str) -> Option<f64> {
    le.parse().ok()
}

/// Cumulative buckets as they are shown: each alone, with the share answered within it.
fn waits(cumulative: &[(f64, f64)]) -> Option<Waits> {
    let (_, chats) = *cumulative.last()?;
    let mut before = 0.0;
    let buckets = cumulative.iter().map(|(limit, count)| {
        let alone = count - before;
        before = *count;
        WaitBucket {
            within_seconds: limit.is_finite().then_some(*limit),
            chats: alone,
            share_within: (chats > 0.0).then(|| count / chats),
        }
    });
    Some(Waits {
        chats,
        buckets: buckets.collect(),
    })
}

/// As `histogram_quantile` of PromQL has it.
fn quantile(q: f64, cumulative: &[(f64, f64)]) -> Option<f64> {
    let (_, chats) = *cumulative.last()?;
    if chats <= 0.0 {
        return None;
    }
    let rank = q * chats;
    let (mut lower, mut below) = (0.0, 0.0);
    for (limit, count) in cumulative {
        if *count >= rank {
            if limit.is_infinite() {
                return Some(lower);
            }
            let share = (rank - below) / (count - below).max(f64::MIN_POSITIVE);
            return Some(lower + (limit - lower) * share);
        }
        (lower, below) = (*limit, *count);
    }
    Some(lower)
}

#[cfg(test)]
mod tests;
