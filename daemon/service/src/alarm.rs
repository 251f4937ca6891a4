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

/// Wakes the coordinator at the times it asks for; sleeps for good while it asks for none,
/// but for a clock that is set.
pub(crate) async fn serve(mut wanted: watch::Receiver<Option<Timestamp>>, inbox: Inbox) -> io::Error {
    match run(&mut wanted, &inbox).await {
        Ok(()) => io::Error::other("the coordinator asks for no time any more"),
        Err(error) => error,
    }
}

async fn run(wanted: &mut watch::Receiver<Option<Timestamp>>, inbox: &Inbox) -> io::Result<()> {
    let timer = TimerFd::new(
        ClockId::CLOCK_REALTIME,
        TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
    )?;
    let timer = Readiness::new(timer)?;
    let mut rung = None;
    loop {
        // A time that has rung does not ring again until another is asked for.
        let at = wanted.borrow_and_update().filter(|at| Some(*at) != rung);
        set(timer.get(), at.unwrap_or(FAR))?;
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            fired = timer.drain(TimerFd::wait) => match fired? {
                // It is also readable when the clock was set: then everything is looked at again.
                Ok(()) => {
                    rung = at.filter(|at| *at <= Timestamp::now());
                    inbox.wake().await;
                }
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Armed where no time is asked for, since only an armed timer tells that the clock was set.
const FAR: Timestamp = Timestamp::constant(32_503_680_000, 0);

fn set(timer: &TimerFd, at: Timestamp) -> io::Result<()> {
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    // A time of zero would switch the timer off; one second after the epoch has passed just as well.
    let at = TimeSpec::new(at.as_second().max(1), at.subsec_nanosecond().max(0).into());
    Ok(timer.set(Expiration::OneShot(at), flags)?)
}
