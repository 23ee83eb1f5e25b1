use super::*;
use crate::cases::check_each;
use crate::collectors::Registry;
use crate::exposition::SegmentWriter;
use crate::metrics::{LabelValue, Sink as _};

#[test]
fn windows_are_ordered_by_length_and_today_is_last() {
    let mut windows = ["today", "1d", "5m", "1h30m", "1h"];
    windows.sort_by_key(|label| length(label));
    assert_eq!(windows, ["5m", "1h", "1h30m", "1d", "today"]);
}

#[test]
fn a_quantile_is_interpolated_within_its_bucket() {
    let inf = f64::INFINITY;
    let cases = [
        (vec![], None),
        (vec![(15.0, 0.0), (inf, 0.0)], None),
        (vec![(10.0, 9.0), (20.0, 10.0), (inf, 10.0)], Some(10.0)),
        (vec![(10.0, 0.0), (20.0, 10.0), (inf, 10.0)], Some(19.0)),
        (vec![(10.0, 1.0), (inf, 10.0)], Some(10.0)),
    ];
    check_each(cases, |(buckets, expected)| {
        assert_eq!(quantile(0.9, &buckets), expected)
    });
}

/// The activity of an account whose skill 3 is the busiest and skill 7 the slowest.
fn account_of_nine_skills() -> Activity {
    let highlights = Registry::standard().highlights();
    let (account_chats, skill_chats) = highlights.chats.unwrap();
    let (account_waits, skill_waits) = highlights.waits.unwrap();
    let (account, window) = (LabelValue::Text("1"), LabelValue::Text("5m"));
    let mut writer = SegmentWriter::new(&[]);
    for kind in ["interactive", "noninteractive"] {
        let kind = LabelValue::Text(kind);
        writer.gauge(account_chats, &[account, window, kind], 4.0);
        for skill in 0..9 {
            let chats = if skill == 3 { 5.0 } else { 1.0 };
            let labels = [account, LabelValue::Id(skill), window, kind];
            writer.gauge(skill_chats, &labels, chats);
        }
    }
    let buckets = [(15, 3.0), (30, 5.0)];
    writer.gauge_histogram(account_waits, &[account, window], &buckets, 6.0);
    let (labels, buckets) = ([account, LabelValue::Id(7), window], [(15, 0.0), (30, 5.0)]);
    writer.gauge_histogram(skill_waits, &labels, &buckets, 5.0);
    let labels = [account, LabelValue::Id(3), LabelValue::Text("Sales")];
    writer.gauge(&SKILL_INFO, &labels, 1.0);
    let publication = Arc::new(Publication {
        chunks: writer.finish().unwrap(),
        received_at: None,
    });
    let publications = [&publication].into_iter();
    activity(&highlights, publications, &mut Inflater::new())
}

#[test]
fn figures_of_an_account_are_those_that_are_served() {
    let activity = account_of_nine_skills();
    let [now] = &activity.windows[..] else {
        panic!("{activity:?}")
    };
    let figures = (&*now.window, now.chats, now.handling_seconds);
    assert_eq!(figures, ("5m", Some(8.0), None));
    let buckets = now.waits.as_ref().unwrap().buckets.iter();
    let buckets = buckets.map(|b| (b.within_seconds, b.chats, b.share_within));
    let expected = [
        (Some(15.0), 3.0, Some(0.5)),
        (Some(30.0), 2.0, Some(5.0 / 6.0)),
        (None, 1.0, Some(1.0)),
    ];
    assert_eq!(buckets.collect::<Vec<_>>(), expected);
}

#[test]
fn the_busiest_and_the_slowest_skills_come_first() {
    let activity = account_of_nine_skills();
    assert_eq!(activity.busiest_skills.len(), SKILLS);
    let busiest = &activity.busiest_skills[0];
    let busiest = (&*busiest.skill, busiest.name.as_deref(), busiest.chats);
    assert_eq!(busiest, ("3", Some("Sales"), Some(10.0)));
    let [slowest] = &activity.slowest_skills[..] else {
        panic!("{activity:?}")
    };
    let slowest = (&*slowest.skill, slowest.wait_seconds_p90);
    assert_eq!(slowest, ("7", Some(28.5)));
}
