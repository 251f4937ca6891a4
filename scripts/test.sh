#!/usr/bin/env bash
# Builds everything and runs all tests. Arguments go to nextest: `scripts/test.sh -E 'test(restore)'`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(scripts/install-tools.sh)
export PATH="$tools:$PATH"

# The cross-process tests start the programs by path; one set of features for all keeps it to one build.
cargo build --workspace --all-targets --locked
# Systems to boot are loaded here, where nothing waits for it. Without them tests are skipped, which is told in the end.
if ((EUID == 0)) && command -v debootstrap >/dev/null; then
    for release in bookworm trixie; do
        tests/system/tree.sh build "$release" || echo "there is no Debian \`$release\` to test on" >&2
    done
fi
BACKUPD_SKIPPED=$(mktemp)
export BACKUPD_SKIPPED
trap 'sort "$BACKUPD_SKIPPED" | sed "s/^/skipped: /"; rm "$BACKUPD_SKIPPED"' EXIT
cargo nextest run --workspace --locked "$@"
cargo test --workspace --doc --locked --quiet
