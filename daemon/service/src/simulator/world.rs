//! A world and its time: what comes next, and what it does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use backupd_core::{
    config::{Catalog, Job, Settings},
    name::JobName,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tempfile::TempDir;

use super::{
    account::Account,
    daemon::{Daemon, Machine},
    engine::{Engine, Odds},
    ground::{Age, Ground, Happening},
    life::{Life, begins},
    memory::Memory,
    writes::Witness,
};
use crate::ports::Clock as _;

/// See the module.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) life: Life,
    pub(super) daemon: Option<Daemon>,
    pub(super) asleep: bool,
    pub(super) quiet: bool,
    pub(super) over: bool,
    pub(super) accounts: BTreeMap<JobName, Account>,
    /// Up to where jobs were seen to that are gone: the store knows it when they come back.
    waters: BTreeMap<JobName, Timestamp>,
    pub(super) witness: Witness,
    pub(super) unkept: Unkept,
    /// When the daemon began, the machine woke up, or the clock was set.
    pub(super) disturbed: Age,
    /// Runs at work at once.
    pub(super) limit: usize,
    /// Jobs that there have been.
    pub(super) known_jobs: usize,
    /// What the clock would show had nobody set it.
    pub(super) begun: Timestamp,
    pub(super) rings: u64,
    pub(super) happenings: u64,
    _directory: TempDir,
}

/// What no daemon has kept yet of a clock that was set.
#[derive(Default)]
pub(super) struct Unkept {
    pub(super) set: bool,
    /// It was set back.
    pub(super) back: bool,
    /// The daemon began when it could not read what it judges such a clock by.
    pub(super) blind: bool,
}

/// How long the end is quiet.
const QUIET: SignedDuration = SignedDuration::from_hours(4 * 24);

/// Rings at one instant that are more than there can be a reason for.
const STORM: u32 = 30;

impl World {
    pub(super) async fn new(seed: u64, lasts: SignedDuration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let begun = begins(seed);
        let ground = Ground::new(seed, begun);
        let life = Life::new(&ground, lasts);
        life.write(&ground, directory.path());
        let machine = Machine {
            memory: Arc::new(Memory::new(Arc::clone(&ground))),
            engine: Arc::new(Engine::new(Arc::clone(&ground))),
            zone: Arc::new(Mutex::new(life.zone.clone())),
            conditions: Arc::default(),
            configuration: directory.path().to_owned(),
            ground,
        };
        machine.engine.set_odds(life.odds);
        let mut world = Self {
            machine,
            daemon: None,
            asleep: false,
            quiet: false,
            over: false,
            accounts: BTreeMap::new(),
            waters: BTreeMap::new(),
            witness: Witness::default(),
            unkept: Unkept::default(),
            disturbed: Age::ZERO,
            limit: 0,
            known_jobs: life.jobs,
            begun,
            rings: 0,
            happenings: 0,
            life,
            _directory: directory,
        };
        let ground = Arc::clone(&world.machine.ground);
        ground.after(world.life.lasts, Happening::Quiet);
        ground.after(world.life.lasts + QUIET, Happening::End);
        ground.after(world.life.pause(&ground), Happening::Whim);
        world.start().await;
        let faults = world.daemon.as_ref().unwrap().coordinator.faults();
        assert!(faults.is_empty(), "{faults:?}");
        world
    }

    /// Lives to the end, or until something is wrong.
    pub(super) async fn live(&mut self) {
        while !self.over && self.machine.ground.wrongs().is_empty() {
            self.go_on().await;
        }
        if self.machine.ground.wrongs().is_empty() {
            self.look_at_end_of_life();
        }
    }

    /// Goes to what comes next, and sees it through.
    async fn go_on(&mut self) {
        let ground = Arc::clone(&self.machine.ground);
        let comes = ground.first().unwrap();
        let rings = self.rings_in().map(|left| ground.age() + left);
        if let Some(rings) = rings.filter(|rings| *rings <= comes) {
            ground.pass((rings - ground.age()).max(SignedDuration::ZERO));
        } else {
            ground.pass((comes - ground.age()).max(SignedDuration::ZERO));
            self.keep_accounts();
            self.happenings += 1;
            if let Some(what) = ground.take() {
                self.happen(what).await;
            }
        }
        self.finish().await;
    }

    /// Lets the coordinator do all that it has to do now, and looks at what came of it.
    async fn finish(&mut self) {
        self.work().await;
        for round in 0.. {
            if self.rings_in().is_none_or(|left| left > SignedDuration::ZERO) {
                break;
            }
            if round == STORM {
                self.wrong("the alarm rings again and again");
                break;
            }
            self.rings += 1;
            let what = self
                .daemon
                .as_ref()
                .and_then(|daemon| daemon.coordinator.first_appointment());
            self.machine.ground.tell(format!("ring: {what:?}"));
            if let Some(daemon) = &mut self.daemon {
                daemon.ring().await;
            }
            self.work().await;
        }
        self.look();
    }

    /// How long until the alarm rings.
    fn rings_in(&self) -> Option<SignedDuration> {
        let daemon = self.daemon.as_ref().filter(|_| !self.asleep)?;
        let at = daemon.rings_at()?;
        Some(at.duration_since(self.machine.ground.now()))
    }

    pub(super) async fn work(&mut self) {
        if let Some(daemon) = self.daemon.as_mut().filter(|_| !self.asleep)
            && daemon.work().await.is_err()
        {
            self.die();
        }
    }

    /// A daemon starts, and may die of it.
    pub(super) async fn start(&mut self) {
        if self.daemon.is_some() {
            return;
        }
        let ground = Arc::clone(&self.machine.ground);
        ground.tell("the daemon starts");
        self.disturbed = ground.age();
        self.keep_accounts();
        let knows = !std::mem::take(&mut self.unkept.set);
        self.witness
            .judge_waits(&self.machine.memory.disk(), &ground, knows);
        self.unkept.blind = self.is_impaired();
        if !self.unkept.blind && std::mem::take(&mut self.unkept.back) {
            self.judge_anew();
        }
        self.machine.engine.unbind();
        match Daemon::begin(&self.machine).await {
            Ok(daemon) => self.daemon = Some(daemon),
            Err(read) => {
                self.learn(&read.catalog, &read.settings);
                self.die();
            }
        }
    }

    /// A daemon judges by what the clock shows now.
    pub(super) fn judge_anew(&mut self) {
        for account in self.accounts.values_mut() {
            account.judge_anew();
        }
    }

    /// The daemon ends without knowing.
    pub(super) fn die(&mut self) {
        // What it did last is judged by what it had read.
        self.keep_accounts();
        self.machine.ground.tell("the daemon dies");
        self.end(SignedDuration::from_secs(5));
    }

    /// The daemon is gone, and comes back after a while.
    pub(super) fn end(&mut self, away: SignedDuration) {
        self.daemon = None;
        self.machine.engine.orphan();
        let ground = &self.machine.ground;
        ground.cut_fuse();
        ground.drop_all(|what| {
            matches!(
                what,
                Happening::Replay(..) | Happening::Standing | Happening::Start
            )
        });
        ground.after(away, Happening::Start);
    }

    /// Somebody sets the clock, or it is found to be wrong.
    pub(super) async fn set_clock(&mut self, now: Timestamp) {
        self.keep_accounts();
        // What was written before is of the clock as it was.
        self.look_at_writes();
        let ground = Arc::clone(&self.machine.ground);
        let (before, age) = (ground.now(), ground.age());
        ground.tell(format!("the clock is set to {now}"));
        ground.set(now);
        self.unkept.set = true;
        if now < before {
            self.unkept.back = true;
            self.witness.set_back = age;
        }
        self.witness.step(before, now, age);
        let mut again = Vec::new();
        for account in self.accounts.values_mut() {
            account.step(before, now, age);
            again.extend(account.repeats(now).then(|| account.job.name.clone()));
        }
        for job in again {
            self.allow_again(&job, now);
        }
        self.disturbed = age;
        if let Some(daemon) = self.daemon.as_mut().filter(|_| !self.asleep) {
            daemon.ring().await;
        }
    }

    /// Brings the accounts to what is in force, and to now.
    pub(super) fn keep_accounts(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            let (catalog, settings) = daemon.coordinator.configured();
            self.learn(catalog, settings);
            self.daemon = Some(daemon);
        }
        let (now, age) = (self.machine.ground.now(), self.machine.ground.age());
        for account in self.accounts.values_mut() {
            account.pass(now, age);
        }
    }

    /// Brings the accounts to what a daemon has read.
    fn learn(&mut self, catalog: &Catalog, settings: &Settings) {
        let (local, now) = (self.local(), self.machine.ground.now());
        self.limit = settings.max_parallel_runs as usize;
        let after = catalog.jobs.values();
        let after = after.map(|job| (job.name.clone(), job.after.clone())).collect();
        self.machine.engine.bind(after);
        let gone = |name: &JobName, _: &mut Account| !catalog.jobs.contains_key(name);
        let gone = self.accounts.extract_if(.., gone);
        self.waters
            .extend(gone.map(|(name, account)| (name, account.water)));
        for job in catalog.jobs.values() {
            let Some(anchor) = self.machine.memory.disk().known_since(&job.name) else {
                continue;
            };
            match self.accounts.get_mut(&job.name) {
                Some(account) if account.agrees(job, &local, anchor) => {
                    account.job.clone_from(job);
                }
                Some(account) => {
                    let is_edited = !account.is_said_by(job);
                    account.reopen(job, local.clone(), anchor, now);
                    if is_edited {
                        self.allow_again(&job.name, now);
                    } else {
                        self.allow_all_again(&job.name);
                    }
                }
                None => {
                    let water = self.waters.remove(&job.name).map_or(now, |water| water.max(now));
                    let account = Account::open(job, local.clone(), anchor, now, water);
                    self.accounts.insert(job.name.clone(), account);
                    self.allow_again(&job.name, now);
                }
            }
        }
    }

    pub(super) fn local(&self) -> TimeZone {
        self.machine.zone.lock().unwrap().clone()
    }

    pub(super) fn job_of(&self, name: &JobName) -> Option<&Job> {
        self.accounts.get(name).map(|account| &account.job)
    }

    /// Whether a new daemon is about to hear of that attempt.
    pub(super) fn is_replayed(&self, run: backupd_core::name::RunId, attempt: u32) -> bool {
        self.machine.ground.has(&Happening::Replay(run, attempt))
    }

    /// From now on nothing goes wrong.
    pub(super) async fn be_quiet(&mut self) {
        self.quiet = true;
        let ground = Arc::clone(&self.machine.ground);
        ground.tell("from now on all is quiet");
        let away = |what: &Happening| {
            !matches!(
                what,
                Happening::Worker(..) | Happening::Replay(..) | Happening::Standing | Happening::End
            )
        };
        ground.cut_fuse();
        self.machine.engine.set_odds(Odds::QUIET);
        for index in 0..self.life.repositories {
            let name = format!("r{index}").parse().unwrap();
            self.machine.engine.set_outage(&name, false);
        }
        self.machine.conditions.lock().unwrap().fails.clear();
        self.machine.memory.disk().full = false;
        ground.drop_all(away);
        if self.asleep {
            self.wake_up().await;
        }
        self.start().await;
        self.set_clock(self.begun + ground.age()).await;
        self.work().await;
        ground.after(SignedDuration::ZERO, Happening::Standing);
        let pauses: Vec<Option<JobName>> = self.machine.memory.disk().pauses.keys().cloned().collect();
        for job in pauses {
            if let Some(daemon) = &mut self.daemon {
                let handle = daemon.handle.clone();
                let asked = daemon.ask(async move { handle.resume(job).await }).await;
                drop(asked);
            }
        }
    }
}
