//! Names for ids: the three lists of the account configuration.

use serde::de::MapAccess;

use super::envelope::{self, Content, ReadError};
use super::lenient::{Fields, Flag, Text, Trail, Whole, ascending};

/// Longest name that is kept, in characters: it becomes a label value on many series.
const LONGEST: usize = 200;

/// Which list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    /// `le-users/skills`.
    Skills,
    /// `le-users/agentGroups`.
    Groups,
    /// `le-users/users`: the agents.
    Users,
}

impl NameKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Skills, Self::Groups, Self::Users];

    /// List and version in the path of the call.
    pub(super) fn resource(self) -> (&'static str, &'static str) {
        match self {
            Self::Skills => ("skills", "4.0"),
            Self::Groups => ("agentGroups", "2.0"),
            Self::Users => ("users", "4.0"),
        }
    }
}

/// An answer of the account configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamesAnswer {
    /// The same as the last answer that was read (304).
    Unchanged,
    /// Ids and names, ascending by id, unique, without deleted entries and those without a name.
    Names(Vec<(i64, String)>),
}

/// Reads a list.
///
/// # Errors
/// A body that is not a list of objects with ids.
pub(super) fn read(body: &[u8]) -> Result<Content<NamesAnswer>, ReadError> {
    let Content { value, status } = envelope::read_list::<Entry>(body)?;
    let mut names = Vec::with_capacity(value.len());
    for (index, entry) in value.into_iter().enumerate() {
        let Some(id) = entry.id else {
            return Err(ReadError::Missing(format!("entry {index} has no id")));
        };
        if let Some(name) = entry.name().filter(|_| !entry.deleted) {
            names.push((id, name));
        }
    }
    let value = NamesAnswer::Names(ascending(names));
    Ok(Content { value, status })
}

#[derive(Default)]
struct Entry {
    id: Option<i64>,
    deleted: bool,
    name: Option<String>,
    full_name: Option<String>,
    nickname: Option<String>,
    login_name: Option<String>,
}

impl Entry {
    /// Users are not sure to have a `name`: then the most telling of the others.
    fn name(&self) -> Option<String> {
        [
            &self.name,
            &self.full_name,
            &self.nickname,
            &self.login_name,
        ]
        .into_iter()
        .flatten()
        .map(|name| name.trim())
        .find(|name| !name.is_empty())
        .map(|name| name.chars().take(LONGEST).collect())
    }
}

impl Fields for Entry {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = trail.field(map, "id", Whole)?,
            "deleted" => self.deleted = trail.field(map, "deleted", Flag)?,
            "name" => self.name = trail.field(map, "name", Text)?,
            "fullName" => self.full_name = trail.field(map, "fullName", Text)?,
            "nickname" => self.nickname = trail.field(map, "nickname", Text)?,
            "loginName" => self.login_name = trail.field(map, "loginName", Text)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Vec<(i64, String)> {
        match read(body.as_bytes()).unwrap().value {
            NamesAnswer::Names(names) => names,
            NamesAnswer::Unchanged => panic!("a body is never unchanged"),
        }
    }

    #[test]
    fn names_without_deleted_ones() {
        let body = r#"[
            {"name":"Zwei","id":2,"deleted":false,"skillIds":[1,{"x":[]}]},
            {"id":"-1","name":" Unassigned "},
            {"id":3,"name":"gone","deleted":true},
            {"id":4,"name":null}, {"id":5,"name":"  "}, null,
            {"id":9223372036854775807,"name":"big"},
            {"id":2,"name":"Two"}
        ]"#;
        let expected = vec![
            (-1, "Unassigned".to_owned()),
            (2, "Two".to_owned()),
            (i64::MAX, "big".to_owned()),
        ];
        assert_eq!(names(body), expected);
        let enveloped = format!(r#"{{"body":{body},"meta":{{"responseCode":"200"}}}}"#);
        assert_eq!(names(&enveloped), expected);
    }

    #[test]
    fn users_have_other_names() {
        let body = r#"[{"id":1,"loginName":"l","nickname":"n","fullName":"f"},
            {"id":2,"loginName":"l","nickname":"n"}, {"id":3,"loginName":"l","nickname":""}]"#;
        let expected = [(1, "f"), (2, "n"), (3, "l")].map(|(id, n)| (id, n.to_owned()));
        assert_eq!(names(body), expected);
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in [
            "{}",
            "null",
            "1",
            "[1]",
            r#"[{"name":"x"}]"#,
            r#"[{"id":1.5}]"#,
            "[{]",
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(
            read(br#"{"meta":{"responseCode":429},"body":"slow"}"#),
            Err(ReadError::Status(429))
        );
    }
}
