//! What is polled for an account: its collectors, and the names of its ids.

use crate::collectors::{About, AccountCollectors, ConfiguredCollector};
use crate::scheduler::TaskId;

/// What one of the scheduler's tasks polls.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// A collector, for data.
    Collector(ConfiguredCollector),
    /// Names for ids.
    Names,
}

/// The tasks of one account, in the scheduler's order.
#[derive(Clone, Debug)]
pub(super) struct Tasks(Vec<Task>);

impl Tasks {
    /// The collectors that run, in the order in which they are served, and the names if they are looked
    /// up.
    pub(super) fn new(collectors: &AccountCollectors, names: bool) -> Self {
        let collectors = collectors.enabled().iter().cloned().map(Task::Collector);
        Self(collectors.chain(names.then_some(Task::Names)).collect())
    }

    /// A task.
    pub(super) fn get(&self, id: TaskId) -> Option<&Task> {
        self.0.get(id.index())
    }

    /// The collector that a task is.
    pub(super) fn collector(&self, id: TaskId) -> Option<&ConfiguredCollector> {
        match self.get(id)? {
            Task::Collector(collector) => Some(collector),
            Task::Names => None,
        }
    }

    /// Whether a task is the names.
    pub(super) fn is_names(&self, id: TaskId) -> bool {
        matches!(self.get(id), Some(Task::Names))
    }

    /// All tasks with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        let tasks = self.0.iter().enumerate();
        tasks.map(|(index, task)| (TaskId::new(index), task))
    }

    /// The collectors with their ids.
    pub(super) fn collectors(&self) -> impl Iterator<Item = (TaskId, &ConfiguredCollector)> {
        self.iter().filter_map(|(id, task)| match task {
            Task::Collector(collector) => Some((id, collector)),
            Task::Names => None,
        })
    }

    /// What is said of the collectors, in the scheduler's order.
    pub(super) fn about(&self) -> impl Iterator<Item = &'static About> {
        self.collectors().map(|(_, collector)| collector.about())
    }

    /// The labels of the collectors, in the scheduler's order.
    pub(super) fn labels(&self) -> Vec<&'static str> {
        self.about().map(|about| about.label).collect()
    }

    /// The task that polls a collector.
    pub(super) fn find(&self, label: &str) -> Option<TaskId> {
        let mut collectors = self.collectors();
        let found = collectors.find(|(_, collector)| collector.label() == label);
        found.map(|(id, _)| id)
    }

    /// The task of the names.
    pub(super) fn names(&self) -> Option<TaskId> {
        let mut tasks = self.iter();
        let names = tasks.find(|(_, task)| matches!(task, Task::Names));
        names.map(|(id, _)| id)
    }
}
