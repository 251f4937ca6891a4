#!/usr/bin/env bash
# Packs what is built: package.sh deb|rpm [--profile release|dev] [--output DIR]
# The same programs and the same SOURCE_DATE_EPOCH, which is the commit's time unless it is set, give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: package.sh deb|rpm [--profile release|dev] [--output DIR]"

kind=${1:?$usage}
shift
profile=release
output=target/packages
while (($#)); do
    case $1 in
        --profile) profile=${2:?$usage} ;;
        --output) output=${2:?$usage} ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
    shift 2
done
target=${CARGO_TARGET_DIR:-target}
case $profile in
    release) programs=$target/release compression='-Zxz' ;;
    dev) programs=$target/debug compression='-Zgzip -z1' ;;
    *) echo "there is no profile \`$profile\`" >&2; exit 2 ;;
esac

SOURCE=$PWD
BINARIES=$(realpath -m "${BACKUPD_BIN_DIR:-$programs}")
COMPRESSION=$compression
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)}
export SOURCE BINARIES COMPRESSION SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
mkdir -p "$output"
output=$(realpath "$output")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
umask 022

deb() {
    local tree=$scratch/backupd-$version
    mkdir "$tree"
    cp -r packaging/debian "$tree/debian"
    cat >"$tree/debian/changelog" <<CHANGELOG
backupd ($version-1) unstable; urgency=medium

  * Version $version; what is new stands in changelog.gz beside this file.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(date -Rud "@$SOURCE_DATE_EPOCH")
CHANGELOG
    (cd "$tree" && dpkg-buildpackage --build=binary --no-sign) >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
    mv "$scratch"/*.deb "$output"
}

rpm() {
    local level=w9
    [[ $profile == release ]] || level=w1
    rpmbuild -bb --quiet --define "_topdir $scratch/rpm" --define "_dbpath $scratch/rpmdb" \
        --define "checkout $PWD" --define "programs $BINARIES" --define "version_ $version" \
        --define "_binary_payload $level.gzdio" packaging/backupd.spec >"$scratch/log" 2>&1 ||
        { cat "$scratch/log" >&2; exit 1; }
    mv "$scratch"/rpm/RPMS/*/*.rpm "$output"
}

"$kind"
ls "$output"/*."$kind"
