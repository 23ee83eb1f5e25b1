//! Names for ids: the three lists of the account configuration.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::json::{self, Content, ReadError, ascending, flag, required_integer, text};
use crate::vocabulary::{AgentId, GroupId, Id, SkillId};

/// The part of a name that is kept, in bytes: far more than LivePerson's forms accept, so that only
/// nonsense is cut.
const MAX_NAME_BYTES: usize = 4096;

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

    /// The number by which a request for this list is known from one poll to the next.
    pub const fn key(self) -> u64 {
        match self {
            Self::Skills => 0,
            Self::Groups => 1,
            Self::Users => 2,
        }
    }

    /// The list whose requests are known by this number.
    pub fn from_key(key: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// What it lists, for messages.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Skills => "skills",
            Self::Groups => "agent groups",
            Self::Users => "agents",
        }
    }

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
    /// A whole list.
    Names(NameList),
}

/// Ids and names, ascending by id, unique, without deleted entries and those without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameList {
    /// Those of skills.
    Skills(Vec<(SkillId, String)>),
    /// Those of agent groups.
    Groups(Vec<(GroupId, String)>),
    /// Those of agents.
    Users(Vec<(AgentId, String)>),
}

impl NameList {
    /// How many names it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Skills(names) => names.len(),
            Self::Groups(names) => names.len(),
            Self::Users(names) => names.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads a list.
///
/// # Errors
/// A body that is not a list of objects with ids.
pub(super) fn read(kind: NameKind, body: &[u8]) -> Result<Content<NamesAnswer>, ReadError> {
    let list = match kind {
        NameKind::Skills => list::<SkillOrGroup, _>(body)?.map(NameList::Skills),
        NameKind::Groups => list::<SkillOrGroup, _>(body)?.map(NameList::Groups),
        NameKind::Users => list::<User, _>(body)?.map(NameList::Users),
    };
    Ok(list.map(NamesAnswer::Names))
}

fn list<T: Named, I: Id>(body: &[u8]) -> Result<Content<Vec<(I, String)>>, ReadError> {
    let content = json::read_list::<T>(body)?;
    Ok(content.map(|entries| {
        let names = entries.into_iter().filter_map(|entry| {
            let (id, name) = entry.into_name()?;
            Some((I::from(id), shortened(name)))
        });
        ascending(names.collect())
    }))
}

fn shortened(mut name: String) -> String {
    let mut end = MAX_NAME_BYTES.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

/// An entry of a list: an id, and what may name it.
trait Named: DeserializeOwned {
    /// Id and name, exactly as given; `None` for one that was deleted or has no name.
    fn into_name(self) -> Option<(i64, String)>;
}

#[expect(clippy::ptr_arg, reason = "the shape that a filter of names wants")]
fn is_not_blank(name: &String) -> bool {
    !name.trim().is_empty()
}

/// A skill or a group.
#[derive(Deserialize)]
struct SkillOrGroup {
    #[serde(deserialize_with = "required_integer")]
    id: i64,
    #[serde(default, deserialize_with = "flag")]
    deleted: bool,
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
}

impl Named for SkillOrGroup {
    fn into_name(self) -> Option<(i64, String)> {
        let name = self.name.filter(is_not_blank)?;
        (!self.deleted).then_some((self.id, name))
    }
}

/// An agent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(deserialize_with = "required_integer")]
    id: i64,
    #[serde(default, deserialize_with = "flag")]
    deleted: bool,
    #[serde(default, deserialize_with = "text")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    nickname: Option<String>,
    #[serde(default, deserialize_with = "text")]
    login_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
}

impl Named for User {
    fn into_name(self) -> Option<(i64, String)> {
        // The one that says most to a reader comes first.
        let names = [self.full_name, self.nickname, self.login_name, self.name];
        let name = names.into_iter().flatten().find(is_not_blank)?;
        (!self.deleted).then_some((self.id, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn names(body: &str) -> Vec<(i64, String)> {
        names_of(NameKind::Skills, body)
    }

    fn names_of(kind: NameKind, body: &str) -> Vec<(i64, String)> {
        fn plain<I: Id>(names: Vec<(I, String)>) -> Vec<(i64, String)> {
            let names = names.into_iter();
            names.map(|(id, name)| (id.into(), name)).collect()
        }
        match read(kind, body.as_bytes()).unwrap().value {
            NamesAnswer::Names(NameList::Skills(names)) => plain(names),
            NamesAnswer::Names(NameList::Groups(names)) => plain(names),
            NamesAnswer::Names(NameList::Users(names)) => plain(names),
            NamesAnswer::Unchanged => panic!("a body is never read as unchanged"),
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
            (-1, " Unassigned ".to_owned()),
            (2, "Two".to_owned()),
            (i64::MAX, "big".to_owned()),
        ];
        assert_eq!(names(body), expected);
        let enveloped = format!(r#"{{"body":{body},"meta":{{"responseCode":"200"}}}}"#);
        assert_eq!(names(&enveloped), expected);
    }

    #[test]
    fn users_have_other_names() {
        let body = r#"[{"id":1,"name":"x","loginName":"l","nickname":"n","fullName":"f"},
            {"id":2,"loginName":"l","nickname":"n"},
            {"id":3,"name":"x","loginName":"l","nickname":"","fullName":" "},
            {"id":4,"name":"x"}, {"id":5,"fullName":null}]"#;
        let expected = [(1, "f"), (2, "n"), (3, "l"), (4, "x")];
        let expected = expected.map(|(id, n)| (id, n.to_owned()));
        assert_eq!(names_of(NameKind::Users, body), expected);
        assert_eq!(names(r#"[{"id":1,"fullName":"f"}]"#), []);
    }

    #[test]
    fn long_and_unusual_names_are_unchanged() {
        let odd = "\"quoted\" back\\slash new\nline \u{1F600} \t";
        let cases = [odd.to_owned(), "ö".repeat(500), "x".repeat(4096)];
        check_each(cases, |name| {
            let body = serde_json::json!([{ "id": 1, "name": name }]).to_string();
            assert_eq!(names(&body), [(1, name)]);
        });
        let body = serde_json::json!([{ "id": 1, "name": "x€".repeat(2000) }]).to_string();
        assert_eq!(names(&body), [(1, "x€".repeat(1024))]);
    }

    #[test]
    fn a_body_without_a_list_of_names_is_an_error() {
        let cases = [
            "{}",
            "null",
            "1",
            "[1]",
            r#"[{"name":"x"}]"#,
            r#"[{"id":1.5}]"#,
            "[{]",
            r#"[{"id":1,"name":["x"]}, null]"#,
        ];
        check_each(cases, |body| {
            let read = read(NameKind::Users, body.as_bytes());
            assert!(read.is_err(), "{body}");
        });
        assert_eq!(
            read(
                NameKind::Skills,
                br#"{"meta":{"responseCode":429},"body":"slow"}"#
            ),
            Err(ReadError::Status(429))
        );
    }

    #[test]
    fn an_unreadable_entry_loses_its_own_name_only() {
        let good = r#"{"id":7,"name":"Sales"}"#;
        let cases = [
            r#"{"id":1,"name":"half \ud83d"}"#.as_bytes(),
            br#"{"id":1,"name":"\udE00 half"}"#,
            b"{\"id\":1,\"name\":\"\xff\"}",
            br#"{"id":1,"name":["x"]}"#,
            br#"{"id":1.5,"name":"x"}"#,
            br#"{"id":1e999,"name":"x"}"#,
            br#"{"name":"x"}"#,
            br#"{"id":1,"deleted":"perhaps","name":"x"}"#,
            b"\"x\"",
            b"[[]]",
        ];
        check_each(cases, |odd| {
            let body = [b"[", odd, b",", good.as_bytes(), b",", odd, b"]"].concat();
            let content = read(NameKind::Skills, &body).unwrap();
            let sales = NameList::Skills(vec![(7.into(), "Sales".to_owned())]);
            let names = NamesAnswer::Names(sales);
            let count = content.ignored.map(|ignored| ignored.count);
            let odd = String::from_utf8_lossy(odd);
            assert_eq!((content.value, count), (names, Some(2)), "{odd}");
        });
        let unused =
            r#"[{"id":7,"name":"Sales","fullName":[],"nickname":1.5,"loginName":"\ud800"}]"#;
        assert_eq!(names(unused), [(7, "Sales".to_owned())]);
        assert_eq!(
            read(NameKind::Skills, unused.as_bytes()).unwrap().ignored,
            None
        );
    }
}
