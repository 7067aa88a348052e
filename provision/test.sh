#!/usr/bin/env bash
# Runs the tests that the arguments name; without any all of them, and those that break things on purpose at the end.
# Whatever the tests leave in their temporary folder is a failure, too.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
TMPDIR=$(mktemp -d -t mm-tests.XXXXXX)
export TMPDIR
chmod 1777 "$TMPDIR" # some work in there as other users
trap 'rm -rf --one-file-system "$TMPDIR"' EXIT

# What is left of ours. Some of it goes a moment after its test process has ended, however that ended.
left() { find "$TMPDIR" -mindepth 1 -maxdepth 1 \( -name 'mm-*' -o -name 'machine-manager-*' \) -printf '%f\n'; }
check_left() {
  local deadline=$((SECONDS + 15))
  while [[ -n $(left) ]]; do
    if ((SECONDS > deadline)); then fail "the tests left in $TMPDIR: $(left | sort | paste -sd ' ')"; fi
    sleep 0.2
  done
}

code=0
if (($#)); then bun --no-env-file test "$@" || code=$?; else
  bun --no-env-file test --path-ignore-patterns 'tests/faults/**' || code=$?
  provision/test_faults.sh || code=$?
fi
check_left
exit "$code"
