#!/usr/bin/env bash
# Builds everything and runs all tests. Arguments go to nextest: `scripts/test.sh -E 'test(restore)'`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(scripts/install-tools.sh)
export PATH="$tools:$PATH"

# The cross-process tests start the programs by path; one set of features for all keeps it to one build.
cargo build --workspace --all-targets --locked
cargo nextest run --workspace --locked "$@"
cargo test --workspace --doc --locked --quiet
