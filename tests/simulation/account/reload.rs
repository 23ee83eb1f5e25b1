//! What happens to an account when the configuration changes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use fastrand::Rng;
use liveperson_exporter::daemon::AccountStatus;
use liveperson_exporter::scheduler::{CarriedTask, Carryover, ServiceId, SessionChange, TaskId};

use super::{Account, publisher, scheduler};
use crate::simulation::clocks::Clocks;
use crate::simulation::served;
use crate::simulation::setup::{AccountSetup, ConfigChange};

impl Account {
    /// Its configuration changes.
    pub(crate) fn reload(
        &mut self,
        clocks: &Clocks,
        change: ConfigChange,
        session: SessionChange,
        rng: &mut Rng,
    ) {
        if self.removed {
            return;
        }
        let (now, old) = (clocks.now, self.setup.clone());
        self.setup.change(rng, change);
        let setup = &self.setup;
        clocks.trace(self.number, || format!("reload: {change:?} {session:?}"));
        self.under_way.clear();
        let unchanged = |label: &str| setup.collectors.asks_the_same(&old.collectors, label);
        let was = |label: &str| old.labels().iter().position(|l| *l == label);
        let labels = setup.labels().into_iter();
        let from: Vec<_> = labels
            .map(|label| was(label).map(|index| (index, unchanged(label))))
            .collect();
        let spacing = self.scheduler.spacing();
        let mut scheduler = scheduler(setup, now);
        scheduler.restore_from(
            &self.scheduler,
            now,
            &carryover(setup, &old, &from, session),
        );
        self.scheduler = scheduler;
        let right = spacing.max(setup.settings.min_spacing);
        let restored = self.scheduler.spacing();
        assert!(
            restored.abs_diff(right) < Duration::from_micros(1),
            "a reload changed the spacing from {spacing:?} to {restored:?}"
        );
        let mut publisher = publisher(setup, &self.store);
        publisher.restore_from(&self.publisher, clocks.moment());
        publisher.publish_all();
        self.publisher = publisher;
        let status = AccountStatus::new(setup.collectors.account(), &setup.labels());
        status.restore_from(&self.status);
        self.status = status;
        self.model.reload(setup, now, &from, session, restored);
        self.served.reload(&setup.collectors, unchanged);
        if !setup.names.lookup {
            self.names_begun = false;
            self.served.forget_names();
        }
        self.check_names(now);
        self.status.set_wait(self.scheduler.backoff_until(now));
        self.check_status(clocks, now);
        self.wake = Some(now);
    }

    /// It is taken out of the configuration.
    pub(crate) fn remove(&mut self, clocks: &Clocks) {
        self.removed = true;
        self.under_way.clear();
        let gone = HashSet::from([self.setup.collectors.account()]);
        self.store.remove_accounts(&gone);
        self.is_gone(clocks.now);
    }

    pub(crate) fn is_gone(&self, now: Instant) {
        served::is_gone(&self.store, self.setup.collectors.account(), now);
    }
}

fn carryover(
    setup: &AccountSetup,
    old: &AccountSetup,
    from: &[Option<(usize, bool)>],
    session: SessionChange,
) -> Carryover {
    let carried = |(index, unchanged)| {
        let id = TaskId::new(index);
        CarriedTask { id, unchanged }
    };
    let collectors = from.iter().map(|from| from.map(carried));
    let names = (setup.names.lookup && old.names.lookup).then(|| {
        let unchanged = setup.names.refresh == old.names.refresh;
        carried((old.collectors.enabled().len(), unchanged))
    });
    let services = setup.settings.session.services;
    let was =
        |service| (service < old.settings.session.services).then_some(ServiceId::new(service));
    Carryover {
        tasks: collectors.chain([names]).collect(),
        services: (0..services).map(was).collect(),
        session,
    }
}
