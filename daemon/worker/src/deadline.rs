//! `max_runtime`: an attempt that takes longer is stopped as a cancelled one is, and says why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use backupd_core::{
    config::format_duration,
    failure::{Failure, FailureClass},
    protocol::Spec,
    run::RunResult,
};
use backupd_engine::Cancellation;
use jiff::SignedDuration;

use crate::{attempt::Ended, failure};

/// When an attempt must have ended, if ever.
pub(crate) struct Deadline<'a> {
    spec: &'a Spec,
    limit: Option<SignedDuration>,
    passed: Arc<AtomicBool>,
}

impl<'a> Deadline<'a> {
    /// Begins to count.
    pub(crate) fn of(spec: &'a Spec, cancellation: &Cancellation) -> Self {
        let limit = spec.resources.max_runtime;
        let passed = Arc::new(AtomicBool::new(false));
        if let Some(limit) = limit {
            let (passed, cancellation) = (Arc::clone(&passed), cancellation.clone());
            let watch = thread::Builder::new().name("deadline".to_owned()).spawn(move || {
                thread::sleep(Duration::try_from(limit).unwrap_or(Duration::MAX));
                // Whoever was asked to stop before was not too slow.
                if !cancellation.is_cancelled() {
                    tracing::warn!("`max_runtime` has passed");
                    passed.store(true, Ordering::SeqCst);
                    cancellation.cancel();
                }
            });
            if let Err(error) = watch {
                // Under systemd the unit has a limit too.
                tracing::warn!(%error, "nobody watches `max_runtime`");
            }
        }
        Self { spec, limit, passed }
    }

    /// What was stopped by the deadline was not stopped by anybody else.
    pub(crate) fn judge(&self, ended: Ended) -> Ended {
        match self.limit {
            Some(limit) if self.passed.load(Ordering::SeqCst) && ended.result == RunResult::Cancelled => {
                Ended {
                    result: RunResult::TimedOut,
                    failure: Some(self.failure(limit)),
                    ..ended
                }
            }
            _ => ended,
        }
    }

    fn failure(&self, limit: SignedDuration) -> Failure {
        let what = format!("stopped after {}, its `max_runtime`", format_duration(limit));
        let job = self.spec.job.as_ref().map_or("NAME", |job| job.as_str());
        Failure::new(FailureClass::TimedOut, failure::about(self.spec, &what)).hint(format!(
            "the next run goes on from what is stored; raise `max_runtime` in `jobs.d/{job}.toml` if that is not enough"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn cancelled() -> Ended {
        Failure::new(FailureClass::Cancelled, "stopped on request").into()
    }

    fn spec(limit: Option<SignedDuration>) -> Spec {
        let mut spec = testing::backup_spec();
        spec.resources.max_runtime = limit;
        spec
    }

    #[test]
    fn who_is_too_slow_is_told_so() {
        let spec = spec(Some(SignedDuration::ZERO));
        let cancellation = Cancellation::default();
        let deadline = Deadline::of(&spec, &cancellation);
        while !cancellation.is_cancelled() {
            thread::yield_now();
        }
        let ended = deadline.judge(cancelled());
        let failure = ended.failure.unwrap();
        assert_eq!(
            (ended.result, failure.class),
            (RunResult::TimedOut, FailureClass::TimedOut)
        );
        assert!(failure.message.contains("`home`") && failure.hint.unwrap().contains("jobs.d/home.toml"));
        assert_eq!(
            deadline.judge(Ended::success(None)).result,
            RunResult::Success,
            "who was done in time stays so"
        );
    }

    #[test]
    fn who_is_asked_to_stop_is_cancelled() {
        let cancellation = Cancellation::default();
        for limit in [None, Some(SignedDuration::from_hours(1))] {
            let spec = spec(limit);
            let deadline = Deadline::of(&spec, &cancellation);
            cancellation.cancel();
            assert_eq!(deadline.judge(cancelled()).result, RunResult::Cancelled);
        }
    }
}
