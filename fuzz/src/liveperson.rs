//! LivePerson's answers.

use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use liveperson_exporter::collectors::engagement_activity::{
    self, Activity, EngagementAnswer, EngagementQuery,
};
use liveperson_exporter::collectors::realtime::IdFilter;
use liveperson_exporter::collectors::sla::{self as sla_histogram, SlaAnswer, SlaQuery, Subject};
use liveperson_exporter::fuzzing::liveperson as parsers;
use liveperson_exporter::liveperson::{NameKind, NameList, retry_after as read_retry_after};
use liveperson_exporter::totals::Counts;
use liveperson_exporter::vocabulary::{AgentId, Id, Level, Window};
use serde_json::{Map, Value, json};
use url::Url;

use super::{SECRET, check_message, choice};

/// Longest description of an answer that cannot be read, in characters.
const LONGEST: usize = 600;
/// How the description of a page of HTML begins; its title follows.
const HTML: &str = "an HTML page instead of JSON";

fn ascending<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) {
    let sorted = items.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
    assert!(sorted, "not ascending and unique");
}

fn count(number: Option<f64>) {
    let proper = number.is_none_or(|number| number.is_finite() && !number.is_sign_negative());
    assert!(proper, "{number:?} counts nothing");
}

/// Whatever is counted for running totals is a proper number of as many fields for each id.
fn check_counts(counts: &Counts, fields: usize) {
    let rows: Vec<_> = counts.iter().collect();
    ascending(&rows, |(key, _)| *key);
    for (_, row) in rows {
        assert_eq!(row.len(), fields);
        row.iter()
            .for_each(|number| count((!number.is_nan()).then_some(*number)));
    }
}

/// Whatever is accepted is sound, and reads back when it is written as LivePerson writes it.
pub fn engagement_activity(data: &[u8]) {
    let (filters, body) = choice(data, 4);
    let query = EngagementQuery {
        window: Window::Minutes(5),
        skills: (filters & 1 != 0).then_some(IdFilter::All),
        agents: (filters & 2 != 0).then_some(IdFilter::All),
        levels: Level::ALL.to_vec(),
    };
    if let Ok(content) = engagement_activity::read_slots(body, &query) {
        ascending(&content.value, |slot| slot.end);
        content
            .value
            .iter()
            .for_each(|slot| check_counts(&slot.counts, 5));
    }
    match engagement_activity::read(body, &query) {
        Ok(content) => {
            let answer = content.value;
            check_answer(&answer);
            check_counts(&engagement_activity::counts(&query, &answer), 5);
            let written = answer_json(&answer).to_string();
            let again = engagement_activity::read(written.as_bytes(), &query);
            assert_eq!(again.map(|content| content.value), Ok(answer), "{written}");
        }
        Err(error) => check_message(&parsers::describe(&error, body, SECRET), LONGEST),
    }
}

fn check_answer(answer: &EngagementAnswer) {
    let activity = |activity: &Activity| {
        count(activity.interactive_chats);
        count(activity.noninteractive_chats);
        count(activity.interactive_handling_seconds);
        count(activity.noninteractive_handling_seconds);
        count(activity.connected_engagements);
    };
    answer.account.iter().for_each(activity);
    if let Some(skills) = &answer.skills {
        ascending(&skills.skills, |(id, _)| *id);
        for (_, skill) in &skills.skills {
            activity(&skill.totals);
            ascending(&skill.agents, |(id, _)| *id);
            skill.agents.iter().for_each(|(_, agent)| activity(agent));
        }
    }
    if let Some(agents) = &answer.agents {
        ascending(&agents.agents, |(id, _)| *id);
        agents.agents.iter().for_each(|(_, agent)| activity(agent));
    }
}

fn activity_json(activity: &Activity) -> Value {
    json!({
        "totalInteractiveChats": activity.interactive_chats,
        "totalNonInteractiveChats": activity.noninteractive_chats,
        "totalHandlingTime": activity.interactive_handling_seconds,
        "nonInteractiveTotalHandlingTime": activity.noninteractive_handling_seconds,
        "connectedEngagements": activity.connected_engagements,
    })
}

fn by_id<I: Id, T>(entries: &[(I, T)], json: impl Fn(&T) -> Value) -> Value {
    let entries = entries.iter();
    Value::Object(
        entries
            .map(|(id, entry)| (id.to_string(), json(entry)))
            .collect(),
    )
}

fn agents_json(agents: &[(AgentId, Activity)]) -> Value {
    by_id(agents, activity_json)
}

fn answer_json(answer: &EngagementAnswer) -> Value {
    let mut json = Map::new();
    if let Some(account) = &answer.account {
        json.insert("metricsTotals".to_owned(), activity_json(account));
    }
    if let Some(skills) = &answer.skills {
        let skills = by_id(&skills.skills, |skill| {
            json!({
                "metricsTotals": activity_json(&skill.totals),
                "metricsPerAgent": agents_json(&skill.agents),
            })
        });
        let section = json!({ "metricsPerSkill": skills });
        json.insert("skillsMetricsPerAgent".to_owned(), section);
    }
    if let Some(agents) = &answer.agents {
        let section = json!({ "metricsPerAgent": agents_json(&agents.agents) });
        json.insert("agentsMetrics".to_owned(), section);
    }
    Value::Object(json)
}

/// As for Engagement Activity.
pub fn sla(body: &[u8]) {
    match sla_histogram::read(body) {
        Ok(content) => {
            let answer = content.value;
            ascending(&answer.buckets, |bucket| bucket.lower_limit);
            answer
                .buckets
                .iter()
                .for_each(|bucket| count(Some(bucket.chats)));
            check_histogram_counts(&answer);
            let written = sla_json(&answer).to_string();
            let again = sla_histogram::read(written.as_bytes());
            assert_eq!(again.map(|content| content.value), Ok(answer), "{written}");
        }
        Err(error) => check_message(&parsers::describe(&error, body, SECRET), LONGEST),
    }
}

/// Counted are answers with none but the limits asked for.
fn check_histogram_counts(answer: &SlaAnswer) {
    let query = SlaQuery {
        window: Window::SinceAnchor,
        subject: Subject::Account,
        lower_limits: vec![0, 5, 10, 20, 30],
    };
    let limits = &query.lower_limits;
    let mut buckets = answer.buckets.iter();
    let is_counted = buckets.all(|bucket| limits.contains(&bucket.lower_limit));
    let counts = sla_histogram::counts(&query, answer);
    assert_eq!(counts.is_some(), is_counted);
    if let Some(counts) = counts {
        assert_eq!(counts.len(), 1);
        check_counts(&counts, limits.len());
    }
}

fn sla_json(answer: &SlaAnswer) -> Value {
    let bucket = |limit: u32, chats: f64| (limit.to_string(), json!({ "chats": chats }));
    let buckets = answer.buckets.iter();
    let range: Map<_, _> = buckets
        .map(|one| bucket(one.lower_limit, one.chats))
        .collect();
    json!({ "slaDataRange": range })
}

/// Ids as numbers, whatever they are of.
fn plain(list: NameList) -> Vec<(i64, String)> {
    fn numbers<I: Id>(names: Vec<(I, String)>) -> Vec<(i64, String)> {
        let names = names.into_iter();
        names.map(|(id, name)| (id.into(), name)).collect()
    }
    match list {
        NameList::Skills(names) => numbers(names),
        NameList::Groups(names) => numbers(names),
        NameList::Users(names) => numbers(names),
    }
}

/// Names are kept as they are, at most 4 KiB of each, and read back.
pub fn names(data: &[u8]) {
    let (kind, body) = choice(data, 3);
    let kind = NameKind::ALL[kind];
    match parsers::names(kind, body, SECRET) {
        Ok(list) => {
            let names = plain(list);
            ascending(&names, |(id, _)| *id);
            for (_, name) in &names {
                assert!(name.len() <= 4096 && !name.is_empty());
            }
            let entry = |(id, name): &(i64, String)| json!({ "id": id, "name": name });
            let written = Value::from_iter(names.iter().map(entry)).to_string();
            let again = parsers::names(kind, written.as_bytes(), SECRET).map(plain);
            // A name of 4 KiB of white space and a letter is cut before the letter.
            let shown = |(_, name): &(i64, String)| !name.trim().is_empty();
            let names: Vec<_> = names.into_iter().filter(shown).collect();
            assert_eq!(again, Ok(names), "{written}");
        }
        Err(message) => check_message(&message, LONGEST),
    }
}

/// Credentials go to LivePerson over TLS, or to this machine when the Domain API is on it.
pub fn domain(data: &[u8]) {
    let (api, body) = choice(data, 2);
    let api = ["https://api.liveperson.net", "http://127.0.0.1:1"][api];
    let api = Url::parse(api).expect("a URL");
    match parsers::domain(body, "leDataReporting", &api, SECRET) {
        Ok(None) => {}
        Ok(Some(url)) => {
            let host = url.host_str().expect("a host");
            let host = host.strip_suffix('.').unwrap_or(host);
            let ours = ["liveperson.net", "liveperson.com"].iter().any(|domain| {
                let rest = host.strip_suffix(domain);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            });
            let here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
            let is_simulated = api.scheme() == "http" && here;
            assert!(is_simulated || (ours && url.scheme() == "https"), "{url}");
            assert!(url.path() == "/" && url.query().is_none(), "{url}");
            assert!(
                url.username().is_empty() && url.password().is_none(),
                "{url}"
            );
        }
        Err(message) => check_message(&message, LONGEST),
    }
}

/// A token fits into a header and lives for a while; an error holds no word of the answer, unless
/// that is a page of HTML, which holds no token.
pub fn token(body: &[u8]) {
    let check = |token: &str| {
        assert!((1..=16 * 1024).contains(&token.len()));
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
    };
    match parsers::oauth2_token(body) {
        Ok((token, lifetime)) => {
            check(&token);
            let year = Duration::from_secs(365 * 86_400);
            let proper = lifetime.is_none_or(|life| life <= year);
            assert!(proper, "{lifetime:?}");
            let written = json!({ "access_token": token }).to_string();
            let again = parsers::oauth2_token(written.as_bytes());
            assert_eq!(again.map(|(token, _)| token), Ok(token));
        }
        Err(message) if message.starts_with(HTML) => {}
        Err(message) => check_message(&message, LONGEST),
    }
    match parsers::login_token(body) {
        Ok(token) => {
            check(&token);
            let written = json!({ "bearer": token }).to_string();
            assert_eq!(parsers::login_token(written.as_bytes()), Ok(token));
        }
        Err(message) if message.starts_with(HTML) => {}
        Err(message) => check_message(&message, LONGEST),
    }
}

/// What a server says of an error is shown on one line and without the secret.
pub fn error_text(data: &[u8]) {
    let (is_cut, body) = choice(data, 2);
    let text = parsers::error_text(body, is_cut == 1, SECRET);
    check_message(&text, parsers::LONGEST_ERROR_TEXT);
}

/// A wait is as long as the seconds say, and a date means the distance from the answer's own.
pub fn retry_after(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE] {
        let value = lines.next().map(HeaderValue::from_bytes);
        headers.extend(value.and_then(Result::ok).map(|value| (name, value)));
    }
    let wait = read_retry_after(&headers, SystemTime::UNIX_EPOCH);
    let text = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = text.and_then(|text| text.trim().parse::<u32>().ok());
    if let Some(seconds) = seconds {
        assert_eq!(wait, Some(Duration::from_secs(seconds.into())));
    }
    if text.is_none() {
        assert_eq!(wait, None);
    }
}
