#!/usr/bin/env bash
# Runs the tests that the arguments name; without any all of them, and those that break things on purpose at the end.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
(($# == 0)) || exec bun --no-env-file test "$@"
code=0
bun --no-env-file test --path-ignore-patterns 'tests/faults/**' || code=$?
provision/test_faults.sh || code=$?
exit "$code"
