//! The one alarm: a timerfd on the wall clock, which also fires when the clock is set and right after suspend.

use std::io;

use jiff::Timestamp;
use nix::{
    errno::Errno,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};
use tokio::sync::watch;

use crate::{coordinator::Inbox, readiness::Readiness};

/// Knows of every time that the clock is set from the moment that it is made.
pub(crate) struct Alarm(Readiness<TimerFd>);

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(
            ClockId::CLOCK_REALTIME,
            TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
        )?;
        set(&timer, FAR)?;
        Ok(Self(Readiness::new(timer)?))
    }

    /// Wakes the coordinator at the times it asks for; sleeps for good while it asks for none,
    /// but for a clock that is set.
    pub(crate) async fn serve(
        self,
        mut wanted: watch::Receiver<Option<Timestamp>>,
        inbox: Inbox,
    ) -> io::Error {
        match self.run(&mut wanted, &inbox).await {
            Ok(()) => io::Error::other("the coordinator asks for no time any more"),
            Err(error) => error,
        }
    }

    async fn run(&self, wanted: &mut watch::Receiver<Option<Timestamp>>, inbox: &Inbox) -> io::Result<()> {
        let timer = &self.0;
        let mut bell = Bell::default();
        loop {
            let at = bell.armed(*wanted.borrow_and_update());
            if was_set(set(timer.get(), at.unwrap_or(FAR)))? {
                bell.forget();
                inbox.wake().await;
                continue;
            }
            tokio::select! {
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    bell.forget();
                }
                fired = timer.drain(TimerFd::wait) => match fired? {
                    // It is also readable when the clock was set: then everything is looked at again.
                    Ok(()) => {
                        bell.rang(at, Timestamp::now());
                        inbox.wake().await;
                    }
                    Err(Errno::EAGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

/// A time that has rung does not ring again until it is asked for anew, or the clock is set.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Option<Timestamp>,
}

impl Bell {
    /// When it rings, where this is asked for.
    pub(crate) fn armed(&self, wanted: Option<Timestamp>) -> Option<Timestamp> {
        wanted.filter(|at| Some(*at) != self.rung)
    }

    /// It was armed for that time and has rung, or the clock was set.
    pub(crate) fn rang(&mut self, at: Option<Timestamp>, now: Timestamp) {
        self.rung = at.filter(|at| *at <= now);
    }

    /// Somebody has asked for a time, or the clock was set: the time that has rung may do so again.
    fn forget(&mut self) {
        self.rung = None;
    }
}

/// Armed where no time is asked for, since only an armed timer tells that the clock was set.
const FAR: Timestamp = Timestamp::constant(32_503_680_000, 0);

/// Whether the clock was set before anybody read the timer: it is armed all the same then, and does not tell again.
fn was_set(armed: nix::Result<()>) -> io::Result<bool> {
    match armed {
        Ok(()) => Ok(false),
        Err(Errno::ECANCELED) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn set(timer: &TimerFd, at: Timestamp) -> nix::Result<()> {
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    // A time of zero would switch the timer off; one second after the epoch has passed just as well.
    let at = TimeSpec::new(at.as_second().max(1), at.subsec_nanosecond().max(0).into());
    timer.set(Expiration::OneShot(at), flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::{Coordinator, Message};

    #[tokio::test]
    async fn a_time_that_has_come_rings_and_another_rings_again() {
        let (inbox, mut messages) = Coordinator::channel();
        let (asked, wanted) = watch::channel(Some(Timestamp::UNIX_EPOCH));
        let serving = tokio::spawn(Alarm::new().unwrap().serve(wanted, inbox));
        assert!(matches!(messages.recv().await, Some(Message::Wake)));
        let other = Timestamp::from_second(7).ok();
        asked.send_replace(other);
        assert!(matches!(messages.recv().await, Some(Message::Wake)));
        // Asked for anew, as after another that nobody saw.
        asked.send_replace(None);
        asked.send_replace(other);
        assert!(matches!(messages.recv().await, Some(Message::Wake)));
        drop(asked);
        serving.await.unwrap();
        // The clock of whoever tests was not set: nothing else woke.
        assert!(messages.recv().await.is_none());
    }

    #[test]
    fn a_time_that_has_rung_comes_again_where_the_clock_is_set_back() {
        let at = |second| Timestamp::from_second(second).ok();
        let mut bell = Bell::default();
        bell.rang(at(10), at(10).unwrap());
        assert_eq!(bell.armed(at(10)), None);
        bell.rang(bell.armed(at(10)), at(9).unwrap());
        assert_eq!(bell.armed(at(10)), at(10));
        bell.rang(at(10), at(10).unwrap());
        bell.forget();
        assert_eq!(bell.armed(at(10)), at(10));
    }

    #[test]
    fn a_clock_that_was_set_is_no_reason_to_end() {
        assert!(!was_set(Ok(())).unwrap());
        assert!(was_set(Err(Errno::ECANCELED)).unwrap());
        assert!(was_set(Err(Errno::EINVAL)).is_err());
    }
}
