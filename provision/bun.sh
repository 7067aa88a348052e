#!/bin/sh
# Runs one of the scripts here with Bun, or says how to set up. usage: provision/bun.sh FILE ARGUMENT…
if ! command -v bun >/dev/null || [ ! -d node_modules ]; then
  echo "This checkout isn't set up yet; type: just setup" >&2
  exit 1
fi
exec bun --no-env-file "$@"
