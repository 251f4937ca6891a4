#!/usr/bin/env bash
# Prints the directory in which cargo-nextest and cargo-deny are, after installing those that are not on PATH in a
# version new enough, and object stores for tests. They stay outside of the checkout, so that each version is built once.
set -euo pipefail

nextest=0.9.151
nextest_oldest=0.9.100
deny=0.20.2
moto=5.2.5
gcs_emulator=2026.7.19
azurite=3.37.0
garage=2.5.0
deny_oldest=0.19.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/backupd-tools
export PATH="$cache/bin:$PATH"

# new_enough NAME OLDEST
new_enough() {
    local found
    command -v "cargo-$1" >/dev/null || return 1
    found=$("cargo-$1" "$1" --version 2>/dev/null | awk 'NR == 1 { print $2 }')
    [[ -n $found && $(printf '%s\n' "$2" "$found" | sort -V | head -n 1) == "$2" ]]
}

# provide NAME VERSION OLDEST [OPTION…]
provide() {
    local name=$1 version=$2 oldest=$3
    shift 3
    new_enough "$name" "$oldest" && return
    echo "installing cargo-$name $version into $cache" >&2
    # The checkout's toolchain file and settings are not the tool's.
    (cd / && cargo install "cargo-$name" --version "$version" --locked --force --root "$cache" "$@" </dev/null >&2)
}

provide nextest "$nextest" "$nextest_oldest" --no-default-features --features default-no-update
provide deny "$deny" "$deny_oldest"
# An S3 server for tests, in Python; the folder has the version in its name.
s3=$cache/s3-moto-$moto
if [[ ! -e $s3/ready ]]; then
    echo "installing moto $moto into $s3" >&2
    rm -rf "$s3"
    python3 -m venv "$s3" >&2
    "$s3/bin/pip" install --quiet --disable-pip-version-check "moto[s3,iam]==$moto" flask flask-cors >&2
    touch "$s3/ready"
fi
# What Google Cloud Storage is for tests, in Python too.
gcs=$cache/gcs-emulator-$gcs_emulator
if [[ ! -e $gcs/ready ]]; then
    echo "installing gcp-storage-emulator $gcs_emulator into $gcs" >&2
    rm -rf "$gcs"
    python3 -m venv "$gcs" >&2
    "$gcs/bin/pip" install --quiet --disable-pip-version-check "gcp-storage-emulator==$gcs_emulator" >&2
    touch "$gcs/ready"
fi
# And Azure Blob Storage, for Node.js.
blobs=$cache/azurite-$azurite
if [[ ! -e $blobs/ready ]] && command -v npm >/dev/null; then
    echo "installing azurite $azurite into $blobs" >&2
    rm -rf "$blobs"
    if npm install --silent --no-audit --no-fund --prefix "$blobs" "azurite@$azurite" </dev/null >&2; then
        touch "$blobs/ready"
    else
        echo "azurite $azurite cannot be had: repositories at Azure are not tested" >&2
    fi
fi
# A distributed object store for tests. It is built to be built fast: what it computes all day is optimised, and no more.
store=$cache/garage-$garage
if [[ ! -x $store/bin/garage ]]; then
    echo "building garage $garage in $store" >&2
    options=()
    for crate in blake2 block-buffer crc32fast digest generic-array libsodium-sys md-5 memchr sha1 sha2 zstd-sys; do
        options+=(--config "profile.release.package.$crate.opt-level=3")
    done
    work=$(mktemp -d)
    if ! (cd / && CARGO_TARGET_DIR=$work CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=true \
        cargo install garage --version "$garage" --locked --force --root "$store" --no-default-features \
        --features lmdb,bundled-libs "${options[@]}" </dev/null >&2); then
        echo "garage $garage cannot be built: fleets that share an object store are not tested" >&2
    fi
    rm -rf "$work"
fi
# A restic newer than that of older systems: what holds for all is tested with both.
restic=$cache/restic-0.18.0
case $(uname -m) in
    x86_64) deb=amd64 sum=4888fb20b272a28b84ac39171b7d7f0d9a58c2aeae51ec28e54684648d66e12c ;;
    aarch64) deb=arm64 sum=3877c6ef8efe052e80a6417b0ac0a672e644fd8bf5ef14e8b803ab6744e43be2 ;;
    *) deb= ;;
esac
if [[ ! -x $restic && -n $deb ]] && command -v dpkg-deb curl >/dev/null; then
    echo "installing restic 0.18.0 as $restic" >&2
    work=$(mktemp -d)
    if curl --fail --silent --show-error --location --max-time 120 --output "$work/deb" \
        "http://deb.debian.org/debian/pool/main/r/restic/restic_0.18.0-1+b4_$deb.deb" >&2 &&
        sha256sum --check --quiet <<<"$sum  $work/deb" >&2; then
        dpkg-deb --extract "$work/deb" "$work"
        install -D "$work/usr/bin/restic" "$restic"
    else
        echo "restic 0.18.0 cannot be had: what newer versions do is not tested" >&2
    fi
    rm -rf "$work"
fi
echo "$cache/bin"
