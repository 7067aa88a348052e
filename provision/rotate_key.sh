#!/usr/bin/env bash
# `just rotate-key`: a new SECRET_KEY. Everything that the old one encrypts is encrypted anew while the service runs; then
# API and scheduler are started with the new one, and the old one opens nothing any more. Stopped in between, run it again.
set -euo pipefail
from_shell=${SECRET_KEY-}${SECRET_KEY_FILE-}
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
(($# == 0)) || { say "usage: provision/rotate_key.sh   makes a new SECRET_KEY, and encrypts all secrets anew with it"; [[ $1 == -h || $1 == --help ]]; exit; }
[[ -f $root/.env ]] || fail ".env is missing; make it with: just setup"
[[ -z $from_shell ]] || fail "SECRET_KEY comes from the shell, where it can't be changed for good; unset it there, and have it in .env"
load_env
mode=$("$root/provision/mode.sh" -q)
stack=$root/provision/$mode.sh
"$stack" status >/dev/null || fail "the stack does not run; start it with: just run"

# Kept until all is done, so that a run that was cut off is gone on with, and no key is lost in between.
next=$state/next_secret_key
[[ -s $next ]] || (umask 077 && openssl rand -base64 32 >"$next.new" && sync "$next.new" && mv "$next.new" "$next")
key=$(<"$next")

# Writes the key to where the old one was.
keep_key() {
  local to=${SECRET_KEY_FILE:-$root/.env} new
  new=$(mktemp "$to.XXXXXX")
  # As open or closed as the file was.
  cat -- "$to" >"$new" && chmod --reference="$to" "$new" && chown --reference="$to" "$new"
  if [[ -n ${SECRET_KEY_FILE-} ]]; then printf '%s\n' "$key" >"$new"; else
    # The key goes through the environment of awk: no process list shows it.
    KEY=$key awk '/^(export )?SECRET_KEY=/ { print "SECRET_KEY=" ENVIRON["KEY"]; next } { print }' "$to" >"$new"
  fi
  sync "$new"
  mv "$new" "$to"
}

if [[ $(secret SECRET_KEY) != "$key" ]]; then
  "$stack" program rotate-key <"$next"
  keep_key
  say "rotate-key: the new key is in ${SECRET_KEY_FILE:-.env}; API and scheduler are started with it"
fi
"$stack" up
"$stack" program rotate-key --finish
rm -f "$next"
say "rotate-key: done. Keep a copy of the new key; the old one opens nothing any more, but what is in old backups"
