//! What becomes of each message: first the change, then what others see of it, and only then the answer.

use super::{
    Coordinator,
    message::{Answer, Message},
    refusal::Refusal,
};

/// How often what became due is seen to before others are told.
const ROUNDS: usize = 4;

impl Coordinator {
    /// Handles one message.
    pub(super) async fn take(&mut self, message: Message) {
        // What comes of it counts from the clock as it is by now.
        if self.look_at_clock().await {
            self.look_at_windows().await;
            self.pump().await;
        }
        match message {
            Message::Start(job, options, who, answer) => {
                let outcome = self.start(&job, options, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::StartJobs(jobs, options, who, answer) => {
                let outcome = self.start_jobs(&jobs, &options, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Trigger(trigger, metadata, who, answer) => {
                let outcome = self.trigger(trigger, &metadata, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Restore(request, who, answer) => {
                let outcome = self.restore(*request, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Forget(job, force, options, who, answer) => {
                let outcome = self.forget(&job, force, options, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Copy(job, repository, options, who, answer) => {
                let outcome = Box::pin(self.copy(&job, &repository, options, &who)).await;
                self.reply(answer, outcome).await;
            }
            Message::Care(repository, wish, options, who, answer) => {
                let outcome = self.care(&repository, &wish, options, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Move(repository, wish, options, who, answer) => {
                let outcome = Box::pin(self.move_repository(&repository, wish, options, &who)).await;
                self.reply(answer, outcome).await;
            }
            Message::Cancel(run, who, answer) => {
                let outcome = self.cancel(run, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Recall(run, answer) => {
                let outcome = self.recall(run).await;
                self.reply(answer, outcome).await;
            }
            Message::AtWork(run, answer) => {
                let outcome = self.at_work(run).await;
                self.reply(answer, outcome).await;
            }
            Message::Pause(job, until, reason, who, answer) => {
                let outcome = self.pause(job, until, reason, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Unpause(job, who, answer) => {
                let outcome = self.resume(job, &who).await;
                self.reply(answer, outcome).await;
            }
            message @ (Message::WorkerEvents(..)
            | Message::WorkerGone(..)
            | Message::LaunchFailed(..)
            | Message::Progress(..)) => self.hear(message).await,
            message @ (Message::Standings(_)
            | Message::Triggered(..)
            | Message::Unwatched(..)
            | Message::GoingDown(_)
            | Message::ZonesChanged
            | Message::Resumed
            | Message::Wake) => self.notice(message).await,
            message @ (Message::NextSpec(..)
            | Message::RetentionPreview(..)
            | Message::UnforgetWork(..)
            | Message::PruneWork(..)
            | Message::Owners(..)
            | Message::ContentsWork(..)
            | Message::StatisticsWork(..)
            | Message::EstimateSpec(..)
            | Message::Size(..)) => Box::pin(self.prepare(message)).await,
            Message::Stop => {}
            message => self.configure(message).await,
        }
    }

    /// An answer comes when all that follows is published. That nobody waits for it any more is no error: what was
    /// asked is done all the same.
    async fn reply<T>(&mut self, answer: Answer<T>, outcome: Result<T, Refusal>) {
        self.settle().await;
        let _ = answer.send(outcome);
    }

    /// What workers are to be told that answer questions, and what was learnt from one.
    async fn prepare(&mut self, message: Message) {
        match message {
            Message::NextSpec(job, answer) => {
                let _ = answer.send(self.next_spec(&job));
            }
            Message::RetentionPreview(job, at, answer) => {
                let _ = answer.send(self.retention_preview(&job, at).await);
            }
            Message::UnforgetWork(run, snapshots, answer) => {
                let outcome = self.unforget_work(run, snapshots).await;
                self.reply(answer, outcome).await;
            }
            Message::PruneWork(repository, wish, answer) => {
                let _ = answer.send(self.prune_work(&repository, wish));
            }
            Message::Owners(repository, answer) => {
                let _ = answer.send(self.owners(&repository));
            }
            Message::ContentsWork(repository, answer) => {
                let _ = answer.send(self.contents_work(&repository).await);
            }
            Message::StatisticsWork(repository, answer) => {
                let _ = answer.send(self.statistics_work(&repository));
            }
            Message::EstimateSpec(job, scan, answer) => {
                let _ = answer.send(self.estimate_spec(&job, scan).await);
            }
            Message::Size(repository, sample, answer) => {
                self.learn_size(&repository, sample).await;
                self.reply(answer, Ok(())).await;
            }
            _ => {}
        }
    }

    /// What the configuration says, and its changes.
    async fn configure(&mut self, message: Message) {
        match message {
            Message::Repository(name, answer) => {
                let found = self.catalog.repositories.get(&name).cloned();
                let _ = answer.send(found.ok_or_else(|| self.unknown_repository(name.as_str())));
            }
            Message::Job(name, answer) => {
                let known = self.catalog.jobs.contains_key(&name);
                let _ = answer.send(known.then_some(()).ok_or_else(|| self.unknown_job(name.as_str())));
            }
            Message::Text(kind, name, answer) => {
                let _ = answer.send(self.editor.read(kind, &name).map_err(Refusal::from));
            }
            Message::Validate(job, text, answer) => {
                let _ = answer.send(Ok(self.editor.check_job(&self.catalog, &job, &text)));
            }
            Message::Settings(answer) => {
                let _ = answer.send(self.settings_text());
            }
            Message::Elapses(query, answer) => {
                let _ = answer.send(self.elapses(&query));
            }
            Message::Create(kind, name, text, who, answer) => {
                let outcome = self.create(kind, &name, &text, &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Replace(job, text, revision, who, answer) => {
                let outcome = self.replace(&job, &text, revision.as_deref(), &who).await;
                self.reply(answer, outcome).await;
            }
            Message::SetEnabled(job, enabled, revision, who, answer) => {
                let outcome = self.set_enabled(&job, enabled, revision.as_deref(), &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Delete(job, revision, who, answer) => {
                let outcome = self.delete(&job, revision.as_deref(), &who).await;
                self.reply(answer, outcome).await;
            }
            Message::Password(wish) => self.take_password(wish).await,
            Message::Mark(name, wish, who, answer) => {
                let outcome = self.mark_snapshot(&name, wish, &who).await;
                self.publish();
                let _ = answer.send(outcome);
            }
            Message::Reload(call) => {
                let outcome = self.reload(call.as_ref().map(|(who, _)| who)).await;
                self.settle().await;
                if let Some((_, answer)) = call {
                    let _ = answer.send(outcome);
                }
            }
            _ => {}
        }
    }

    /// What happens to the machine.
    async fn notice(&mut self, message: Message) {
        match message {
            Message::Standings(standings) => self.stand(standings).await,
            Message::Triggered(job, trigger, metadata) => self.triggered(&job, trigger, metadata).await,
            Message::Unwatched(job, why) => self.unwatched(job, why),
            Message::GoingDown(down) => self.going_down(down).await,
            Message::ZonesChanged => self.take_zones().await,
            Message::Resumed => self.awake_since = self.parts.clock.now(),
            Message::Wake if self.store_trouble.is_some() => {
                self.catch_up_with_store().await;
                self.pump().await;
            }
            _ => {}
        }
        self.settle().await;
    }

    /// What workers do.
    async fn hear(&mut self, message: Message) {
        match message {
            Message::WorkerEvents(run, attempt, events) => {
                if self.worker_events(run, attempt, events).await {
                    self.settle().await;
                } else {
                    self.publish_run(run);
                }
            }
            Message::WorkerGone(run, attempt, why) => {
                self.worker_gone(run, attempt, why).await;
                self.settle().await;
            }
            Message::LaunchFailed(run, attempt, error) => {
                self.launch_failed(run, attempt, &error).await;
                self.settle().await;
            }
            Message::Progress(progress) => {
                let now = self.parts.clock.now();
                if let Some(live) = self.runs.get_mut(&progress.run)
                    && live.run.state.has_worker()
                    && live
                        .run
                        .attempts
                        .last()
                        .is_some_and(|last| last.number == progress.attempt)
                {
                    let run = progress.run;
                    live.meter.take(progress, now);
                    self.publish_run(run);
                }
            }
            _ => {}
        }
    }

    /// Sees to what has come meanwhile, and lets others see what changed.
    pub(super) async fn settle(&mut self) {
        // Each apart from the rest, whose future would grow with it.
        Box::pin(self.attend()).await;
        self.drop_marks().await;
        Box::pin(self.queue_forgets()).await;
        Box::pin(self.queue_copies()).await;
        // What was seen to may have made something else due; what does so again and again waits for the alarm.
        for _ in 0..ROUNDS {
            if self.agenda.first().is_none_or(|at| at > self.parts.clock.now()) {
                break;
            }
            self.attend().await;
        }
        self.want();
        self.publish();
    }
}
