//! The ids of what a person may meet in the journal: one for each kind of message, for good.
//!
//! `systemd/catalog/backupd.catalog` explains each, for `journalctl -x`. New ids come from `systemd-id128 new`.

macro_rules! messages {
    ($($(#[$meta:meta])* $name:ident = $id:literal;)+) => {
        $($(#[$meta])* pub(crate) const $name: &str = $id;)+
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $id)),+];
    };
}

messages! {
    /// The daemon serves.
    READY = "b96124c7a533430db5af376b0d4c44a3";
    /// The daemon ends because it was told to.
    STOPPING = "a33cd59062964a859f0e1d2c615669af";
    /// The daemon cannot start where it is: directories, another daemon, system calls.
    START_FAILED = "a02dc8eab68b421b8fbae6d245c77ca4";
    /// A part that works for as long as the daemon lives has ended.
    PART_ENDED = "109ddc2d761241a090f738100a93109b";
    /// The bus cannot be reached, or does not give us our name.
    BUS_TROUBLE = "dd35c7d3736149a388ce895829b79ea5";

    /// The configuration was read, and has no faults.
    RELOADED = "b27fa86bff10494ea0fb7435ef83156c";
    /// The configuration was read, and files with faults are not taken over.
    RELOAD_REFUSED = "7a65e9a9d6f640ac9c23a1c1d46ea6c2";
    /// One fault of a configuration file.
    CONFIGURATION_FAULT = "1313879e3345466bbbe811b07bde9d47";

    /// Rules of a zone, or the zone of the machine, are others now.
    ZONES_CHANGED = "b167745b02f046c99929002767f43240";

    /// A run was accepted.
    RUN_QUEUED = "0224ceb172be44fd87184482c3a17a7e";
    /// A worker was started for a run.
    RUN_STARTED = "478d08b71a25437599fe76614be9e12b";
    /// A run of an earlier daemon is taken up.
    RUN_ADOPTED = "6a309725726548aa870c0ea40e7626b3";
    /// A run did all of its work.
    RUN_SUCCEEDED = "8fa72bce28bf46bbb62469a2c74980c5";
    /// A run did its work but for some files.
    RUN_PARTIAL = "856e5a67ac494214bf760e95b7b897ef";
    /// A run did not do its work.
    RUN_FAILED = "be02f62316e24cf8aa9be1c9777c60bd";
    /// A run failed for want of the right password.
    CREDENTIAL_TROUBLE = "9196420bf62749bfade55a356222c31c";
    /// A run was cancelled.
    RUN_CANCELLED = "8396dad4935a43ce84e6c2ca05c174d7";
    /// A run was not needed.
    RUN_SKIPPED = "a60c1e01fc6e4f0092c53c65656c6b28";
    /// A worker ended without saying how.
    RUN_INTERRUPTED = "bba23ad33b9a4cd081bb910afeb80261";
    /// A run took longer than it may.
    RUN_TIMED_OUT = "233403f15ce44083b6e7685bc8eb6ad8";
    /// What a worker says of its work.
    WORKER_EVENT = "bbc7585fa72546eb9edd7bf41cfc469a";
    /// A worker warned of more than the journal takes.
    WARNINGS_LEFT_OUT = "69851fc791af426f9fb4d54ab6f3c94d";
    /// The journal did not take what was said in time.
    ENTRIES_LOST = "9b8ccb4a11f44d7b8ed3c0a5a4e6d3f1";
    /// A worker cannot be started.
    LAUNCHER_TROUBLE = "27a1bd3e1cb745d091b06b26bb6a592e";

    /// A damaged store was put out of the way.
    STORE_SET_ASIDE = "f25f997685504eac89912e47f92f1977";
    /// A newer version wrote the store.
    STORE_NEWER = "0f9c2de79c8a4b17aa6e157805a61508";
    /// The store cannot be opened, read or written.
    STORE_TROUBLE = "466ddc6eab724e36bfe32bf89dab69a8";

    /// Somebody called a method and may not.
    REFUSED = "57f9702a80ed46968ece6b4d84f4ae4f";
    /// polkit cannot be asked, or does not answer.
    POLKIT_TROUBLE = "47ce84802701456d913553fabf2d5e10";

    /// A record of the audit log.
    AUDIT_RECORD = "6826be33e4f64b14bb91581904878d57";

    /// The clock was set, and all schedules are worked out anew.
    CLOCK_SET = "e67cabc1b4654b87b885d9d8f6b2b57f";
    /// A job was to start by itself, and does not.
    ELAPSE_PASSED_OVER = "598ac109e4a745dfb3b3d8c8841a5fe0";
    /// An attempt failed, and there will be another.
    RUN_BACKS_OFF = "195501e785b24cb0a3d91f8c66415e0a";
    /// A run stops for now and goes on later.
    RUN_MAKES_WAY = "a7a6e010e1144ea5836fa0101e577b18";
    /// A job, or all, will not start by themselves for a while.
    PAUSED = "6c46c4888bd14930a5d17510f463931c";
    /// They will again.
    RESUMED = "0b345686eac745d88a21030cd32ea44c";
    /// Changes of a job's sources are not seen, or not all of them.
    UNWATCHED = "470ba948e50e4d9e8e8e171d3dd11446";
}
