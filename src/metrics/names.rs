//! Names for ids to info families.

use std::collections::BTreeMap;

use super::catalogue::info;
use super::{LabelValue, Sink};
use crate::scheduler::plan::Level;

/// Maps the names of one level.
pub fn map(account: &str, level: Level, names: &BTreeMap<i64, String>, sink: &mut impl Sink) {
    let Some(family) = info(level) else { return };
    for (id, name) in names {
        let labels = [
            LabelValue::Text(account),
            LabelValue::Id(*id),
            LabelValue::Text(name),
        ];
        sink.gauge(family, &labels, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Recorder;
    use super::*;

    #[test]
    fn a_name_is_a_label_of_a_gauge_that_is_1() {
        let mut recorder = Recorder::default();
        map(
            "1",
            Level::Skill,
            &BTreeMap::from([(4, "Sales".to_owned())]),
            &mut recorder,
        );
        assert_eq!(
            recorder.value("liveperson_skill_info{account=1,skill=4,name=Sales}"),
            Some(1.0)
        );
    }
}
