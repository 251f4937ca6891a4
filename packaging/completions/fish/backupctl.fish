# fish completion of backupctl; the program answers itself, and so knows jobs, runs, repositories and snapshots.
BACKUPCTL_COMPLETE=fish backupctl 2>/dev/null | source
