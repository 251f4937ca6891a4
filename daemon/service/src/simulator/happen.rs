//! What comes by itself, and what people and machines do on a whim.

use std::{fs, sync::Arc};

use backupd_core::{
    condition::Condition,
    name::{JobName, RunId},
    run::{RunState, Trigger},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    ground::Happening,
    life::{self, Whim},
    world::World,
};
use crate::{
    coordinator::{Refusal, StartOptions},
    ports::Clock as _,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl World {
    pub(super) async fn happen(&mut self, what: Happening) {
        let ground = Arc::clone(&self.machine.ground);
        let engine = Arc::clone(&self.machine.engine);
        let inbox = self
            .daemon
            .as_ref()
            .filter(|_| !self.asleep)
            .map(|daemon| daemon.inbox.clone());
        if !matches!(
            what,
            Happening::Whim | Happening::Worker(..) | Happening::Standing
        ) {
            ground.tell(format!("{what:?}"));
        }
        match what {
            Happening::Whim => {
                ground.after(self.life.pause(&ground), Happening::Whim);
                if let Some(whim) = self.life.whim(&ground) {
                    self.follow(whim).await;
                }
            }
            Happening::Worker(run, attempt, edition) => {
                engine.step(run, attempt, edition, inbox.as_ref()).await;
            }
            Happening::Replay(run, attempt) => {
                if let Some(inbox) = inbox {
                    engine.tell(run, attempt, &inbox).await;
                }
            }
            Happening::Standing => {
                if let Some(inbox) = inbox {
                    inbox.standings(self.machine.standings()).await;
                }
            }
            Happening::Flap(condition) => {
                let fails = &mut self.machine.conditions.lock().unwrap().fails;
                if !fails.remove(&condition) {
                    fails.insert(condition);
                }
                ground.after(SignedDuration::ZERO, Happening::Standing);
            }
            Happening::Outage(index) => {
                let repository = format!("r{index}").parse().unwrap();
                engine.set_outage(&repository, !engine.is_out(&repository));
            }
            Happening::Disk(full) => {
                let mut disk = self.machine.memory.disk();
                disk.full = full;
                disk.trouble = Some(ground.age());
            }
            Happening::Start => self.start().await,
            Happening::WakeUp => self.wake_up().await,
            Happening::SetRight => self.set_clock(self.begun + ground.age()).await,
            Happening::Trigger(job, trigger) => {
                if let Some(inbox) = inbox {
                    // Files that changed are found again; a device does not come again.
                    self.witness.asks = Some(job.clone()).filter(|_| trigger == Trigger::Device);
                    inbox.triggered(job, trigger, serde_json::Map::new()).await;
                }
            }
            Happening::Quiet => self.be_quiet().await,
            Happening::End => self.over = true,
        }
    }

    /// The machine sleeps for a while, and all that works on it.
    fn suspend(&mut self, lasts: SignedDuration) {
        self.asleep = true;
        self.machine.ground.sleep(true);
        self.machine.ground.put_off(lasts, |what| {
            !matches!(
                what,
                Happening::Outage(_) | Happening::Quiet | Happening::End | Happening::Flap(_)
            )
        });
        self.machine.ground.after(lasts, Happening::WakeUp);
    }

    pub(super) async fn wake_up(&mut self) {
        self.asleep = false;
        self.machine.ground.sleep(false);
        self.disturbed = self.machine.ground.age();
        let tells_late = self.machine.ground.chance(0.7);
        let inbox = self.daemon.as_ref().map(|daemon| daemon.inbox.clone());
        if tells_late {
            // The alarm rings as soon as the machine is awake; that it was asleep is told a moment later.
            while self.daemon.as_ref().is_some_and(|daemon| {
                daemon
                    .rings_at()
                    .is_some_and(|at| at <= self.machine.ground.now())
            }) {
                if let Some(daemon) = &mut self.daemon {
                    daemon.ring().await;
                }
                self.work().await;
            }
        }
        if let Some(inbox) = inbox {
            inbox.resumed().await;
        }
    }

    async fn ask<T: Send + 'static>(
        &mut self,
        request: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) {
        let Some(daemon) = self.daemon.as_mut().filter(|_| !self.asleep) else {
            return;
        };
        match daemon.ask(request).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => self.machine.ground.tell(format!("refused: {}", refusal.message)),
            Err(_) => self.die(),
        }
    }

    fn some_job(&self) -> Option<JobName> {
        let names: Vec<&JobName> = self.accounts.keys().collect();
        (!names.is_empty()).then(|| (*self.machine.ground.choice(&names)).clone())
    }

    fn some_run(&self) -> Option<RunId> {
        let disk = self.machine.memory.disk();
        let unfinished = disk.runs.values().filter(|run| run.state != RunState::Finished);
        let unfinished: Vec<RunId> = unfinished.map(|run| run.id).collect();
        (!unfinished.is_empty()).then(|| *self.machine.ground.choice(&unfinished))
    }

    async fn follow(&mut self, whim: Whim) {
        let ground = Arc::clone(&self.machine.ground);
        let Some(job) = self.some_job() else { return };
        ground.tell(format!("whim: {whim:?} `{job}`"));
        let handle = self.daemon.as_ref().map(|daemon| daemon.handle.clone());
        match (whim, handle) {
            (Whim::Start, Some(handle)) => {
                self.ask(async move { handle.start(job, StartOptions::default()).await })
                    .await;
            }
            (Whim::StartAll, Some(handle)) => {
                let jobs: Vec<JobName> = self.accounts.keys().cloned().collect();
                self.ask(async move { handle.start_jobs(jobs, StartOptions::default()).await })
                    .await;
            }
            (Whim::Cancel, Some(handle)) => {
                if let Some(run) = self.some_run() {
                    self.ask(async move { handle.cancel(run).await }).await;
                }
            }
            (Whim::Pause, Some(handle)) => {
                let job = Some(job).filter(|_| ground.chance(0.7));
                let until = ground.now() + ground.while_up_to(DAY * 3) + SignedDuration::from_secs(1);
                let until = Some(until).filter(|_| ground.chance(0.8));
                self.ask(async move { handle.pause(job, until, None).await })
                    .await;
            }
            (Whim::Resume, Some(handle)) => {
                let paused: Vec<_> = self.machine.memory.disk().pauses.keys().cloned().collect();
                for job in paused {
                    let handle = handle.clone();
                    self.ask(async move { handle.resume(job).await }).await;
                }
            }
            (Whim::Hook, Some(handle)) => {
                let request = async move { handle.trigger(Trigger::Shutdown, serde_json::Map::new()).await };
                self.ask(request).await;
            }
            (Whim::Trigger, _) => {
                let trigger = *ground.choice(&[Trigger::PathChange, Trigger::Device]);
                ground.after(SignedDuration::ZERO, Happening::Trigger(job, trigger));
            }
            (Whim::Toggle, Some(handle)) => {
                let enabled = self.job_of(&job).is_some_and(|job| job.enabled);
                self.machine.engine.unbind();
                self.ask(async move { handle.set_enabled(job, !enabled, None).await })
                    .await;
            }
            (Whim::Delete, Some(handle)) => {
                self.machine.engine.unbind();
                self.ask(async move { handle.delete(job, None).await }).await;
            }
            (Whim::Edit | Whim::Break | Whim::Limit, _) => self.edit(whim).await,
            (Whim::Zone, _) => {
                *self.machine.zone.lock().unwrap() = life::zone(&ground);
                self.machine.engine.unbind();
                if let Some(daemon) = self.daemon.as_ref().filter(|_| !self.asleep) {
                    daemon.inbox.zones_changed().await;
                }
                self.disturbed = ground.age();
            }
            (Whim::Suspend, _) if !self.asleep => self.suspend(ground.while_up_to(DAY * 2)),
            (Whim::Restart, Some(_)) if !self.asleep => {
                self.work().await;
                ground.tell("the daemon ends");
                self.end(ground.while_up_to(HOUR * 6));
            }
            (Whim::Crash, _) => ground.light_fuse(u32::try_from(ground.below(12)).unwrap()),
            (Whim::Reboot, _) if !self.asleep => {
                self.machine.engine.kill_all();
                self.end(ground.while_up_to(DAY));
                ground.boot();
            }
            (Whim::SmallStep | Whim::Step | Whim::Leap | Whim::Epoch, _) if !self.asleep => {
                self.upset_clock(whim).await;
            }
            (Whim::Outage, _) => {
                let index = ground.index(self.life.repositories);
                ground.after(SignedDuration::ZERO, Happening::Outage(index));
                ground.after(ground.while_up_to(DAY), Happening::Outage(index));
            }
            (Whim::Flap, _) => self.flap(),
            (Whim::Disk, _) => {
                ground.after(SignedDuration::ZERO, Happening::Disk(true));
                ground.after(ground.while_up_to(HOUR), Happening::Disk(false));
            }
            _ => {}
        }
    }

    /// A condition holds no more, or again, and then the other way round.
    fn flap(&self) {
        let ground = &self.machine.ground;
        let all = [
            Condition::AcPower,
            Condition::Online,
            Condition::Unmetered,
            Condition::Mounted("/srv/usb".into()),
            Condition::Reachable("nas:22".to_owned()),
            Condition::BatteryAbove(40),
        ];
        let condition = ground.choice(&all).clone();
        ground.after(SignedDuration::ZERO, Happening::Flap(condition.clone()));
        ground.after(ground.while_up_to(DAY), Happening::Flap(condition));
    }

    async fn upset_clock(&mut self, whim: Whim) {
        let ground = Arc::clone(&self.machine.ground);
        let signed = |by: SignedDuration| if ground.chance(0.5) { by } else { -by };
        let now = ground.now();
        let to = match whim {
            Whim::SmallStep => now + signed(SignedDuration::from_millis(ground.below(1900))),
            Whim::Step => now + signed(ground.while_up_to(HOUR * 5)),
            Whim::Leap => now + signed(ground.while_up_to(DAY * 40)),
            _ => Timestamp::from_second(ground.below(100_000)).unwrap(),
        };
        self.set_clock(to).await;
        if whim != Whim::SmallStep {
            ground.after(ground.while_up_to(DAY * 2), Happening::SetRight);
        }
    }

    /// Somebody writes into a file, and most often has it read.
    async fn edit(&mut self, whim: Whim) {
        let ground = Arc::clone(&self.machine.ground);
        let configuration = self.machine.configuration.clone();
        let index = ground.index(self.life.jobs + 1);
        ground.tell(format!("{whim:?} of `j{index}`"));
        match whim {
            Whim::Edit => self.life.write_job(&ground, &configuration, index),
            Whim::Limit => life::write_settings(&ground, &configuration),
            _ => {
                let file = configuration.join(format!("jobs.d/j{index}.toml"));
                fs::write(file, "sources = 1\n").unwrap();
            }
        }
        self.machine.engine.unbind();
        self.known_jobs = self.known_jobs.max(index + 1);
        if let Some(daemon) = self.daemon.as_ref().filter(|_| !self.asleep)
            && ground.chance(0.9)
        {
            let handle = daemon.handle.clone();
            self.ask(async move { handle.reload().await }).await;
        }
    }
}
