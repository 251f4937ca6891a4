# shellcheck shell=bash disable=SC2034,SC2154
# The tour itself; quickstart.sh sources it with `source`, `scratch`, `root` and a daemon that runs.

# Shows a command and runs it.
show() { printf '$ %s\n' "$*"; "$@"; }
# The same for a run, in which files that cannot be read (exit code 3) are no failure of the tour.
show_run() { show "$@" || { code=$?; ((code == 3)) || return "$code"; }; }

step='3. configure'
say "3. Add a repository and a job"
show backupctl --user repository add scratch --url "$scratch/repository" --generate-password --init
show backupctl --user job create demo --repository scratch --source "$source" --schedule "daily at 02:00" --keep-daily 7 --keep-weekly 5

step='4. back up'
say "4. Back up $source"
show_run backupctl --user start demo --follow

step='5. back up again'
say "5. Back up again: what has not changed is not read"
show_run backupctl --user start demo --follow

step='6. look'
say "6. Look at what there is"
show backupctl --user status
show backupctl --user schedule
show backupctl --user history
show backupctl --user snapshots demo

step='7. check'
say "7. Verify: read all that is stored, and see which snapshots stay"
show backupctl --user check scratch --read-data all --follow
show backupctl --user retention preview demo

step='8. restore'
say "8. Restore, and compare with the source"
show_run backupctl --user restore latest --job demo --to "$scratch/restored"
# What you may not read was not stored, and `diff` cannot compare pipes and devices.
special=$(find "$source" \( ! -readable ! -type l -o ! -type f ! -type d ! -type l \) -printf . 2>/dev/null | wc -c || true)
if ((special == 0)); then
    show diff -r --no-dereference "$source" "$scratch/restored$source"
else
    echo "$special of $source cannot be read or are no plain files; all other files are compared"
    while IFS= read -r -d '' file; do
        cmp -- "$source/$file" "$scratch/restored$source/$file"
    done < <(cd "$source" && find . -type f -readable -print0 2>/dev/null)
fi
echo "the restored files are the same, byte for byte"

if command -v restic >/dev/null; then
    step='9. restic'
    say "9. The repository is restic's format: stock restic reads it"
    show restic --no-cache -r "$scratch/repository" --password-file "$XDG_CONFIG_HOME/backupd/secrets/scratch" snapshots
fi

step='10. stop'
say "10. Stop the daemon"
echo "\$ kill $daemon_pid"
bus_stop "$daemon_pid"
daemon_pid=''

cat <<END

All of it is in $scratch; remove it with \`rm -r $scratch\`.

For your own backups, with systemd (as root for the machine: leave out \`--user\`):
    sudo make install PREFIX=/usr/local
    systemctl --user daemon-reload && systemctl --user enable --now backupd
    backupctl --user repository add NAME --url /path/to/repository --generate-password --init
    backupctl --user job create home --template home --repository NAME
    backupctl --user start home --follow
README.md says more.
END
