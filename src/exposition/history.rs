//! Samples with times of their own, as OpenMetrics: a file that Prometheus makes blocks of.
//!
//! OpenMetrics wants a family's samples together, those of one series together, and their times
//! ascending. So a history is written family by family and, in a family, id by id: [`Points`] collects
//! what one id has at each time, and only that is ever in memory.

use std::io::{self, Write};

use super::header::{declared_name, write_header};
use super::negotiate::Format;
use super::read::CREATED;
use super::{escape, number, page_end};
use crate::metrics::{Family, LabelValue, Sink};

/// Writes a history.
pub struct HistoryWriter<W: Write> {
    out: W,
    /// Labels that every sample carries besides its own, ready to be written.
    labels: Vec<u8>,
    samples: u64,
    series: u64,
}

impl<W: Write> HistoryWriter<W> {
    /// A history whose samples all carry `labels` besides their own.
    pub fn new(out: W, labels: &[(String, String)]) -> Self {
        let mut written = Vec::new();
        for (name, value) in labels {
            super::header::write_label(b',', name, value, &mut written);
        }
        Self {
            out,
            labels: written,
            samples: 0,
            series: 0,
        }
    }

    /// Begins a family; those without samples are left out.
    pub fn family(&mut self, family: &'static Family) -> FamilyWriter<'_, W> {
        FamilyWriter {
            writer: self,
            family,
            begun: false,
        }
    }

    /// Writes the end, and hands the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(page_end(Format::OpenMetrics))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// How many series were written, each bucket of a histogram counted.
    pub fn series(&self) -> u64 {
        self.series
    }

    /// How many samples were written, those that say since when a series counts excepted.
    pub fn samples(&self) -> u64 {
        self.samples
    }
}

/// Writes the samples of one family.
pub struct FamilyWriter<'a, W: Write> {
    writer: &'a mut HistoryWriter<W>,
    family: &'static Family,
    begun: bool,
}

impl<W: Write> FamilyWriter<'_, W> {
    /// Samples of one id, to be filled; see [`FamilyWriter::write`].
    pub fn points(&self) -> Points {
        Points {
            family: self.family,
            labels: self.writer.labels.clone(),
            time: 0,
            series: Vec::new(),
        }
    }

    /// Writes the samples of an id.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, points: &Points) -> io::Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        let writer = &mut *self.writer;
        if !self.begun {
            let Family {
                name, kind, help, ..
            } = self.family;
            let mut header = Vec::new();
            write_header(Format::OpenMetrics, name, *kind, help, &mut header);
            writer.out.write_all(&header)?;
            self.begun = true;
        }
        for series in &points.series {
            writer.out.write_all(&series.lines)?;
            writer.samples += series.samples;
            writer.series += series.width;
        }
        Ok(())
    }
}

/// What one id has in one family, at ascending times.
pub struct Points {
    family: &'static Family,
    labels: Vec<u8>,
    time: i64,
    series: Vec<Series>,
}

/// The samples of one set of labels; a histogram's buckets are one.
struct Series {
    labels: Vec<u8>,
    lines: Vec<u8>,
    samples: u64,
    /// How many series they are.
    width: u64,
}

impl Points {
    /// The time of the samples that follow, in seconds since the epoch; later than the last.
    pub fn at(&mut self, time: i64) -> &mut Self {
        self.time = time;
        self
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn is_other(&self, family: &'static Family) -> bool {
        family != self.family
    }

    /// Appends samples of one set of labels: a suffix, an upper limit of a bucket and a value each.
    fn push(
        &mut self,
        labels: &[LabelValue<'_>],
        samples: &[(&str, Option<f64>, f64)],
        created: Option<i64>,
    ) {
        let labels = self.written(labels);
        let known = self
            .series
            .iter()
            .position(|series| series.labels == labels);
        let (family, time) = (self.family, self.time);
        let index = known.unwrap_or(self.series.len());
        if known.is_none() {
            self.series.push(Series {
                labels,
                lines: Vec::new(),
                samples: 0,
                width: samples.len() as u64,
            });
        }
        let Some(series) = self.series.get_mut(index) else {
            return;
        };
        let Series { labels, lines, .. } = series;
        for (suffix, limit, value) in samples {
            write_name(lines, family.name, suffix, labels);
            if let Some(limit) = limit {
                lines.extend_from_slice(b",le=\"");
                number::upper_bound(*limit, lines);
                lines.push(b'"');
            }
            write_end(lines, *value, time);
        }
        series.samples += samples.len() as u64;
        // Once is enough: it never changes.
        if let Some(created) = created.filter(|_| known.is_none()) {
            let name = declared_name(Format::OpenMetrics, family.name, family.kind);
            write_name(lines, name, CREATED, labels);
            lines.extend_from_slice(b"} ");
            number::integer(created, lines);
            lines.extend_from_slice(b".0 ");
            number::integer(time, lines);
            lines.push(b'\n');
        }
    }

    fn written(&self, labels: &[LabelValue<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, (name, label)) in self.family.labels.iter().zip(labels).enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            match label {
                LabelValue::Text(text) => escape::label_value(text, &mut out),
                LabelValue::Id(id) => number::integer(*id, &mut out),
            }
            out.push(b'"');
        }
        out.extend_from_slice(&self.labels);
        out
    }

    fn push_buckets(
        &mut self,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
        created: Option<i64>,
    ) {
        let mut samples = Vec::with_capacity(buckets.len() + 1);
        for (limit, value) in buckets {
            samples.push(("_bucket", Some(f64::from(*limit)), *value));
        }
        samples.push(("_bucket", Some(f64::INFINITY), count));
        self.push(labels, &samples, created);
    }
}

fn write_name(out: &mut Vec<u8>, name: &str, suffix: &str, labels: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(labels);
}

fn write_end(out: &mut Vec<u8>, value: f64, time: i64) {
    out.extend_from_slice(b"} ");
    number::value(value, out);
    out.push(b' ');
    number::integer(time, out);
    out.push(b'\n');
}

/// Samples of other families are not taken.
impl Sink for Points {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        if !self.is_other(family) {
            self.push(labels, &[("", None, value)], None);
        }
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        if !self.is_other(family) {
            self.push_buckets(labels, buckets, count, None);
        }
    }

    fn counter(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        value: f64,
        created: i64,
    ) {
        if !self.is_other(family) {
            self.push(labels, &[("", None, value)], Some(created));
        }
    }

    fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
        created: i64,
    ) {
        if !self.is_other(family) {
            self.push_buckets(labels, buckets, count, Some(created));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_family;

    static CHATS: Family = data_family!(
        Skill: "liveperson_", "chats_total", Counter ["kind"], "Chats", "."
    );
    static WAITS: Family = data_family!(
        Account: "liveperson_", "wait_seconds", Histogram [], "Wait times", "."
    );

    #[test]
    fn samples_of_a_series_stand_together_with_ascending_times() {
        let labels = [("job".to_owned(), "say \"hi\"".to_owned())];
        let mut writer = HistoryWriter::new(Vec::new(), &labels);
        let mut family = writer.family(&CHATS);
        let mut points = family.points();
        for (time, value) in [(300, 0.0), (600, 2.0)] {
            for kind in ["a", "b"] {
                let ids = [
                    LabelValue::Text("1"),
                    LabelValue::Id(4),
                    LabelValue::Text(kind),
                ];
                points.at(time).counter(&CHATS, &ids, value, 300);
                points.at(time).counter(&WAITS, &ids[..1], value, 300);
            }
        }
        family.write(&points).unwrap();
        let mut waits = writer.family(&WAITS);
        let mut points = waits.points();
        for time in [300, 600] {
            let account = [LabelValue::Text("1")];
            points
                .at(time)
                .histogram(&WAITS, &account, &[(15, 1.0)], 2.0, 0);
        }
        waits.write(&points).unwrap();
        assert_eq!((writer.series(), writer.samples()), (4, 8));
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            r#"# HELP liveperson_skill_chats Chats by skill.
# TYPE liveperson_skill_chats counter
liveperson_skill_chats_total{account="1",skill="4",kind="a",job="say \"hi\""} 0 300
liveperson_skill_chats_created{account="1",skill="4",kind="a",job="say \"hi\""} 300.0 300
liveperson_skill_chats_total{account="1",skill="4",kind="a",job="say \"hi\""} 2 600
liveperson_skill_chats_total{account="1",skill="4",kind="b",job="say \"hi\""} 0 300
liveperson_skill_chats_created{account="1",skill="4",kind="b",job="say \"hi\""} 300.0 300
liveperson_skill_chats_total{account="1",skill="4",kind="b",job="say \"hi\""} 2 600
# HELP liveperson_account_wait_seconds Wait times over the whole account.
# TYPE liveperson_account_wait_seconds histogram
# UNIT liveperson_account_wait_seconds seconds
liveperson_account_wait_seconds_bucket{account="1",job="say \"hi\"",le="15.0"} 1 300
liveperson_account_wait_seconds_bucket{account="1",job="say \"hi\"",le="+Inf"} 2 300
liveperson_account_wait_seconds_created{account="1",job="say \"hi\""} 0.0 300
liveperson_account_wait_seconds_bucket{account="1",job="say \"hi\"",le="15.0"} 1 600
liveperson_account_wait_seconds_bucket{account="1",job="say \"hi\"",le="+Inf"} 2 600
# EOF
"#
        );
    }

    #[test]
    fn a_family_without_samples_is_left_out() {
        let mut writer = HistoryWriter::new(Vec::new(), &[]);
        let mut family = writer.family(&CHATS);
        let points = family.points();
        family.write(&points).unwrap();
        assert_eq!(writer.finish().unwrap(), b"# EOF\n");
    }
}
