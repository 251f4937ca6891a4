#!/usr/bin/env bash
# Builds for use, into target/release: the programs, or what the arguments for cargo say. No path of this machine gets
# into them, so that the same sources give the same bytes in each directory.
set -euo pipefail
cd "$(dirname "$0")/.."
(($#)) || set -- -p backupd -p backupd-worker -p backupctl

flags=("--remap-path-prefix=$PWD=/usr/src/backupd" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/usr/src/cargo")
read -ra own <<<"${RUSTFLAGS-}"
# Parted by what stands in no path.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}${own[*]:+$'\x1f'${own[*]}}")
export CARGO_ENCODED_RUSTFLAGS
cargo build --release --locked "$@"
