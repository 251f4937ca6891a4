//! Workers that follow a script: they succeed, fail, vanish, are stopped, and outlive the daemon that started them.

use std::{
    collections::BTreeMap,
    fs::File,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use backupd_core::{
    failure::{Failure, FailureClass},
    name::{JobName, RepositoryName, RunId},
    protocol::{Event, EventKind, Spec},
    resources::Limits,
    run::RunResult,
};
use jiff::SignedDuration;

use super::ground::{Ground, Happening};
use crate::{
    coordinator::Inbox,
    ports::{AskError, Clock as _, LaunchError, Launcher, LimitError, Reply, Watching},
};

/// What a worker does at once: words, and whether it is gone then.
type Step = (SignedDuration, Vec<EventKind>, bool);

/// An attempt: a process, and what it wrote.
pub(super) struct Worker {
    spec: Spec,
    pub(super) alive: bool,
    written: Vec<Event>,
    script: Vec<Step>,
    /// Which script it follows; a step of another one is void.
    edition: u32,
    pub(super) stopping: bool,
    /// How much of it the present daemon was told, where it follows it.
    told: Option<usize>,
    gone_told: bool,
}

/// How likely things go wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odds {
    pub(super) fails: f64,
    pub(super) vanishes: f64,
    pub(super) partial: f64,
    pub(super) unstartable: f64,
    pub(super) longest: SignedDuration,
}

impl Odds {
    pub(super) const QUIET: Self = Self {
        fails: 0.0,
        vanishes: 0.0,
        partial: 0.0,
        unstartable: 0.0,
        longest: SignedDuration::from_mins(5),
    };
}

#[derive(Default)]
struct State {
    workers: BTreeMap<(RunId, u32), Worker>,
    outages: BTreeMap<RepositoryName, bool>,
    odds: Option<Odds>,
    /// What may be at work at once, and who waits for whom.
    limit: usize,
    after: BTreeMap<JobName, Vec<JobName>>,
    /// Attempts on a repository that is out of reach.
    pub(super) launched: u64,
}

/// See the module.
pub(super) struct Engine {
    ground: Arc<Ground>,
    state: Mutex<State>,
}

impl Engine {
    pub(super) fn new(ground: Arc<Ground>) -> Self {
        Self {
            ground,
            state: Mutex::default(),
        }
    }

    pub(super) fn set_odds(&self, odds: Odds) {
        self.state.lock().unwrap().odds = Some(odds);
    }

    /// Nobody knows which configuration will be in force in a moment.
    pub(super) fn unbind(&self) {
        self.bind(BTreeMap::new());
    }

    /// What the configuration in force says.
    pub(super) fn bind(&self, after: BTreeMap<JobName, Vec<JobName>>) {
        self.state.lock().unwrap().after = after;
    }

    pub(super) fn set_limit(&self, limit: u32) {
        self.state.lock().unwrap().limit = limit as usize;
    }

    pub(super) fn set_outage(&self, repository: &RepositoryName, out: bool) {
        self.state.lock().unwrap().outages.insert(repository.clone(), out);
    }

    pub(super) fn is_out(&self, repository: &RepositoryName) -> bool {
        self.state.lock().unwrap().outages.get(repository) == Some(&true)
    }

    pub(super) fn launched(&self) -> u64 {
        self.state.lock().unwrap().launched
    }

    /// The daemon is gone: nobody follows any more.
    pub(super) fn orphan(&self) {
        for worker in self.state.lock().unwrap().workers.values_mut() {
            worker.told = None;
            worker.gone_told = false;
        }
    }

    /// The machine goes down, and takes all of them along.
    pub(super) fn kill_all(&self) {
        for worker in self.state.lock().unwrap().workers.values_mut() {
            worker.alive = false;
        }
    }

    /// Whether the end of an attempt is still to be told.
    pub(super) fn will_tell(&self, run: RunId, attempt: u32) -> bool {
        let state = self.state.lock().unwrap();
        let worker = state.workers.get(&(run, attempt));
        worker.is_some_and(|worker| !worker.gone_told)
    }

    /// Whether it was asked to stop, or has said its last word.
    pub(super) fn stops(&self, run: RunId, attempt: u32) -> bool {
        let state = self.state.lock().unwrap();
        let worker = state.workers.get(&(run, attempt));
        worker.is_none_or(|worker| worker.stopping || !worker.alive || worker.is_done())
    }

    /// A worker goes on with its script.
    pub(super) async fn step(&self, run: RunId, attempt: u32, edition: u32, inbox: Option<&Inbox>) {
        {
            let mut state = self.state.lock().unwrap();
            let Some(worker) = state.workers.get_mut(&(run, attempt)) else {
                return;
            };
            if worker.edition != edition || !worker.alive || worker.script.is_empty() {
                return;
            }
            let (_, words, gone) = worker.script.remove(0);
            for kind in words {
                let seq = worker.written.len() as u64 + 1;
                let time = self.ground.now();
                worker.written.push(Event { seq, time, kind });
            }
            worker.alive = !gone;
            if let Some((delay, ..)) = worker.script.first() {
                self.ground
                    .after(*delay, Happening::Worker(run, attempt, edition));
            }
        }
        if let Some(inbox) = inbox {
            self.tell(run, attempt, inbox).await;
        }
    }

    /// Tells the daemon what it does not know yet of an attempt that it follows.
    pub(super) async fn tell(&self, run: RunId, attempt: u32, inbox: &Inbox) {
        let (news, gone) = self.news(run, attempt);
        if !news.is_empty() {
            inbox.worker_events(run, attempt, news).await;
        }
        if gone {
            inbox.worker_gone(run, attempt, None).await;
        }
    }

    fn news(&self, run: RunId, attempt: u32) -> (Vec<Event>, bool) {
        let mut state = self.state.lock().unwrap();
        let Some(worker) = state.workers.get_mut(&(run, attempt)) else {
            return (Vec::new(), true);
        };
        let Some(told) = worker.told else {
            return (Vec::new(), false);
        };
        worker.told = Some(worker.written.len());
        let gone = !worker.alive && !worker.gone_told;
        worker.gone_told |= gone;
        (worker.written[told..].to_vec(), gone)
    }

    fn script(&self, spec: &Spec, odds: Odds, out: bool) -> Vec<Step> {
        let ground = &self.ground;
        let hello = EventKind::Hello {
            pid: 1,
            run: spec.run,
            attempt: spec.attempt,
            program: "backupd-worker 0".to_owned(),
            engine: None,
        };
        let at_once = |kinds| (SignedDuration::from_millis(1 + ground.below(3000)), kinds, false);
        let gone = (SignedDuration::from_millis(ground.below(500)), Vec::new(), true);
        let lasts = SignedDuration::from_secs(1) + ground.while_up_to(odds.longest);
        if ground.chance(odds.vanishes) {
            let mut script = vec![at_once(vec![hello]), (lasts, Vec::new(), true)];
            script.drain(..ground.index(2));
            return script;
        }
        let fails = if out {
            Some(FailureClass::Network)
        } else if ground.chance(odds.fails) {
            let classes = [
                FailureClass::Network,
                FailureClass::Locked,
                FailureClass::Locked,
                FailureClass::NoSpace,
                FailureClass::Corrupt,
            ];
            Some(*ground.choice(&classes))
        } else {
            None
        };
        let words = match fails {
            Some(class) => ending(class, RunResult::Failed),
            None if ground.chance(odds.partial) => stored(RunResult::Partial),
            None => stored(RunResult::Success),
        };
        vec![at_once(vec![hello]), (lasts, words, false), gone]
    }
}

impl Worker {
    fn is_done(&self) -> bool {
        let last = self.written.last().map(|event| &event.kind);
        matches!(last, Some(EventKind::Done { .. }))
    }
}

fn stored(result: RunResult) -> Vec<EventKind> {
    let snapshot = "ab".repeat(32);
    vec![EventKind::Snapshot { snapshot }, EventKind::Done { result }]
}

fn ending(class: FailureClass, result: RunResult) -> Vec<EventKind> {
    let failure = Failure::new(class, "as the script says").hint("look at the script");
    vec![EventKind::Failure { failure }, EventKind::Done { result }]
}

impl Launcher for Engine {
    fn name(&self) -> &'static str {
        "child"
    }

    fn launch(&self, spec: &Spec) -> Reply<'_, Result<(), LaunchError>> {
        let spec = spec.clone();
        Box::pin(async move {
            self.ground.write().await;
            {
                let (mut state, ground) = (self.state.lock().unwrap(), &self.ground);
                let key = (spec.run, spec.attempt);
                if state.workers.contains_key(&key) {
                    return Err(LaunchError::Exists("/runs".into()));
                }
                let odds = state.odds.unwrap_or(Odds::QUIET);
                if ground.chance(odds.unstartable) {
                    ground.tell(format!("{} cannot be started", spec.run));
                    return Err(LaunchError::Directory(
                        "/runs".into(),
                        "as the dice fell".to_owned(),
                    ));
                }
                let alive = || state.workers.values().filter(|worker| worker.alive);
                if alive().count() >= state.limit {
                    ground.wrong(format!("{} starts beside {} others", spec.run, alive().count()));
                }
                if let Some(twin) = alive().find(|worker| spec.job.is_some() && worker.spec.job == spec.job) {
                    ground.wrong(format!(
                        "{} starts beside {} of the same job",
                        spec.run, twin.spec.run
                    ));
                }
                let after = spec.job.as_ref().and_then(|job| state.after.get(job));
                for before in after.into_iter().flatten() {
                    if alive().any(|worker| worker.spec.job.as_ref() == Some(before)) {
                        ground.wrong(format!("{} starts while `{before}` is at work", spec.run));
                    }
                }
                let out = state.outages.get(&spec.repository.name) == Some(&true);
                let script = self.script(&spec, odds, out);
                ground.after(script[0].0, Happening::Worker(spec.run, spec.attempt, 0));
                let worker = Worker {
                    spec,
                    alive: true,
                    written: Vec::new(),
                    script,
                    edition: 0,
                    stopping: false,
                    told: Some(0),
                    gone_told: false,
                };
                state.workers.insert(key, worker);
                state.launched += 1;
            }
            self.ground.write().await;
            Ok(())
        })
    }

    fn adopt(&self, run: RunId, attempt: u32) {
        let mut state = self.state.lock().unwrap();
        if let Some(worker) = state.workers.get_mut(&(run, attempt)) {
            worker.told = Some(0);
        }
        let delay = SignedDuration::from_millis(self.ground.below(1000));
        self.ground.after(delay, Happening::Replay(run, attempt));
    }

    fn stop(&self, run: RunId, attempt: u32) {
        let mut state = self.state.lock().unwrap();
        let Some(worker) = state.workers.get_mut(&(run, attempt)) else {
            return;
        };
        if worker.stopping || !worker.alive || worker.is_done() {
            return;
        }
        let ground = &self.ground;
        let takes = ground.while_up_to(SignedDuration::from_mins(1));
        let says = match ground.below(10) {
            // It had just stored all of it.
            0 if !worker.written.is_empty() => stored(RunResult::Success),
            1 | 2 => Vec::new(),
            _ => ending(FailureClass::Cancelled, RunResult::Cancelled),
        };
        worker.stopping = true;
        worker.edition += 1;
        worker.script = vec![(takes, says, true)];
        ground.after(takes, Happening::Worker(run, attempt, worker.edition));
    }

    fn ask(&self, _: &Spec, _: Option<OwnedFd>) -> Reply<'_, Result<File, AskError>> {
        Box::pin(async { Err(AskError::Busy) })
    }

    fn watch(&self, _: &Spec) -> Reply<'_, Result<Watching, LaunchError>> {
        Box::pin(async {
            Err(LaunchError::Directory(
                "/runs".into(),
                "nobody watches".to_owned(),
            ))
        })
    }

    fn unit_name(&self, _: RunId) -> Option<String> {
        None
    }

    fn describe(&self, _: &Spec) -> Reply<'_, Result<String, LaunchError>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn limits(&self, _: RunId) -> Reply<'_, Result<Limits, LimitError>> {
        Box::pin(async { Err(LimitError::Unsupported) })
    }

    fn limit(&self, _: RunId, _: Limits) -> Reply<'_, Result<Limits, LimitError>> {
        Box::pin(async { Err(LimitError::Unsupported) })
    }

    fn directory(&self, _: RunId, _: u32) -> PathBuf {
        PathBuf::new()
    }

    fn open_events(&self, _: RunId, _: u32) -> std::io::Result<File> {
        File::open("/dev/null")
    }

    fn survey(&self) -> Vec<(RunId, Option<Spec>)> {
        let state = self.state.lock().unwrap();
        let mut found: BTreeMap<RunId, Option<Spec>> = BTreeMap::new();
        for ((run, _), worker) in &state.workers {
            found.insert(*run, worker.alive.then(|| worker.spec.clone()));
        }
        found.into_iter().collect()
    }

    fn forget(&self, run: RunId) {
        let mut state = self.state.lock().unwrap();
        let at_work = |((of, _), worker): (&(RunId, u32), &Worker)| *of == run && worker.alive;
        if state.workers.iter().any(at_work) {
            self.ground
                .wrong(format!("{run} is forgotten while it is at work"));
        }
        state.workers.retain(|(of, _), _| *of != run);
    }
}
