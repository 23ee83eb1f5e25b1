//! What is asked of `queuestate`, and the path of the call.

use liveperson_exporter::collectors::realtime::{IdFilter, OperationsPath};
use liveperson_exporter::vocabulary::{Selection, SkillId};

/// One call of `queuestate`. Its path is always the same; what is taken from the answer is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueueQuery {
    /// Skills that take their series from the answer.
    pub(crate) skills: Selection<SkillId>,
}

impl QueueQuery {
    /// The levels that it feeds, as `check-config` prints them.
    pub(super) fn describe(&self) -> String {
        match self.skills {
            Selection::None => "now: account".to_owned(),
            Selection::All | Selection::Ids(_) => "now: account, skill".to_owned(),
        }
    }
}

/// Path and query of the call:
/// `/operations/api/account/1/queuestate?skillIds=all&v=2`. Version 2 has the longest wait.
pub(super) fn path(account: &str) -> String {
    OperationsPath::new(account, "queuestate")
        .with_ids("skillIds", Some(&IdFilter::<SkillId>::All))
        .version("2")
}
