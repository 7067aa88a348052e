#!/usr/bin/env bash
# `just clean`: ends all reservations and removes both stacks of this checkout, demo machines, .local and .env.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ $# == 0 ]] || { say "usage: provision/clean.sh   (leaves no process, mount, file or account of this checkout; packages stay)"; exit 2; }
cd "$root"
# Asked before the native stack is gone, whose standing decides it.
mode=$(provision/mode.sh -q)
if [[ $mode == native || -d $state/run || -d $state/machines ]]; then provision/native.sh clean; fi
if [[ $mode == docker || -d $state/docker ]]; then provision/docker.sh clean; fi
