//! A file system that loses power: it knows what has reached the disk and what has not.
//!
//! Like a journalled file system it keeps the order of what happens to names, and loses the end of it;
//! the content of a file that was not synced may be lost, cut, or there.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::disk::{Disk, NewFile};

/// What happens at a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It fails, and the next one does not.
    Error(ErrorKind),
    /// The power fails: neither it nor any later one happens.
    PowerFailure,
    /// It and every later one that changes something fail.
    ReadOnly,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    on_disk: Vec<u8>,
}

/// What happens to names.
#[derive(Clone)]
enum Change {
    Set(String, usize),
    Remove(String),
    Rename(String, String),
}

#[derive(Clone, Default)]
struct State {
    contents: Vec<Content>,
    now: BTreeMap<String, usize>,
    on_disk: BTreeMap<String, usize>,
    /// What is not on disk yet.
    changes: Vec<Change>,
    /// At which step from now what happens.
    fault: Option<(usize, Fault)>,
    /// Whether syncing a file does nothing.
    lies: bool,
}

/// A model of a disk; clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Model(Arc<Mutex<State>>);

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, content) => {
                names.insert(name.clone(), *content);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(content) = names.remove(from) {
                    names.insert(to.clone(), content);
                }
            }
        }
    }
}

impl State {
    /// One step that changes something; an error if it must not happen.
    fn step(&mut self) -> io::Result<()> {
        let Some((left, fault)) = self.fault else {
            return Ok(());
        };
        if left > 0 {
            self.fault = Some((left - 1, fault));
            return Ok(());
        }
        match fault {
            Fault::Error(kind) => {
                self.fault = None;
                Err(kind.into())
            }
            Fault::PowerFailure => Err(io::Error::other("there is no power")),
            Fault::ReadOnly => Err(ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        let found = self.now.get(name).copied();
        found.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    /// What is on the disk after a power failure if so many changes of names have reached it.
    fn after(&self, changes: usize, survives: fn(&Content) -> Vec<u8>) -> Self {
        let mut names = self.on_disk.clone();
        for change in &self.changes[..changes] {
            change.apply(&mut names);
        }
        let contents = self.contents.iter().map(|content| {
            let content = survives(content);
            Content {
                now: content.clone(),
                on_disk: content,
            }
        });
        Self {
            contents: contents.collect(),
            now: names.clone(),
            on_disk: names,
            ..Self::default()
        }
    }
}

impl Model {
    /// A disk with one file.
    pub(super) fn with(name: &str, content: &[u8]) -> Self {
        let model = Self::default();
        let content = Content {
            now: content.to_owned(),
            on_disk: content.to_owned(),
        };
        {
            let mut state = model.0.lock();
            state.contents.push(content);
            state.now.insert(name.to_owned(), 0);
            state.on_disk.insert(name.to_owned(), 0);
        }
        model
    }

    /// A disk that says that files are synced and does nothing for it.
    pub(super) fn lying(self) -> Self {
        self.0.lock().lies = true;
        self
    }

    /// Lets something happen after so many further steps.
    pub(super) fn fail_after(&self, steps: usize, fault: Fault) {
        self.0.lock().fault = Some((steps, fault));
    }

    pub(super) fn repair(&self) {
        self.0.lock().fault = None;
    }

    /// Whether the fault that was asked for is still to come.
    pub(super) fn fault_is_to_come(&self) -> bool {
        matches!(self.0.lock().fault, Some((steps, _)) if steps > 0)
    }

    /// Every disk that the next process may find when the power fails now.
    pub(super) fn after_power_failure(&self) -> Vec<Self> {
        let state = self.0.lock();
        let mut disks = Vec::new();
        for changes in 0..=state.changes.len() {
            let outcomes: [fn(&Content) -> Vec<u8>; 3] = [
                |content| content.on_disk.clone(),
                |content| {
                    let half = content.now.len().div_ceil(2).max(content.on_disk.len());
                    content.now[..half.min(content.now.len())].to_owned()
                },
                |content| content.now.clone(),
            ];
            for survives in outcomes {
                let after = state.after(changes, survives);
                disks.push(Self(Arc::new(Mutex::new(after))));
            }
        }
        disks
    }

    pub(super) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.read(name).ok()
    }
}

struct ModelFile<'a> {
    model: &'a Model,
    content: usize,
}

impl NewFile for ModelFile<'_> {
    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        let mut state = self.model.0.lock();
        // What fails or breaks off in the middle leaves a part.
        let result = state.step();
        let written = match result {
            Ok(()) => content,
            Err(_) => &content[..content.len() / 2],
        };
        state.contents[self.content].now = written.to_owned();
        result
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.model.0.lock();
        state.step()?;
        if !state.lies {
            let content = &mut state.contents[self.content];
            content.on_disk = content.now.clone();
        }
        Ok(())
    }
}

impl Disk for Model {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().now.keys().cloned().collect())
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.0.lock().find(name).is_ok())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.0.lock();
        let content = state.find(name)?;
        Ok(state.contents[content].now.clone())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile + '_>> {
        let mut state = self.0.lock();
        if state.find(name).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.step()?;
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.change(Change::Set(name.to_owned(), content));
        let model = self;
        Ok(Box::new(ModelFile { model, content }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.find(from)?;
        state.step()?;
        state.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.find(name)?;
        state.step()?;
        state.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.on_disk = state.now.clone();
        state.changes.clear();
        Ok(())
    }
}
