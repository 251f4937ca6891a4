#!/usr/bin/env bash
# Checks licences, sources and who depends on whom; and known vulnerabilities, where their list can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(scripts/install-tools.sh)
export PATH="$tools:$PATH" GIT_TERMINAL_PROMPT=0

# Not everyone who may depend on a crate does.
cargo deny --locked check -A unused-wrapper bans licenses sources
if why=$(timeout 120 cargo deny --locked fetch db </dev/null 2>&1); then
    cargo deny --locked check --disable-fetch advisories
else
    echo "skipped: the check against known vulnerabilities, since the advisory database cannot be fetched:" >&2
    grep -m 1 -E 'fatal|ERROR|error' <<<"$why" >&2 || echo "it took longer than 120 s" >&2
fi
