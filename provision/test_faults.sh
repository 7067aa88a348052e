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
beside=$(mktemp)
export FAULT_TABLE
ended() {
  kill "${second:-}" 2>/dev/null || true
  rm -f "$FAULT_TABLE" "$beside"
}
trap ended EXIT
trap 'exit 130' INT TERM

# Those that go through all events one by one ask for no answer in a given time: they take what processor the others,
# which mostly wait, leave over, and are told of at the end.
slow=() prompt=()
for file in tests/faults/*.test.ts; do
  case $file in */late.test.ts | */crash_*.test.ts | */services.test.ts) slow+=("$file") ;; *) prompt+=("$file") ;; esac
done
code=0
nice -n 10 bun --no-env-file test "${slow[@]}" >"$beside" 2>&1 &
second=$!
bun --no-env-file test "${prompt[@]}" || code=$?
say "waiting for the rest: ${slow[*]}"
wait "$second" || code=$?
second=
cat "$beside"
bun --no-env-file tests/faults/table.ts "$FAULT_TABLE"
exit "$code"
