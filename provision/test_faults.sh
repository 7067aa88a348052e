#!/usr/bin/env bash
# Runs the tests that break things on purpose, and ends with a table: fault, times injected, violations of the promise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
case ${1:-} in
  '') ;;
  --long) export FAULT_LONG=1; shift ;;
  *) say "usage: just test-faults [--long]   FAULT_SEED=N repeats a run"; exit 2 ;;
esac
FAULT_TABLE=$(mktemp)
export FAULT_TABLE
trap 'rm -f "$FAULT_TABLE"' EXIT
code=0
bun --no-env-file test tests/faults || code=$?
bun --no-env-file tests/faults/table.ts "$FAULT_TABLE"
exit "$code"
