//! Staying with runs until they are over, whatever happens to the daemon meanwhile.

mod display;
mod lines;
mod owner;

use std::{
    future::Future,
    pin::{Pin, pin},
    time::Duration,
};

use backupd_dbus::{ExitCode, RunProperties};
use futures_util::{StreamExt as _, stream::SelectAll};
use tokio::time::{Instant, MissedTickBehavior};
use zbus::{MatchRule, MessageStream, message::Type};

use self::display::Display;
pub(crate) use self::display::{Mode, advise};
use crate::{
    connect::{Daemon, run_id},
    errors::{EXIT_INTERRUPTED, Failure},
    output::Output,
};

/// How often progress is told where it cannot be drawn.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// One run that is followed.
struct Followed {
    id: String,
    run: Option<RunProperties>,
}

impl Followed {
    fn is_over(&self) -> bool {
        self.run.as_ref().is_some_and(is_over)
    }
}

pub(crate) fn is_over(run: &RunProperties) -> bool {
    run.state.as_deref() == Some("finished")
}

/// What a script gets for how a run ended.
pub(crate) fn exit_code(run: &RunProperties) -> u8 {
    let code = match run.result.as_deref() {
        Some("success") => ExitCode::Success,
        Some("partial") => ExitCode::Partial,
        _ => ExitCode::Failed,
    };
    code as u8
}

/// What can happen while following.
enum Event {
    Interrupted,
    Owner(Option<String>),
    Changed(Option<zbus::Result<zbus::Message>>),
    Tick,
}

/// Waits until all runs are over; answers them as they ended, in the order that was asked for.
pub(crate) async fn follow(
    daemon: &Daemon,
    output: &Output,
    ids: &[String],
    mode: Mode,
) -> Result<Vec<RunProperties>, Failure> {
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    // What is told between these subscriptions and the first reading waits in the streams: nothing is missed.
    let mut owners = owner::Owners::subscribe(daemon).await?;
    let mut changes = SelectAll::new();
    for id in ids {
        changes.push(subscribe(daemon, id).await?);
    }
    let runs = ids
        .iter()
        .map(|id| Followed {
            id: id.clone(),
            run: None,
        })
        .collect();
    let mut watch = Follower {
        daemon,
        followed: runs,
        display: Display::new(output, mode, ids.len() > 1),
    };
    let mut ticks = tokio::time::interval_at(Instant::now() + TELL_EVERY, TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let mut gone = watch.refresh_all().await?;
    loop {
        if gone {
            watch.display.notice(&format!(
                "the daemon went away; a run that is at work goes on; waiting up to {} s for the daemon",
                owner::PATIENCE.as_secs()
            ));
            tokio::select! {
                biased;
                _ = interrupt.as_mut() => return watch.interrupted(),
                back = owners.wait_for_return(owner::PATIENCE) => back.map_err(|()| watch.given_up())?,
            }
            watch.display.notice("the daemon is back");
            gone = watch.refresh_all().await?;
            continue;
        }
        if watch.followed.iter().all(Followed::is_over) {
            break;
        }
        gone = match next(interrupt.as_mut(), &mut owners, &mut changes, &mut ticks).await {
            Event::Interrupted => return watch.interrupted(),
            Event::Owner(Some(owner)) if owner.is_empty() => true,
            Event::Owner(Some(_)) => watch.refresh_all().await?,
            Event::Owner(None) | Event::Changed(None) => return Err(watch.given_up()),
            Event::Changed(Some(message)) => watch.changed(message).await?,
            Event::Tick => {
                watch.display.tick()?;
                false
            }
        };
    }
    let runs: Vec<RunProperties> = watch
        .followed
        .into_iter()
        .filter_map(|followed| followed.run)
        .collect();
    watch.display.finish(&runs)?;
    Ok(runs)
}

async fn next(
    interrupt: Pin<&mut impl Future<Output = std::io::Result<()>>>,
    owners: &mut owner::Owners,
    changes: &mut SelectAll<MessageStream>,
    ticks: &mut tokio::time::Interval,
) -> Event {
    tokio::select! {
        biased;
        _ = interrupt => Event::Interrupted,
        owner = owners.next() => Event::Owner(owner),
        change = changes.next() => Event::Changed(change),
        _ = ticks.tick() => Event::Tick,
    }
}

async fn subscribe(daemon: &Daemon, id: &str) -> Result<MessageStream, Failure> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .path(backupd_dbus::run_path(id).into_inner())
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .build();
    let stream = match rule {
        Ok(rule) => MessageStream::for_match_rule(rule, &daemon.connection, None).await,
        Err(error) => Err(error),
    };
    stream.map_err(|error| daemon.failure(error.into()))
}

struct Follower<'a> {
    daemon: &'a Daemon,
    followed: Vec<Followed>,
    display: Display<'a>,
}

impl Follower<'_> {
    /// Reads all runs that are not over; true is that the daemon has gone.
    async fn refresh_all(&mut self) -> Result<bool, Failure> {
        for index in 0..self.followed.len() {
            if self.refresh(index).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads one run again. The signal says that there is news, the answer to a question what it is: so a signal
    /// that somebody forged, or one that came late, does no harm.
    async fn refresh(&mut self, index: usize) -> Result<bool, Failure> {
        let Some(followed) = self
            .followed
            .get_mut(index)
            .filter(|followed| !followed.is_over())
        else {
            return Ok(false);
        };
        match self.daemon.run(&followed.id).await {
            Ok(run) => {
                self.display.update(&run)?;
                followed.run = Some(run);
                Ok(false)
            }
            Err(failure) if failure.code == ExitCode::Unreachable as u8 => Ok(true),
            Err(failure) => Err(failure.about(&format!("run `{}`", followed.id))),
        }
    }

    async fn changed(&mut self, message: zbus::Result<zbus::Message>) -> Result<bool, Failure> {
        let message = message.map_err(|error| self.daemon.failure(error.into()))?;
        let header = message.header();
        let Some(path) = header.path() else {
            return Ok(false);
        };
        let id = run_id(path)?;
        match self.followed.iter().position(|followed| followed.id == id) {
            Some(index) => self.refresh(index).await,
            None => Ok(false),
        }
    }

    fn unfinished(&self) -> impl Iterator<Item = &str> {
        self.followed
            .iter()
            .filter(|followed| !followed.is_over())
            .map(|followed| followed.id.as_str())
    }

    fn interrupted(&mut self) -> Result<Vec<RunProperties>, Failure> {
        let ids: Vec<&str> = self.unfinished().collect();
        let cancel = self.daemon.scope.command(&format!("cancel {}", ids.join(" ")));
        let goes = if ids.len() == 1 {
            "the run goes on"
        } else {
            "the runs go on"
        };
        let hint = format!(
            "stop it with `{cancel}`, look at it with `{}`",
            self.daemon.scope.command("status")
        );
        self.display.clear();
        // A person asked for it: that is no error, but a program should know why there is no result.
        self.display.notice(&format!("stopped watching; {goes}; {hint}"));
        let mut failure = Failure::failed(format!("stopped watching; {goes}")).hint(hint);
        failure.name = "Interrupted".into();
        failure.code = EXIT_INTERRUPTED;
        failure.quiet = !self.display.json();
        Err(failure)
    }

    fn given_up(&self) -> Failure {
        self.display.clear();
        let ids: Vec<&str> = self.unfinished().collect();
        Failure::unreachable("the daemon did not come back; a run that was at work goes on without it")
            .hint(self.daemon.scope.start_hint())
            .hint(format!(
                "then see `{}`",
                self.daemon.scope.command(&format!("show {}", ids.join(" ")))
            ))
    }
}
