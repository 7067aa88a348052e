#!/usr/bin/env bash
# Registers machines with the running stack: a file of them, or one whose password is asked for.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
usage() {
  cat <<'USAGE'
usage: provision/register.sh FILE                  lines of `name host port user password`
       provision/register.sh NAME HOST PORT USER   asks for the password (or reads it from standard input)
USAGE
}
cd "$root"
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage; exit 0; }
[[ $# == 1 || $# == 4 ]] || { usage >&2; exit 2; }
mode=$(provision/mode.sh -q)
load_env
command -v bun >/dev/null || fail "bun is missing; install it with: just setup"

# The token is handed on in the environment, the password on standard input: neither shows in a process list.
ADMIN_TOKEN=$(secret ADMIN_TOKEN)
export ADMIN_TOKEN
if [[ $mode == native ]]; then
  to=(--url "http://${HOST:-127.0.0.1}:${PORT:-3000}")
else
  # On loopback the certificate needs no name; anywhere else it must be the one that we serve.
  to=(--url "$(public_url)")
  is_loopback "${PUBLISH_ADDRESS:-127.0.0.1}" || [[ $PUBLISH_ADDRESS == 0.0.0.0 ]] || to+=(--ca "$state/docker/tls/cert.pem")
fi
register() { bun --no-env-file provision/register.ts "${to[@]}" --file "$1"; }

if [[ $# == 1 ]]; then
  register "$1"
else
  if [[ -t 0 ]]; then
    read -rsp "Password of $4 on $2: " password && echo >&2
  else
    IFS= read -r password || [[ -n $password ]]
  fi
  [[ -n $password ]] || fail "no password given"
  [[ "$1$2$3$4$password" != *[[:space:]]* ]] || fail "neither the password nor the other values may hold spaces; such a machine is registered with POST /machines"
  register /dev/stdin <<<"$1 $2 $3 $4 $password"
fi
