#!/usr/bin/env bash
# Debian systems to boot in a container:
#   tests/system/tree.sh build RELEASE    builds it, if it is not there
#   tests/system/tree.sh path RELEASE     says where it is or would be
# They stay outside of the checkout, and are built anew when this recipe changes.
set -euo pipefail

what=${1:?usage: tree.sh build|path RELEASE}
release=${2:?usage: tree.sh build|path RELEASE}
packages=systemd,systemd-sysv,dbus,polkitd,libpam-systemd,dbus-user-session,procps
# What a test installs before its machine boots, each in /opt/packages with all that it needs.
extra=(upower openssh-server restic)
recipe=$(sha256sum "$0" | cut -c 1-12)
trees=${BACKUPD_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backupd-tests}/trees
tree=$trees/$release-$recipe
new=$trees/.$release.new

if [[ $what == path ]]; then
    echo "$tree"
    exit
fi
mkdir -p "$trees"
exec 9>"$trees/.$release.lock"
flock 9
[[ ! -d $tree ]] || exit 0
echo "building a Debian \`$release\` in $tree" >&2

# The host's own mirror and proxy, if it is a Debian; else debootstrap knows one.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/$' || true)
proxy=$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null | sed "s/^proxy='\(.*\)'$/\1/" || true)
[[ -z $proxy ]] || export http_proxy=$proxy

rm -rf --one-file-system "$new"
debootstrap --variant=minbase --include="$packages" "$release" "$new" ${mirror:+"$mirror"} \
    </dev/null >"$new.log" 2>&1 || { tail -n 20 "$new.log" >&2; exit 1; }
rm -f "$new"/var/cache/apt/archives/*.deb
for package in "${extra[@]}"; do
    mkdir -p "$new/opt/packages/$package"
    DEBIAN_FRONTEND=noninteractive chroot "$new" apt-get --yes --no-install-recommends --download-only \
        install "$package" </dev/null >>"$new.log" 2>&1 || { tail -n 20 "$new.log" >&2; exit 1; }
    mv "$new"/var/cache/apt/archives/*.deb "$new/opt/packages/$package"
done
rm -rf "$new"/var/lib/apt/lists/*
for user in alice bob; do
    useradd --root "$new" --create-home --shell /bin/bash "$user"
done
echo backupd >"$new/etc/hostname"
# Nothing that a test does not ask for runs beside it.
systemctl --root="$new" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer console-getty.service getty.target
mv "$new" "$tree"
