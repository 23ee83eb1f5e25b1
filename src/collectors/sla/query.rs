//! What is asked of `sla`, and the path of the call.

use crate::collectors::collector::Minutes;
use crate::collectors::realtime::{OperationsPath, commas};
use crate::vocabulary::{GroupId, Level, SkillId, Window};

/// One SLA histogram.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlaQuery {
    /// The time frame.
    pub window: Window,
    /// Whose waits.
    pub subject: Subject,
    /// `histogram`: LOWER limits in seconds, ascending, beginning with 0.
    pub lower_limits: Vec<u32>,
}

/// Whose waits an SLA histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The whole account's.
    Account,
    /// One skill's.
    Skill(SkillId),
    /// One agent group's.
    Group(GroupId),
}

impl Subject {
    /// The level that it is of.
    pub fn level(self) -> Level {
        match self {
            Self::Account => Level::Account,
            Self::Skill(_) => Level::Skill,
            Self::Group(_) => Level::Group,
        }
    }
}

/// Path and query of the call:
/// `/operations/api/account/1/sla?timeframe=5&groupIds=7&histogram=0,15,30&v=1`.
pub(super) fn path(account: &str, query: &SlaQuery, minutes: Minutes<'_>) -> String {
    let path = OperationsPath::new(account, "sla");
    let path = path.with("timeframe", &minutes(query.window).to_string());
    let path = match query.subject {
        Subject::Account => path,
        Subject::Skill(id) => path.with("skillIds", &id.to_string()),
        Subject::Group(id) => path.with("groupIds", &id.to_string()),
    };
    path.with("histogram", &commas(&query.lower_limits))
        .version("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_documents() {
        let path_of = |subject, window, lower_limits: &[u32]| {
            let query = SlaQuery {
                window: Window::Today,
                subject,
                lower_limits: lower_limits.to_vec(),
            };
            path("12345678", &query, &|_| window)
        };
        let start = "/operations/api/account/12345678/sla";
        assert_eq!(
            path_of(Subject::Group(7.into()), 1440, &[0, 15, 30]),
            format!("{start}?timeframe=1440&groupIds=7&histogram=0,15,30&v=1")
        );
        assert_eq!(
            path_of(Subject::Skill((-1).into()), 5, &[0]),
            format!("{start}?timeframe=5&skillIds=-1&histogram=0&v=1")
        );
        assert_eq!(
            path_of(Subject::Account, 5, &[0, 5]),
            format!("{start}?timeframe=5&histogram=0,5&v=1")
        );
    }
}
