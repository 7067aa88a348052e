#!/usr/bin/env bash
# `just run`: from a bare machine to a pool in use. Run again, it starts what is missing and leaves the rest alone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
case ${1:-} in
  up | up-dev) ;;
  *) say "usage: provision/run.sh up|up-dev"; exit 2 ;;
esac
cd "$root"
mode=$(provision/mode.sh)
export MODE=$mode
provision/setup.sh
load_env

if [[ ${MACHINE_COUNT:-10} == 0 ]]; then
  say "machines: none made, as MACHINE_COUNT=0 says"
elif [[ $mode == native ]] && ! is_root; then
  say "machines: demo machines without Docker need root, so none were made; register your own with: just register-machine"
else
  say "machines: making demo machines"
  provision/playbook.sh provision "$mode"
fi
"provision/$mode.sh" "$1"
if [[ -f provision/machines.txt ]]; then provision/register.sh provision/machines.txt; fi

url=$(public_url)
if [[ $(secret ADMIN_TOKEN) ]]; then
  # shellcheck disable=SC2016
  header=' -H "Authorization: Bearer $ADMIN_TOKEN"'
fi
first=$(grep -vE '^[[:space:]]*(#|$)' provision/machines.txt 2>/dev/null | awk 'NR == 1 { print $3 }') || true
stop='just down' && [[ $mode == native ]] || stop='just docker-down'
cat <<END

Machine Manager runs at $url (mode: $mode)

Try next (-k, since the certificate is one of its own):
  curl -k${header-} "$url/reserve?username=alice&password=wonderland&count=1&duration=60"
and log in with the password above, at the host and port that it answers, for example:
  ssh -p ${first:-2221} alice@localhost

Pool:       curl -k${header-} $url/available
All calls:  $url/swagger
Stop:       $stop     Remove everything: just clean     ("just" not there? npx --yes rust-just ...)
END
