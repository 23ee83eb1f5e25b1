//! The text format of counters and histograms, made of OpenMetrics' lines when it is read.
//!
//! The formats differ in the lines of `_created` alone. Every Prometheus asks for OpenMetrics, so half
//! of the work of rendering and compressing both with every poll would be wasted. The first scrape in
//! the text format makes it; from then on each answer brings it along, until some answers in a row
//! were not read as text.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::compress::{Compressor, Inflater, Segment};
use super::header::declared_name;
use super::negotiate::Format;
use super::read::CREATED;
use crate::metrics::Family;

/// After how many answers in a row without a scrape as text it is no longer made ahead. More than the
/// polls between two scrapes of a Prometheus that scrapes every few minutes.
pub(super) const UNREAD_ANSWERS: u32 = 30;

/// The segments of the text format, once they are made; cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct TextOnDemand(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    segments: OnceLock<Vec<Segment>>,
    /// Whether a scrape asked for them.
    read: AtomicBool,
    /// How many answers in a row before this one were not read as text; all of them at first.
    unread_before: u32,
}

impl PartialEq for TextOnDemand {
    /// It follows from the segments of OpenMetrics.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl TextOnDemand {
    /// The text of an answer that comes after `previous`: `ahead`, when it was made with the answer.
    pub(super) fn new(previous: Option<&Self>, ahead: Option<Vec<Segment>>) -> Self {
        Self(Arc::new(Inner {
            segments: ahead.map(OnceLock::from).unwrap_or_default(),
            read: AtomicBool::new(false),
            unread_before: previous.map_or(u32::MAX, Self::unread),
        }))
    }

    /// Whether the next answer's text is made with the answer.
    pub(super) fn is_made_ahead(&self) -> bool {
        self.unread() < UNREAD_ANSWERS
    }

    /// How many answers in a row, this one included, were not read as text.
    fn unread(&self) -> u32 {
        match self.0.read.load(Ordering::Relaxed) {
            true => 0,
            false => self.0.unread_before.saturating_add(1),
        }
    }

    /// Whether the text of this answer is there.
    pub(super) fn is_made(&self) -> bool {
        self.0.segments.get().is_some()
    }

    /// What is made so far.
    pub(super) fn segments_made(&self) -> &[Segment] {
        self.0.segments.get().map_or(&[], Vec::as_slice)
    }

    /// The text format of a family's `openmetrics`. Who asks at the same time waits for the first.
    pub(super) fn segments(&self, family: &Family, openmetrics: &[Segment]) -> &[Segment] {
        self.0.read.store(true, Ordering::Relaxed);
        self.0.segments.get_or_init(|| {
            make(family, openmetrics).unwrap_or_else(|error| {
                tracing::error!(%error, family = family.name, "the text format cannot be made");
                Vec::new()
            })
        })
    }
}

fn make(family: &Family, openmetrics: &[Segment]) -> io::Result<Vec<Segment>> {
    let mut compressor = Compressor::new();
    let mut inflater = Inflater::new();
    let mut text = Vec::new();
    let segments = openmetrics.iter().map(|segment| {
        text.clear();
        without_created(family, &inflater.plain(segment)?, &mut text);
        compressor.compress(&text)
    });
    segments.collect()
}

/// Appends a family's lines of OpenMetrics, without those of `_created`.
pub(super) fn without_created(family: &Family, openmetrics: &[u8], out: &mut Vec<u8>) {
    let name = declared_name(Format::OpenMetrics, family.name, family.kind).as_bytes();
    let is_created = |line: &[u8]| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(CREATED.as_bytes()))
    };
    for line in openmetrics.split_inclusive(|byte| *byte == b'\n') {
        if !is_created(line) {
            out.extend_from_slice(line);
        }
    }
}
