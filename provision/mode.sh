#!/usr/bin/env bash
# Prints `docker` or `native`: the way to run on this machine. Why goes to stderr.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
case ${1:-} in
  '' | -q) ;;
  *) say "usage: provision/mode.sh [-q]   prints docker or native, and on stderr why (-q: without the why)"; exit 2 ;;
esac
quiet=${1:-}
load_env

chosen() { [[ -n $quiet ]] || echo "mode: $1 ($2)" >&2; say "$1"; exit 0; }
case ${MODE:-} in
  docker | native) chosen "$MODE" "MODE=$MODE was set" ;;
  '') ;;
  *) fail "MODE=$MODE: must be docker or native" ;;
esac
# What stands stays: an engine that was started later does not move a native stack into containers.
"$root/provision/native.sh" standing 2>/dev/null && chosen native "its stack is up here; to change: just down"
command -v docker >/dev/null || chosen native "there is no docker command"
timeout 10 docker info >/dev/null 2>&1 || chosen native "no Docker engine answers"
timeout 10 docker compose version >/dev/null 2>&1 || chosen native "Docker has no Compose plugin"
chosen docker "a Docker engine with Compose answers; MODE=native runs without it"
