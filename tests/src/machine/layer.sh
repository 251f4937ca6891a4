# Keeps what installing a package adds to a system: layer.sh TREE PACKAGE LAYER
set -eu
tree=$1 package=$2 layer=$3 scratch=$3.scratch
mkdir -p "$scratch"
mount -t tmpfs -o mode=755 layer "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$scratch/upper,workdir=$scratch/work" layer "$scratch/root"
mount -t proc proc "$scratch/root/proc"
cp "$package" "$scratch/root/root/backupd.deb"
chroot "$scratch/root" dpkg --install /root/backupd.deb
rm "$scratch/root/root/backupd.deb"
umount "$scratch/root/proc" "$scratch/root"
cp -a "$scratch/upper" "$layer"
umount "$scratch"
rmdir "$scratch"
