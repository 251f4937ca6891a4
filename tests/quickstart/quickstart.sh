#!/usr/bin/env bash
# Shows backupd at work without touching anything of yours: quickstart.sh [SOURCE]
# Prepares the machine, builds, starts a private bus and daemon, and lets tour.sh use them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=scripts/bus.sh
source "$root/scripts/bus.sh"
exec </dev/null
# A tour does not wait for a key.
export PAGER=cat

say() { printf '\n\e[1m%s\e[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR-} ]] || say() { printf '\n%s\n' "$*"; }

# The first of these that is there and of a size that does not keep you waiting.
default_source() {
    local candidate size
    for candidate in /usr/include /usr/share/doc "$(rustc --print sysroot)/lib" /usr/share/man; do
        size=$(du -sm "$candidate" 2>/dev/null | cut -f 1 || true)
        ((${size:-0} >= 5 && ${size:-0} <= 400)) && { echo "$candidate"; return; }
    done
    echo "$root/daemon"
}

scratch='' step='0. prepare'
finish() {
    local code=$?
    trap - EXIT INT TERM HUP
    if ((code)); then
        printf '\nquickstart: FAILED in step %s\n' "$step" >&2
        # A worker outlives its daemon; not this one.
        [[ -z $daemon_pid ]] || timeout 60 backupctl --user cancel demo --wait >/dev/null 2>&1 || true
    fi
    bus_end
    if ((code)) && [[ -n $scratch ]]; then
        if [[ -s $scratch/daemon.log ]]; then
            printf 'the daemon said:\n' >&2
            sed 's/^/    /' "$scratch/daemon.log" >&2
        fi
        rm -rf "$scratch"
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
"$root/scripts/install-deps.sh" quickstart
source=$(realpath -e -- "${1:-$(default_source)}")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/backupd-quickstart.XXXXXX")
case $scratch/ in "${source%/}"/*)
    echo "\`$source\` holds the scratch directory; set TMPDIR to a place outside of it" >&2
    exit 2
    ;;
esac

step='1. build'
say "1. Build the programs (minutes the first time)"
echo "\$ make build"
make --no-print-directory -C "$root" build

step='2. start'
say "2. Start the daemon on a private bus; your own configuration and bus stay untouched"
echo "\$ backupd --user     # everything lies in $scratch"
bus_begin "$scratch" "$root/target/release"

# shellcheck source=tests/quickstart/tour.sh
source "$root/tests/quickstart/tour.sh"
