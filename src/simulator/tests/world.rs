//! The contact centre: plausible, busy at all hours, and the same for the same seed.

use crate::simulator::world::{
    Chat, DAY, FIRST_SKILL, HOUR, History, LONGEST_CHAT, Node, Staff, UNASSIGNED_SKILL, Window,
};

use super::{BUSY, QUIET};
use crate::cases::check_each;

fn history(seed: u64, skills: usize, agents: usize) -> History {
    History::new(Staff::new(seed, skills, agents, 3))
}

fn chats(history: &History, from: i64, to: i64) -> Vec<Chat> {
    let window = Window {
        start: from,
        as_of: to,
        end: to,
    };
    let chats = history.chats_around(window);
    let closed = chats.iter();
    closed
        .filter(|chat| (from..to).contains(&chat.closed_at))
        .cloned()
        .collect()
}

fn share(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
}

#[test]
fn one_seed_gives_the_same_chats_in_any_order() {
    let at_once = history(1, 8, 40);
    let later = history(1, 8, 40);
    chats(&later, BUSY + 9 * DAY, BUSY + 10 * DAY);
    let day = chats(&at_once, BUSY - DAY, BUSY);
    assert_eq!(day, chats(&later, BUSY - DAY, BUSY));
    assert_ne!(day, chats(&history(2, 8, 40), BUSY - DAY, BUSY));
}

#[test]
fn days_are_busy_and_nights_are_not_empty() {
    let centre = history(1, 8, 40);
    for day in 0..14 {
        let start = BUSY - BUSY % DAY + day * DAY;
        let weekend = matches!((start / DAY + 3) % 7, 5 | 6);
        for hour in 0..24 {
            let from = start + hour * HOUR;
            let count = chats(&centre, from, from + HOUR).len();
            assert!(count >= 15, "day {day} hour {hour}: {count}");
            assert!(count < 450, "day {day} hour {hour}: {count}");
            if (10..17).contains(&hour) {
                let least = if weekend { 40 } else { 90 };
                assert!(count >= least, "day {day} hour {hour}: {count}");
            }
        }
    }
    let five_minutes = 300_000;
    let night = QUIET - QUIET % five_minutes;
    let empty = (0..24)
        .filter(|step| {
            let from = night - step * five_minutes;
            chats(&centre, from, from + five_minutes).is_empty()
        })
        .count();
    assert!(
        empty <= 6,
        "{empty} of 24 five-minute spans of the night are empty"
    );
}

#[test]
fn the_fields_of_every_chat_are_consistent() {
    let cases = [(8, 40), (0, 5), (3, 0), (200, 3), (1, 1)];
    check_each(cases, |(skills, agents)| {
        let centre = history(3, skills, agents);
        let day = chats(&centre, BUSY - DAY, BUSY);
        assert!(!day.is_empty(), "{skills} skills, {agents} agents");
        for chat in &day {
            assert!(chat.closed_at - chat.queued_at < LONGEST_CHAT);
            assert_eq!(chat.agent.is_some(), chat.answered_at.is_some());
            assert_eq!(chat.group.is_some(), chat.agent.is_some());
            match chat.answered_at {
                Some(answered) => {
                    assert!(chat.queued_at < answered);
                    let handled = chat.closed_at - answered;
                    assert_eq!(handled, i64::from(chat.handling_seconds) * 1000);
                }
                None => assert!(!chat.interactive && chat.handling_seconds == 0),
            }
            let last = FIRST_SKILL + i64::try_from(skills).unwrap();
            assert!(chat.skill == UNASSIGNED_SKILL || (FIRST_SKILL..last).contains(&chat.skill));
        }
    });
}

#[test]
fn some_visitors_wait_and_some_abandon_the_queue() {
    let centre = history(1, 8, 40);
    let week = chats(&centre, BUSY - 7 * DAY, BUSY);
    let abandoned = week.iter().filter(|chat| chat.agent.is_none()).count();
    let abandoned = share(abandoned, week.len());
    assert!((0.005..0.2).contains(&abandoned), "{abandoned} abandoned");
    let waits: Vec<i64> = week
        .iter()
        .filter_map(|chat| Some(chat.answered_at? - chat.queued_at))
        .collect();
    let over = |seconds: i64| {
        let count = waits.iter().filter(|&&wait| wait >= seconds * 1000).count();
        share(count, waits.len())
    };
    assert!(
        over(15) > 0.05 && over(15) < 0.6,
        "{} waited 15 s",
        over(15)
    );
    assert!(
        over(120) > 0.001 && over(120) < 0.2,
        "{} waited 2 min",
        over(120)
    );
    let silent = week
        .iter()
        .filter(|chat| chat.agent.is_some() && !chat.interactive);
    assert!(silent.count() > 20, "non-interactive chats with an agent");
    assert!(week.iter().any(|chat| chat.skill == UNASSIGNED_SKILL));
}

#[test]
fn skills_differ_in_demand() {
    let centre = history(1, 8, 40);
    let day = chats(&centre, BUSY - DAY, BUSY);
    let of = |skill: i64| day.iter().filter(|chat| chat.skill == skill).count();
    assert!(of(101) > 10 * of(108).max(1), "{} and {}", of(101), of(108));
    assert!(of(108) > 0);
}

#[test]
fn the_number_of_chats_of_a_huge_account_is_limited() {
    let centre = history(1, 2_000, 5_000);
    let hour = chats(&centre, BUSY - HOUR, BUSY);
    assert!((10_000..40_000).contains(&hour.len()), "{}", hour.len());
}

#[test]
fn blocks_that_are_too_old_are_dropped() {
    let centre = history(1, 8, 40);
    let early = centre.chats_around(Window::ending(BUSY, 1440, Node::default()));
    for day in 1..30 {
        centre.chats_around(Window::ending(BUSY + day * DAY, 1440, Node::default()));
    }
    assert_eq!(early.shared_blocks(), 0);
}
