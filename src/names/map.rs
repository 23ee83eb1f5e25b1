//! Names for ids to samples of an info family.

use std::collections::BTreeMap;

use crate::metrics::{Family, LabelValue, Sink};
use crate::vocabulary::Id;

/// Maps the names of one level.
pub(super) fn map<I: Id>(
    account: &str,
    family: &'static Family,
    names: &BTreeMap<I, String>,
    sink: &mut dyn Sink,
) {
    for (id, name) in names {
        let labels = [
            LabelValue::Text(account),
            LabelValue::from(*id),
            LabelValue::Text(name),
        ];
        sink.gauge(family, &labels, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::SKILL_INFO;
    use super::*;
    use crate::metrics::Recorder;
    use crate::vocabulary::SkillId;

    #[test]
    fn a_name_is_a_label_of_a_gauge_that_is_1() {
        let mut recorder = Recorder::default();
        let names = BTreeMap::from([(SkillId::from(4), "Sales".to_owned())]);
        map("1", &SKILL_INFO, &names, &mut recorder);
        assert_eq!(
            recorder.value("liveperson_skill_info{account=1,skill=4,name=Sales}"),
            Some(1.0)
        );
    }
}
