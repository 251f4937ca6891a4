#!/usr/bin/env bash
# All that must hold before a change goes in. Needs no terminal and no standard input.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export CARGO_TERM_PROGRESS_WHEN=never
# What serves a second build alone is not written where there is none.
[[ -z ${CI-} ]] || export CARGO_INCREMENTAL=0

step=start
begun=$SECONDS
trap 'code=$?; if ((code)); then echo "check: FAILED at: $step" >&2; fi' EXIT

# step NAME COMMAND…
step() {
    local since=$SECONDS
    step=$1
    shift
    printf '\n== %s\n' "$step"
    "$@"
    echo "-- $step: $((SECONDS - since)) s"
}

command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
step "system packages" scripts/install-deps.sh check
step "tools" scripts/install-tools.sh
step "format" cargo fmt --all --check
step "lints" make --no-print-directory lint
step "dependencies" scripts/deny.sh
step "tests" scripts/test.sh
step "documentation" make --no-print-directory doc
if command -v shellcheck >/dev/null; then
    step "scripts" shellcheck -x .ci/run scripts/*.sh tests/*/*.sh
fi

printf '\ncheck: all is well (%d s)\n' "$((SECONDS - begun))"
