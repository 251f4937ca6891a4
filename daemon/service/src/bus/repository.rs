//! `org.backupd.Backup1.Repository`.

mod wishes;

use std::path::PathBuf;

use backupd_core::{
    name::RepositoryName,
    protocol::{AddKeyWork, ListWork, UnlockWork, Work},
};
use backupd_dbus::{CareProperties, Error, PasswordProperties, RotationProperties, SpaceProperties};
use zbus::{Connection, OwnedFd, OwnedObjectPath, interface, message::Header};

use super::{
    answer::answered,
    arguments::{self, absolute_path, paths, start_options},
    authority::{About, Action},
    errors::{of_question, of_refusal},
    leave::Leave,
    objects::{Dictionary, Service, Shown, path_of_run},
    options::Options,
};
use crate::{
    configuration::Kind,
    coordinator::{CareWish, PasswordRequest, RepositoryView, RestoreRequest},
};
use wishes::{
    READ_DATA, filter, mark_wish, move_wish, of_password, of_rotation, prune_wish, repair_work, require_id,
};

const A_BOOLEAN: &str = "a boolean (`b`)";

/// See the module.
pub(super) struct Repository {
    pub(super) name: RepositoryName,
    pub(super) service: Service,
    pub(super) shown: Shown<RepositoryView>,
}

impl Repository {
    fn about(&self) -> About {
        About::repository(self.name.as_str())
    }

    async fn care(
        &self,
        leave: &Leave,
        wish: CareWish,
        mut options: Options,
    ) -> Result<OwnedObjectPath, Error> {
        let about = start_options(&mut options);
        options.finish()?;
        let run = leave
            .care(self.name.clone(), wish, about)
            .await
            .map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    async fn ask(&self, leave: &Leave, work: Work) -> Result<OwnedFd, Error> {
        answered(leave.ask(self.name.clone(), work, None).await)
    }
}

/// A store of snapshots in restic's format.
#[interface(name = "org.backupd.Backup1.Repository")]
impl Repository {
    /// Creates the repository at its place, which must be empty or missing. Answers a file with one JSON record:
    /// `id`, `version`, `snapshots`.
    #[zbus(out_args("answer"))]
    async fn initialize(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        Options::new(options).finish()?;
        answered(leave.initialize(self.name.clone()).await)
    }

    /// Opens the repository with its password and changes nothing. Answers as `Initialize` does.
    #[zbus(out_args("answer"))]
    async fn test(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        Options::new(options).finish()?;
        self.ask(&leave, Work::Test).await
    }

    /// Lists snapshots, oldest first. Answers a file with one JSON record a line.
    ///
    /// Options: `job`, `host` (s); `tags` (as), all of which a snapshot must have.
    #[zbus(out_args("snapshots"))]
    async fn open_snapshots(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        let mut options = Options::new(options);
        let filter = filter(&mut options);
        options.finish()?;
        answered(leave.snapshots(self.name.clone(), filter).await)
    }

    /// Says what is in the repository, and whose it is. Answers a file with one JSON record a line, of which `record` says
    /// what it is: first `repository`, with `id`, `version`, `snapshots`, `keys`, `bytes_stored`; then a `group` for the
    /// snapshots of each host, paths and tags, with `host`, `paths`, `tags`, `owner`, the job here whose they are, `adopted`,
    /// `made_by`, the job that their tags name, `snapshots`, `first`, `last`, `latest`, `bytes`; then a `missing` for each
    /// snapshot that was there, that backupd has not removed, and that is there no more, with `id`, `job`. What is not known
    /// is `null`.
    #[zbus(out_args("contents"))]
    async fn open_contents(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        Options::new(options).finish()?;
        answered(leave.contents(self.name.clone()).await)
    }

    /// Lists files of a snapshot. `snapshot` is an id, a unique beginning of one, or `latest`. Answers a file
    /// with one JSON record a line.
    ///
    /// Options: `path` (ay), absolute, the root if not given; `recursive` (b); `job`, `host` (s), `tags` (as),
    /// which narrow the snapshots that `snapshot` may name.
    #[zbus(out_args("entries"))]
    async fn open_listing(
        &self,
        snapshot: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        let mut options = Options::new(options);
        let filter = filter(&mut options);
        let path = match options.take::<Vec<u8>>("path", "a byte string (`ay`)") {
            None => PathBuf::from("/"),
            Some(bytes) => absolute_path(bytes, "the path").unwrap_or_else(|fault| {
                options.fault(fault);
                PathBuf::new()
            }),
        };
        let recursive = options.take("recursive", "a boolean (`b`)").unwrap_or(false);
        options.finish()?;
        let work = ListWork {
            snapshot: arguments::snapshot(snapshot)?,
            filter,
            path,
            recursive,
        };
        answered(leave.listing(self.name.clone(), work).await)
    }

    /// Restores a snapshot into a directory that is empty or does not exist; as `Job.Restore`, for snapshots
    /// whose job is not configured.
    ///
    /// Options: `paths` (aay), `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn restore(
        &self,
        snapshot: &str,
        target: Vec<u8>,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Restore, &self.about())
            .await?;
        let mut options = Options::new(options);
        let request = RestoreRequest {
            job: None,
            repository: Some(self.name.clone()),
            snapshot: arguments::snapshot(snapshot)?,
            paths: paths(&mut options),
            target: absolute_path(target, "the target").map_err(Error::InvalidArgument)?,
            options: start_options(&mut options),
        };
        options.finish()?;
        let run = leave.restore(request).await.map_err(of_refusal)?;
        Ok(path_of_run(run))
    }

    /// Sees whether the repository is whole: index, packs, snapshots and trees, and as much of the stored data as is asked
    /// for, where the last check left off. Answers the run.
    ///
    /// Options: `read-data` (s), `none`, `all`, a part such as `1/12` or a size such as `10 GiB`, as its file says if not
    /// given; `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn check(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Check, &self.about())
            .await?;
        let mut options = Options::new(options);
        let wish = CareWish::Check(options.parsed("read-data"));
        self.care(&leave, wish, options).await
    }

    /// Removes what no snapshot needs. Packs that are not needed any more are removed a day later, for those who may
    /// still read them. Answers the run.
    ///
    /// Options: `max-unused` (s), how much may stay, such as `5%`, `10 GiB` or `unlimited`, as its file says if not
    /// given; `max-repack` (t), bytes that are written anew at most; `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn prune(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Prune, &self.about())
            .await?;
        let mut options = Options::new(options);
        let wish = CareWish::Prune(prune_wish(&mut options));
        self.care(&leave, wish, options).await
    }

    /// What `Prune` would do now; changes nothing. Answers a file with one JSON record: `snapshots`,
    /// `bytes_repository`, `bytes_unused`, `packs_repacked`, `bytes_repacked`, `packs_marked`, `packs_removed`,
    /// `bytes_freed`, `bytes_unused_after`.
    ///
    /// Options: `max-unused` (s), `max-repack` (t).
    #[zbus(out_args("plan"))]
    async fn open_prune_plan(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Check, &self.about())
            .await?;
        let mut options = Options::new(options);
        let wish = prune_wish(&mut options);
        options.finish()?;
        answered(leave.prune_plan(self.name.clone(), wish).await)
    }

    /// Mends what a check has found. `what` is `index`, which says of all packs again what is in them, or `snapshots`, which
    /// takes out of snapshots what is lost; those that go can be brought back by `Run.Unforget` if what they lack comes
    /// back. What is lost is told in the log of the run, whose answer this is.
    ///
    /// Options: `read-data` (b), of `index`: all packs are read, and what is whole in a damaged one is saved; `description`,
    /// `metadata` (s).
    #[zbus(out_args("run"))]
    async fn repair(
        &self,
        what: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Prune, &self.about())
            .await?;
        let mut options = Options::new(options);
        let read_data = options.take(READ_DATA, A_BOOLEAN);
        let about = start_options(&mut options);
        options.finish()?;
        let wish = CareWish::Repair(repair_work(what, read_data)?);
        let run = leave.care(self.name.clone(), wish, about).await;
        run.map(path_of_run).map_err(of_refusal)
    }

    /// Takes the repository to another place. `what` is `bring`, which brings all of its files to `place`, reads them there,
    /// and then lets its file name that place; `release`, which removes what is left at the place before, of which
    /// `MovedFrom` has the address; or `give-up`, which removes what a `bring` that came to no end has left at `place`.
    /// `place` is the keys of a repository's file that say where it is and how it is reached, as TOML; for `release` it is
    /// empty.
    ///
    /// Options: `description`, `metadata` (s).
    #[zbus(out_args("run"))]
    async fn r#move(
        &self,
        what: &str,
        place: String,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        let mut options = Options::new(options);
        let about = start_options(&mut options);
        options.finish()?;
        let wish = move_wish(what, place)?;
        let run = leave.move_repository(self.name.clone(), wish, about).await;
        run.map(path_of_run).map_err(of_refusal)
    }

    /// What `Repair` would do now; changes nothing. Answers a file with one JSON record a line, each with a `record`:
    /// `damage` (`path`, `reason`), what is wrong or lost; then of `index` one `index` (`index_files`, `index_damaged`,
    /// `packs`, `packs_found`, `packs_missing`, `packs_corrected`, `packs_damaged`, `packs_unreadable`, `blobs_lost`), of
    /// `snapshots` a `snapshot` (`id`, `lost`, `files`, `directories`) for each of which something is lost.
    ///
    /// Options: `read-data` (b).
    #[zbus(out_args("plan"))]
    async fn open_repair_plan(
        &self,
        what: &str,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        let mut options = Options::new(options);
        let read_data = options.take(READ_DATA, A_BOOLEAN);
        options.finish()?;
        let work = repair_work(what, read_data)?;
        self.ask(&leave, Work::RepairPlan(work)).await
    }

    /// Counts what the repository stores, and for which jobs, which reads all directories of all snapshots. Answers a file
    /// with one JSON record: `repository`, `time`, `snapshots`, `packs`, `blobs`, `bytes_stored`, `bytes_restored`,
    /// `bytes_unique`, `bytes_needed`, `deduplication`, `compression`, `bytes_unused`, `bytes_marked`, `jobs` (each `job`,
    /// `snapshots`, `bytes_restored`, `bytes_needed`, `bytes_alone`), `growth` (each `time`, `bytes_stored`),
    /// `bytes_per_day`, `days_until_full`, `bytes_free`, `bytes_place`, `bytes_reserve`, `bytes_quota`. What is not known is
    /// `null`.
    #[zbus(out_args("statistics"))]
    async fn open_statistics(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Check, &self.about())
            .await?;
        Options::new(options).finish()?;
        answered(leave.statistics(self.name.clone()).await)
    }

    /// Lists the locks in the repository, the oldest first. Answers a file with one JSON record a line: `id`, `exclusive`,
    /// `host`, `user`, `pid`, `run`, `since`, `refreshed`, and `state`: `alive`, `gone`, `stale`, `unknown`.
    #[zbus(out_args("locks"))]
    async fn open_locks(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Check, &self.about())
            .await?;
        Options::new(options).finish()?;
        self.ask(&leave, Work::Locks).await
    }

    /// Removes locks by their full ids. One that somebody may hold is refused, and then none is removed. Answers those
    /// that are removed, as `OpenLocks` does.
    ///
    /// Options: `force` (b), also those that somebody may hold: whoever is at work there may lose what he stores.
    #[zbus(out_args("removed"))]
    async fn unlock(
        &self,
        locks: Vec<String>,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        let mut options = Options::new(options);
        let force = options.take("force", "a boolean (`b`)").unwrap_or(false);
        options.finish()?;
        locks.iter().try_for_each(|id| require_id(id, "lock"))?;
        answered(leave.unlock(self.name.clone(), UnlockWork { locks, force }).await)
    }

    /// Says of a snapshot, given by its full id, that it stays or goes, whatever the retention of its job says. That is
    /// written into the repository's file.
    ///
    /// Options: `pinned` (b), it stays for ever or is pinned no more; `pinned-until-usec` (t), it stays until then;
    /// `expires-usec` (t), from then on no rule keeps it, 0 for never; `note` (s). What is not given stays as it was.
    async fn mark_snapshot(
        &self,
        snapshot: String,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Forget, &self.about())
            .await?;
        let mut options = Options::new(options);
        let wish = mark_wish(snapshot, &mut options);
        options.finish()?;
        require_id(&wish.snapshot, "snapshot")?;
        leave
            .mark_snapshot(self.name.clone(), wish)
            .await
            .map_err(of_refusal)
    }

    /// Lists the keys of the repository, the oldest first. Answers a file with one JSON record a line: `id`, `current`,
    /// `host`, `user`, `created`, `damaged`.
    #[zbus(out_args("keys"))]
    async fn open_keys(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Check, &self.about())
            .await?;
        Options::new(options).finish()?;
        self.ask(&leave, Work::Keys).await
    }

    /// Makes a key, whose password a worker reads from `password` to its end, and opens the repository with it. A
    /// password that opens a key already is refused. Answers a file with one JSON record, as `OpenKeys` has them.
    ///
    /// Options: `host`, `user` (s), what the key says of whose it is.
    #[zbus(out_args("key"))]
    async fn add_key(
        &self,
        password: OwnedFd,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        let mut options = Options::new(options);
        let work = AddKeyWork {
            host: options.text("host"),
            user: options.text("user"),
        };
        options.finish()?;
        answered(leave.add_key(self.name.clone(), password.into(), work).await)
    }

    /// Removes a key by its full id. The one that backupd opens the repository with is refused, and so is the only one.
    /// Answers a file with one JSON record of what it was, as `OpenKeys` has them.
    #[zbus(out_args("key"))]
    async fn remove_key(
        &self,
        key: String,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        Options::new(options).finish()?;
        require_id(&key, "key")?;
        answered(leave.remove_key(self.name.clone(), key).await)
    }

    /// Replaces the password of the repository, and the key that it opens, by others: keeps the new password, makes a
    /// key with it, lets the repository's file name it, and removes the key and the password before. At any moment the
    /// file names a password that opens the repository; what was cut off is gone on with by the next call. A password
    /// that is not kept by backupd is refused. Answers `Credential` or `File`, where the new one is; `Before`, what held
    /// the one before; `Key`, `OldKey`; `Resumed` (b), whether it went on with a rotation that was cut off; `Left`, why
    /// the key and the password before are there still, missing if they are gone; `Spared` (b), whether what held the
    /// password before stays, since it may be somebody else's too.
    ///
    /// Options: `password` (h), from which a worker reads the new password to its end; a random one is made if not given.
    #[zbus(out_args("rotation"))]
    async fn rotate_key(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RotationProperties, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        let mut options = Options::new(options);
        let password = options.descriptor("password");
        options.finish()?;
        let rotated = leave
            .rotate_key(self.name.clone(), password.map(Into::into))
            .await
            .map_err(of_refusal)?
            .map_err(of_question)?;
        Ok(of_rotation(rotated))
    }

    /// What one needs to restore with stock restic on another machine, but for secrets. Answers a file with one JSON
    /// record: `repository`, `id`, `version`, `snapshots`, `time`, `host`, `keys`, as `OpenKeys` has them, `address`,
    /// `variables` (each `name`, `meaning`, `value`), `arguments`, `notes`.
    #[zbus(out_args("recovery"))]
    async fn open_recovery(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        Options::new(options).finish()?;
        self.ask(&leave, Work::Recovery).await
    }

    /// Has a worker write the password of the repository into `password`, a pipe or a file in memory that the caller
    /// can read; the daemon does not see it. Who has read it stands in the audit log.
    async fn reveal_password(
        &self,
        password: OwnedFd,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Secret, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave
            .reveal(self.name.clone(), password.into())
            .await
            .map_err(of_refusal)?
            .map_err(of_question)
    }

    /// Keeps a password, which a worker reads from `password` to its end, and lets the repository's file name the
    /// place. A pipe or a file in memory will do; the daemon does not read it. A password that does not open the
    /// repository is refused before anything changes, and the one before stays where it is. Answers `Credential` or
    /// `File`, where it is now; `Opens` (b), false where there is no repository yet; `Before`, what the file named;
    /// `Revision`.
    ///
    /// Options: `keep` (s), `credential` for an encrypted one of systemd, `file`, or `auto`; `unchecked` (b), keep it
    /// even if the repository cannot be reached; `revision` (s), which the file must have.
    #[zbus(out_args("stored"))]
    async fn set_password(
        &self,
        password: OwnedFd,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<PasswordProperties, Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Repository, &self.about())
            .await?;
        let mut options = Options::new(options);
        let request = PasswordRequest {
            keep: options.parsed("keep").unwrap_or_default(),
            unchecked: options.take("unchecked", "a boolean (`b`)").unwrap_or(false),
            revision: options.text("revision"),
        };
        options.finish()?;
        let kept = leave
            .set_password(self.name.clone(), password.into(), request)
            .await
            .map_err(of_refusal)?
            .map_err(of_question)?;
        Ok(of_password(&kept))
    }

    /// The repository's file as it is, and its revision.
    #[zbus(out_args("configuration", "revision"))]
    async fn get_configuration(
        &self,
        options: Dictionary,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(String, String), Error> {
        let leave = self
            .service
            .allow(connection, &header, Action::Browse, &self.about())
            .await?;
        Options::new(options).finish()?;
        leave
            .text(Kind::Repository, self.name.to_string())
            .await
            .map_err(of_refusal)
    }

    /// Name.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> String {
        self.shown.get(|properties| properties.name)
    }

    /// Free text from its file.
    #[zbus(property)]
    fn description(&self) -> String {
        self.shown.get(|properties| properties.description)
    }

    /// Where it is, without user name and password.
    #[zbus(property)]
    fn url(&self) -> String {
        self.shown.get(|properties| properties.url)
    }

    /// Where it was before it was moved, and still lies, without user name and password; empty where there is no such
    /// place. `Move` releases it.
    #[zbus(property)]
    fn moved_from(&self) -> String {
        self.shown.get(|properties| properties.moved_from)
    }

    /// What reads and writes it: `embedded`.
    #[zbus(property)]
    fn engine(&self) -> String {
        self.shown.get(|properties| properties.engine)
    }

    /// Names of the jobs that store into it.
    #[zbus(property)]
    fn jobs(&self) -> Vec<String> {
        self.shown.get(|properties| properties.jobs)
    }

    /// `ok`; `degraded` when it could not be checked or pruned, or has too little room, now or within a week; `late` when it was too long ago; `failed` when the last
    /// check found it damaged.
    #[zbus(property)]
    fn health(&self) -> String {
        self.shown.get(|properties| properties.health)
    }

    /// Why, for people; empty where it is well.
    #[zbus(property)]
    fn health_reason(&self) -> String {
        self.shown.get(|properties| properties.health_reason)
    }

    /// How it is checked: `Schedule` (s), `NextUSec` (t), `ActiveRun`, `LastRun` (o), `LastResult` (s),
    /// `LastSuccessUSec`, `LateUSec`, `BytesRepository`, `BytesUnused` (t); what there is nothing to say of is missing.
    #[zbus(property)]
    fn check_care(&self) -> CareProperties {
        self.shown.get(|properties| properties.check_care)
    }

    /// How large it is, and the room that it has, as of when anybody looked last, in bytes: `MeasuredUSec`, `BytesStored`;
    /// `BytesFree` at its place, `BytesPlace`, that place in all; `BytesReserve`, what backups leave free; `BytesQuota`, what
    /// it may have (t); `DaysUntilFull` (u), at the pace of the last months. What is not known is missing.
    #[zbus(property)]
    fn space(&self) -> SpaceProperties {
        self.shown.get(|properties| properties.space)
    }

    /// How it is pruned; as `CheckCare`.
    #[zbus(property)]
    fn prune_care(&self) -> CareProperties {
        self.shown.get(|properties| properties.prune_care)
    }
}
