#!/usr/bin/env bash
# Makes an admin token: sets ADMIN_TOKEN in .env, unless there is one, and shows it this once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
(($# == 0)) || { say "usage: provision/token.sh   sets ADMIN_TOKEN in .env and shows it"; exit 2; }
[[ -f $root/.env ]] || fail ".env is missing; make it with: just setup"
load_env
[[ -z $(secret ADMIN_TOKEN) ]] ||
  fail "there is an admin token already; to change it, empty ADMIN_TOKEN in .env first. Tokens for people: POST /tokens"
token=$(openssl rand -hex 32)
new=$(mktemp "$root/.env.XXXXXX")
trap 'rm -f "$new"' EXIT
chmod 600 "$new"
# The token goes through the environment of awk: no process list shows it.
TOKEN=$token awk '/^#?ADMIN_TOKEN=/ && !done { print "ADMIN_TOKEN=" ENVIRON["TOKEN"]; done = 1; next } { print }
  END { if (!done) print "ADMIN_TOKEN=" ENVIRON["TOKEN"] }' "$root/.env" >"$new"
mv "$new" "$root/.env"
trap - EXIT
# The token alone on standard output, so that TOKEN=$(just token) has it.
say "The admin token, now in .env and shown this once:" >&2
say "$token"
say "It counts from the next start on: just run" >&2
say "Then: curl -k -H 'Authorization: Bearer TOKEN' $(mode=$("$root/provision/mode.sh" -q) public_url)/available" >&2
