#!/usr/bin/env bash
# Provides what the benchmark needs, builds, and runs it on a private bus. Options go to bench.py.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=scripts/bus.sh
source "$root/scripts/bus.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/backupd-bench
exec </dev/null

"$root/scripts/install-deps.sh" bench
for word in "$@"; do
    [[ $word != --help && $word != -h ]] || exec python3 "$root/tests/bench/bench.py" --help
done
make --no-print-directory -C "$root" build
"$root/scripts/build.sh" -p backupd-engine --example bare

mkdir -p "$cache"
scratch=$(mktemp -d "$cache/run.XXXXXX")
trap 'bus_end; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# The daemon starts its workers by way of this program, which notes what each of them took.
cat >"$scratch/worker" <<SH
#!/bin/sh
exec /usr/bin/time -q -a -o "$scratch/worker.times" -f '%U %S %M' "$root/target/release/backupd-worker" "\$@"
SH
chmod +x "$scratch/worker"
mkdir -p "$scratch/config/backupd"
echo "worker = \"$scratch/worker\"" >"$scratch/config/backupd/backupd.toml"
bus_begin "$scratch" "$root/target/release"
bare=$root/target/release/examples/bare
python3 "$root/tests/bench/bench.py" --scratch "$scratch" --data "$cache" --bare "$bare" --daemon "$daemon_pid" "$@"
bus_end

printf '\nThe engines by themselves:\n'
python3 "$root/tests/bench/engines.py" --scratch "$scratch/engines" --data "$cache" --bare "$bare" "$@"

printf '\nThe daemon by itself, with ten jobs and with ten thousand:\n'
"$root/scripts/build.sh" --quiet -p backupd-tests --bin backupd-measure
"$root/target/release/backupd-measure"
