#!/usr/bin/env bash
# What s6 or systemd runs: one service of the native stack, with the rights that it needs and no more.
# usage: provision/native/service.sh db|nginx|api|scheduler|sources [--watch]
# Environment: STATE is .local and APP the program's sources, as the services see them; CHECKOUT is the checkout's number.
set -euo pipefail
# shellcheck disable=SC2153 # the environment has them
service=$1 watch=${2:-} state=$STATE by_systemd=${BY_SYSTEMD-}
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
is_root() { [[ $(id -u) == 0 ]]; }
cd "$state"

# Runs the service in place of this script. When its supervisor is killed, the kernel ends it as well.
# (systemd does that by itself, and lets nobody call what setpriv calls.)
run() {
  if [[ -n $by_systemd ]] && ! is_root; then exec "$@"; fi
  exec setpriv --pdeathsig TERM "$@"
}
# The same as another user, who can gain no rights at all (root only; anybody else is that user already).
run_as() {
  local uid=$1 gid=$2
  shift 2
  if ! is_root; then run "$@"; fi
  run --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
}

# What root has to do before MariaDB is started.
db_files() {
  local socket
  my=$state/mysql
  uid=$(id -u mysql 2>/dev/null || id -u) gid=$(id -g mysql 2>/dev/null || id -g)
  socket=$(sed -n 's/^socket = //p' "$my/my.cnf")
  mkdir -p "${socket%/*}" && chmod 755 "${socket%/*}"
  if is_root; then chown "$uid:$gid" "${socket%/*}" "$my/init.sql"; fi
  if [[ ! -d $my/data ]]; then
    # Made beside its place and moved there whole, so that half a database is never mistaken for one.
    rm -rf "$my/new" "$my/tmp"
    mkdir -m 700 "$my/new" "$my/tmp"
    if is_root; then chown "$uid:$gid" "$my/new" "$my/tmp"; fi
    (run_as "$uid" "$gid" mariadb-install-db --defaults-file="$my/my.cnf" --datadir="$my/new" --skip-test-db \
      --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" >"$my/install.log" 2>&1) ||
      { cat "$my/install.log"; exit 1; }
    mv "$my/new" "$my/data"
  fi
}

db() {
  db_files
  run_as "$uid" "$gid" mariadbd --defaults-file="$my/my.cnf"
}

# nginx's master opens the ports and reads the key as root; its workers are www-data.
# (Under systemd it is www-data from the start, writes into a folder of its own, and has no /dev/stdout to open: that is a
# socket.)
nginx_() {
  local prefix=${RUNTIME_DIRECTORY:-$state/nginx}
  mkdir -p "$prefix/tmp"
  [[ ! -S /proc/self/fd/1 ]] || exec > >(exec cat) 2>&1
  run nginx -p "$prefix/" -c "$prefix/nginx.conf" -e stderr -g 'daemon off;'
}

program() {
  # shellcheck disable=SC2153
  local name line uid number=$CHECKOUT app=$APP settings=${RUNTIME_DIRECTORY:-$state/run}/program.env
  # Only the settings that `up` wrote down; nothing else of the shell that it was typed into.
  for name in $(compgen -e); do [[ $name == PATH || $name == LANG ]] || unset "$name" 2>/dev/null || true; done
  # shellcheck disable=SC2163 # the line is NAME=VALUE
  while IFS= read -r line; do export "$line"; done <"$settings"
  export HOME=/nonexistent BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 SCHEDULER=false
  [[ $service == api ]] || export SCHEDULER=true
  # A uid of its own from a range that no account has, so that neither root's files nor the database's are within reach.
  uid=$((61184 + 0x${number:0:4} % 4096))
  cd "$app"
  run_as "$uid" "$uid" "$state/run/bun" --no-env-file ${watch:+--watch --no-clear-screen} server.ts
}

# In run-dev: each edit of the checkout, into the copy that the program runs from.
sources() { run "$state/run/bun" --no-env-file "$checkout/provision/native/sources.ts" "$checkout" "$APP" --follow; }

# Under systemd, as root before the service: files that only root may read, for its user alone.
hand_over() {
  install -m 400 -- "$@" "$RUNTIME_DIRECTORY/"
  chown --reference="$RUNTIME_DIRECTORY" -- "$RUNTIME_DIRECTORY"/*
}

case $service in
  db | sources) $service ;;
  db-files) db_files ;;
  hand-over) hand_over "${@:2}" ;;
  nginx) nginx_ ;;
  api | scheduler) program ;;
  *) echo "service.sh: no such service: $service" >&2; exit 2 ;;
esac
