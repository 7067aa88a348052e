#!/usr/bin/env bash
# What s6 or systemd runs: one service of the native stack, with only the rights that it needs.
# usage: provision/native/service.sh db|nginx|api|scheduler|web|sources [--watch]
# Environment: STATE is .local and APP the program's sources, as the services see them; CHECKOUT identifies the checkout.
set -euo pipefail
# shellcheck disable=SC2153 # the environment has them
service=$1 watch=${2:-} state=$STATE by_systemd=${BY_SYSTEMD-}
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
is_root() { [[ $(id -u) == 0 ]]; }
cd "$state"

# Replaces this script with the service. If its supervisor is killed, the kernel ends it as well.
# (systemd does that itself, and blocks the system call that setpriv uses.)
run() {
  if [[ -n $by_systemd ]] && ! is_root; then exec "$@"; fi
  exec setpriv --pdeathsig TERM "$@"
}
# The same as another OS user that can't gain any rights (only as root; otherwise we already are that user).
run_as() {
  local uid=$1 gid=$2
  shift 2
  if ! is_root; then run "$@"; fi
  run --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
}

# What root must do before MariaDB starts.
db_files() {
  local socket
  my=$state/mysql
  uid=$(id -u mysql 2>/dev/null || id -u) gid=$(id -g mysql 2>/dev/null || id -g)
  socket=$(sed -n 's/^socket = //p' "$my/my.cnf")
  mkdir -p "${socket%/*}" && chmod 755 "${socket%/*}"
  if is_root; then chown "$uid:$gid" "${socket%/*}" "$my/init.sql"; fi
  if [[ ! -d $my/data ]]; then
    # Made next to its final place and moved there complete, so that half a database is never mistaken for a whole one.
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
# (Under systemd it is www-data from the start, writes to its own folder, and can't open /dev/stdout, which is a socket.)
nginx_() {
  local prefix=${RUNTIME_DIRECTORY:-$state/nginx}
  mkdir -p "$prefix/tmp"
  [[ ! -S /proc/self/fd/1 ]] || exec > >(exec cat) 2>&1
  run nginx -p "$prefix/" -c "$prefix/nginx.conf" -e stderr -g 'daemon off;'
}

program() {
  # shellcheck disable=SC2153
  local name line uid number=$CHECKOUT app=$APP settings=${RUNTIME_DIRECTORY:-$state/run}/program.env
  # Only the settings that `up` wrote; nothing else from the shell that it was called from.
  for name in $(compgen -e); do [[ $name == PATH || $name == LANG ]] || unset "$name" 2>/dev/null || true; done
  # shellcheck disable=SC2163 # the line is NAME=VALUE
  while IFS= read -r line; do export "$line"; done <"$settings"
  export HOME=/nonexistent BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 SCHEDULER=false
  [[ $service == api ]] || export SCHEDULER=true
  # A separate uid from a range that no OS account has, so that neither root's files nor the database's are accessible.
  uid=$((61184 + 0x${number:0:4} % 4096))
  cd "$app"
  run_as "$uid" "$uid" "$state/run/bun" --no-env-file ${watch:+--watch --no-clear-screen} server.ts
}

# In run-dev: copies each edit of the checkout to the copy that the program runs from.
sources() { run "$state/run/bun" --no-env-file "$checkout/provision/native/sources.ts" "$checkout" "$APP" --follow; }

# In run-dev: builds the dashboard after each edit.
web() { run "$state/run/bun" --no-env-file "$checkout/web/build.ts" --watch; }

# Under systemd, as root before the service starts: files that only root may read, for its OS user alone.
hand_over() {
  install -m 400 -- "$@" "$RUNTIME_DIRECTORY/"
  chown --reference="$RUNTIME_DIRECTORY" -- "$RUNTIME_DIRECTORY"/*
}

case $service in
  db | sources | web) $service ;;
  db-files) db_files ;;
  hand-over) hand_over "${@:2}" ;;
  nginx) nginx_ ;;
  api | scheduler) program ;;
  *) echo "service.sh: no such service: $service" >&2; exit 2 ;;
esac
