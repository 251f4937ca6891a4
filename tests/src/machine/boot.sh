# Boots a container: boot.sh DIRECTORY CGROUP [LOWER PREPARE]
# With layers in a mount namespace of its own, so that nothing stays when it ends; what the machine writes stays in
# memory. Without, it boots again from what is there.
set -eu
directory=$1 cgroup=$2
# Two machines in one control group would take each other's processes for their own.
echo 0 >"$cgroup/cgroup.procs"
if [ $# -gt 2 ]; then
    lower=$3 prepare=$4
    mount -t tmpfs -o mode=755 machine "$directory"
    mkdir "$directory/upper" "$directory/work" "$directory/root"
    mount -t overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" machine "$directory/root"
    mount -t proc proc "$directory/root/proc"
    chroot "$directory/root" sh -euc "$prepare"
    umount "$directory/root/proc"
fi
exec systemd-nspawn -D "$directory/root" --boot --register=no --keep-unit --quiet --private-network \
    --resolv-conf=off --timezone=off --link-journal=no --notify-ready=yes --console=pipe \
    --kill-signal=SIGKILL
