//! The numbers of an answer as counters instead of gauges.

use liveperson_exporter::collectors::engagement_activity::{EngagementAnswer, map};
use liveperson_exporter::data_family;
use liveperson_exporter::exposition::{Chunk, SegmentWriter};
use liveperson_exporter::metrics::{Family, LabelValue, Sink};

use crate::data;

static CHATS: Family = data_family!(
    SkillAgent: "liveperson_", "chats_total", Counter ["kind"], "Chats", "."
);
static HANDLING_SECONDS: Family = data_family!(
    SkillAgent: "liveperson_", "handling_seconds_total", Counter ["kind"], "Time", "."
);
static CONNECTED_ENGAGEMENTS: Family = data_family!(
    SkillAgent: "liveperson_", "connected_engagements_total", Counter [], "Engagements", "."
);

/// Writes each gauge of a window as a counter.
struct AsCounters<'a>(SegmentWriter<'a>);

impl Sink for AsCounters<'_> {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        let family = match family.name {
            name if name.ends_with("_chats") => &CHATS,
            name if name.ends_with("_handling_seconds") => &HANDLING_SECONDS,
            _ => &CONNECTED_ENGAGEMENTS,
        };
        let [account, skill, agent, _window, kind @ ..] = labels else {
            panic!("{labels:?}");
        };
        let kind = kind.first().copied().unwrap_or(*agent);
        let labels = [*account, *skill, *agent, kind];
        let labels = &labels[..family.labels.len()];
        self.0.counter(family, labels, value, 1_773_144_000);
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        _: &[LabelValue<'_>],
        _: &[(u32, f64)],
        _: f64,
    ) {
        panic!("{family:?}");
    }

    fn counter(&mut self, family: &'static Family, _: &[LabelValue<'_>], _: f64, _: i64) {
        panic!("{family:?}");
    }

    fn histogram(
        &mut self,
        family: &'static Family,
        _: &[LabelValue<'_>],
        _: &[(u32, f64)],
        _: f64,
        _: i64,
    ) {
        panic!("{family:?}");
    }
}

/// Mapped to counters, rendered in OpenMetrics and compressed.
pub(crate) fn render(answer: &EngagementAnswer) -> Vec<Chunk> {
    let mut writer = AsCounters(SegmentWriter::new(&[]));
    map(data::ACCOUNT, &data::query(), answer, &mut writer);
    writer.0.finish().unwrap()
}
