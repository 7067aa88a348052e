#!/usr/bin/env bash
# The stack without containers: MariaDB, API, scheduler and nginx under s6, with everything they keep in .local.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/provision/native/render.sh"
. "$root/provision/native/s6.sh"
. "$root/provision/native/systemd.sh"
mode=native

usage() {
  cat <<'USAGE'
usage: provision/native.sh COMMAND

  up         starts what does not stand yet, and waits until it answers
  up-dev     the same, and API and scheduler start anew when a source file changes
  down       stops it; the database stays
  reset      ends all reservations, deletes the database, and starts anew (reset-dev: as up-dev)
  owner      runs a command of the program as the database's owner: owner prune-events --older-than 365d
  status     what runs, and whether it answers
  logs       the last 200 lines of each log, or of: db, api, scheduler, nginx (-f: go on as they grow)
  install-systemd, uninstall-systemd
             the services as units of systemd, which starts them at each boot; these are gone again
  units      writes these units into a folder, to be looked at: units FOLDER
  program    runs a command of the program with its own settings: program rotate-key --finish
  clean      ends all reservations; removes stack, database, demo machines, .local, .env and provision/machines.txt

Settings come from .env and from the environment (which wins); .env.example explains each.
USAGE
}

# Where the services see .local, the program's sources and their sockets, and where we see the sockets. A socket's path
# holds 107 bytes.
inside=$state app=$root sockets=$state/run outside=$state/run
if is_root; then
  inside=/mnt
  # What is mounted there hides what lies there.
  [[ $root/ != /mnt/* ]] || inside=/media
  app=$inside/run/app sockets=$inside/run
elif ((${#sockets} > 80)); then
  sockets=/tmp/machine-manager-$(id -u)-$(printf %s "$root" | sha256sum | cut -c1-16)
  outside=$sockets
fi

fetch() { curl --silent --insecure --fail --max-time 5 "$@"; }
api_url() { say "http://${HOST:-127.0.0.1}:${PORT:-3000}"; }
proxy_url() {
  local address=${PUBLISH_ADDRESS:-127.0.0.1}
  [[ $address != 0.0.0.0 ]] || address=127.0.0.1
  say "https://$address:$(https_port)"
}

check_settings() {
  local name port need
  [[ -f $root/.env ]] || fail ".env is missing; make it with: just setup"
  accounts_sql localhost >/dev/null
  [[ -z $(secret DATABASE_OWNER_URL) || -n $(secret DATABASE_URL) ]] || fail "DATABASE_OWNER_URL is set, and DATABASE_URL is not; set both, or neither"
  is_root || [[ $root =~ ^[A-Za-z0-9_/.+@-]+$ ]] || fail "the path $root has a character that nginx or a shell would misread; move the checkout"
  for name in "HTTPS_PORT $(https_port)" "HTTP_PORT $(http_port)" "PORT ${PORT:-3000}"; do
    port=${name#* }
    [[ $port =~ ^[0-9]{1,5}$ ]] && ((port > 0 && port < 65536)) || fail "${name% *}=$port: must be a port, 1 to 65535"
    if ! is_root && ((port < $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024))); then
      fail "${name% *}=$port: only root may use this port; take another, for example ${name% *}=$((port + 8000))"
    fi
  done
  is_loopback "${PUBLISH_ADDRESS:-127.0.0.1}" || [[ -n $(secret ADMIN_TOKEN) ]] ||
    fail "PUBLISH_ADDRESS=$PUBLISH_ADDRESS publishes the API beyond this machine: set ADMIN_TOKEN in .env, or PUBLISH_ADDRESS=127.0.0.1"
  for need in s6-svscan:s6 mariadbd:mariadb-server nginx:nginx bun:bun curl:curl; do
    command -v "${need%:*}" >/dev/null || fail "${need#*:} is missing; install it with: just setup"
  done
}

# Whether a process was started by our manager.
is_ours() {
  local pid=$1 top
  top=$(manager_pid)
  while [[ -n $top && $pid =~ ^[0-9]+$ ]] && ((pid > 1)); do
    [[ $pid != "$top" ]] || return 0
    pid=$(ps -o ppid= -p "$pid" | tr -d ' ')
  done
  return 1
}

# free_port NAME ADDRESS PORT: stops with the name of the process that has the port.
free_port() {
  local line at pid owner
  while read -r line; do
    at=$(awk '{ print $4 }' <<<"$line")
    [[ $2 == 0.0.0.0 || ${at%:*} == "$2" || ${at%:*} == 0.0.0.0 || ${at%:*} == '*' || ${at%:*} == '[::]' ]] || continue
    pid=$(sed -nE 's/.*pid=([0-9]+).*/\1/p' <<<"$line")
    [[ -n $pid ]] && is_ours "$pid" && continue
    owner=$(sed -nE 's/.*users:\(\("([^"]*)".*/\1/p' <<<"$line")
    owner=${owner:+$owner (process $pid)}
    fail "port $3 is taken by ${owner:-a process of another user}; end that, or take another port: $1=$(($3 < 1024 ? $3 + 8000 : $3 + 100)) just run"
  done < <(ss -ltnpH "sport = :$3")
}

check_ports() {
  local address=${PUBLISH_ADDRESS:-127.0.0.1}
  free_port HTTPS_PORT "$address" "$(https_port)"
  free_port HTTP_PORT "$address" "$(http_port)"
  free_port PORT "${HOST:-127.0.0.1}" "${PORT:-3000}"
}

# In a subshell: settings of the shell that we were called from are not for the services, which would inherit them.
unset_settings() {
  local name
  for name in $(setting_names); do unset "$name"; done
}

launch() {
  local bun tell
  bun=$(readlink -f "$(command -v bun)")
  rm -f "$state/run/bun" "$outside/db/mysql.sock"
  [[ -d $outside ]] || mkdir -m 700 "$outside"
  [[ -O $outside ]] || fail "$outside belongs to somebody else; remove it"
  if is_root; then : >"$state/run/bun"; else ln -s "$bun" "$state/run/bun"; fi
  # What the manager says, also of what it can't start, goes into a log that rotates.
  # shellcheck disable=SC2016
  tell='exec "$0" "$1" > >(exec s6-log n1 s1000000 "$2") 2>&1'
  tell=(bash -c "$tell" "$root/provision/native/manager.sh" "$state/run/service" "$state/log/manager")
  if is_root; then
    # A mount namespace: what is mounted here is seen by the services only, and goes when the last of them goes.
    # shellcheck disable=SC2016
    tell=(unshare --mount --propagation slave bash -c '
      mount --bind "$1" "$2" && mount --bind "$3" "$2/run/bun" && shift 3 && exec "$@"
    ' - "$state" "$inside" "$bun" "${tell[@]}")
  fi
  (unset_settings && cd "$state" && exec setsid "${tell[@]}") </dev/null >"$state/log/start.log" 2>&1 9>&- &
  say "$!" | put "$state/run/manager.pid"
  disown "$!"
  wait_standing || { cat "$state/log/start.log" >&2; fail "s6-svscan did not start (as root it needs the right to mount: in a container, CAP_SYS_ADMIN)"; }
}

# Shows why a service does not come up, and stops.
give_up() {
  if by_systemd; then fail "$1 $2; look at: journalctl -u machine-manager-$1. After mending it: just install-systemd"; fi
  say "--- the end of .local/log/$1/current:" >&2
  tail -n 15 "$state/log/$1/current" >&2 || true
  fail "$1 $2; all of its log: just logs $1. It is tried again every second; after mending it: just run"
}

# Runs one of the program's commands as the database's owner. Its URL goes through the environment, which no process list
# shows; API and scheduler never get it.
owner() {
  local own_url owner_url days=${EVENTS_DAYS-}
  own_url=$(secret DATABASE_URL) owner_url=$(secret DATABASE_OWNER_URL)
  if [[ -z $own_url ]] && ! asks_help "$@"; then
    accounts_sql localhost >/dev/null # whether the passwords are there
    # Relative, since a socket's path is short.
    own_url=$(database_url machine_manager "$DATABASE_PASSWORD" db/mysql.sock)
    owner_url=$(database_url machine_manager_owner "$DATABASE_OWNER_PASSWORD" db/mysql.sock)
  fi
  (
    unset_settings
    export DATABASE_URL=$own_url DATABASE_OWNER_URL=$owner_url EVENTS_DAYS=$days
    [[ ! -d $outside ]] || cd "$outside"
    exec bun --no-env-file "$root/server.ts" "$@"
  )
}

# Runs one of the program's commands with the program's own settings.
program() {
  local url key
  url=$(secret DATABASE_URL) key=$(secret SECRET_KEY)
  [[ -n $url ]] || url=$(database_url machine_manager "$DATABASE_PASSWORD" db/mysql.sock)
  (
    unset_settings
    export DATABASE_URL=$url SECRET_KEY=$key
    [[ ! -d $outside ]] || cd "$outside"
    exec bun --no-env-file "$root/server.ts" "$@"
  )
}

# Brings the tables up to date once the database is there; API and scheduler wait for that.
migrate() {
  local deadline=$((SECONDS + 120))
  if [[ -n $(secret DATABASE_URL) ]]; then
    [[ -n $(secret DATABASE_OWNER_URL) ]] || return 0 # then the program does it itself
  else
    until [[ -S $outside/db/mysql.sock ]]; do
      (($(ends_of db) < 4)) || give_up db "does not start"
      ((SECONDS < deadline)) || give_up db "is not ready after 120 s"
      sleep 0.2
    done
  fi
  owner migrate | sed 's/^/native: /' || fail "the tables are not up to date: see above. After mending it: just run"
}

wait_ready() {
  local deadline=$((SECONDS + 120)) seen='' service seconds
  until fetch -o /dev/null "$(proxy_url)/readyz"; do
    for service in "${services[@]}"; do
      (($(ends_of "$service") < 4)) || give_up "$service" "does not start"
    done
    if [[ $seen != *db* && -S $outside/db/mysql.sock ]]; then seen+=db && say "native: database is up"; fi
    if [[ $seen != *api* ]] && fetch -o /dev/null "$(api_url)/healthz"; then seen+=api && say "native: API is up"; fi
    if ((SECONDS > deadline)); then
      status >&2 || true
      give_up "$(first_down)" "is not ready after 120 s"
    fi
    sleep 0.2
  done
  # The scheduler has no port: it is up when it has run for three seconds.
  until seconds=$(seconds_up scheduler) && ((${seconds:-0} >= 3)); do
    if (($(ends_of scheduler) >= 4 || SECONDS > deadline)); then give_up scheduler "does not start"; fi
    sleep 0.2
  done
  say "native: ready at $(public_url)"
}

locked() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock --wait 150 9 || fail "another native.sh works on this checkout; try again when it is done"
}

# The program's own copy, which is all that it sees of this checkout.
copy_sources() {
  if ! is_root; then return; fi
  bun --no-env-file "$root/provision/native/sources.ts" "$root" "$state/run/app" || fail "the sources can't be copied to .local/run/app"
}

up() {
  local dev=$1
  check_settings
  locked
  end_supervisord
  check_ports
  copy_sources
  render "$dev"
  if standing; then apply; else
    say "native: starting database, API, scheduler and nginx (logs in .local/log)"
    drop_others
    keep_settings
    launch
  fi
  forget_ends
  migrate
  wait_ready
}

down() {
  local pid deadline=$((SECONDS + 40))
  if ! standing; then say "native: nothing runs" && return; fi
  pid=$(manager_pid)
  say "native: stopping"
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < deadline)) || fail "the manager (process $pid) does not stop; look at .local/log"
    sleep 0.1
  done
  rm -f "$outside/db/mysql.sock" "$state/run/manager.pid"
  say "native: stopped"
}

# Whoever deletes the database also ends what only the database knows: the accounts on the machines.
release_all() {
  local token
  fetch -o /dev/null "$(api_url)/readyz" || { say "native: no API answers, so no reservation was ended" && return; }
  token=$(secret ADMIN_TOKEN)
  # The token goes through standard input, where no process list shows it.
  printf '%s' "${token:+header = \"Authorization: Bearer $token\"}" |
    curl --silent --show-error --max-time 60 --request POST --config - "$(api_url)/release_all" || true
  say ""
}

remove_database() { rm -rf --one-file-system "$state/mysql"; }

clean() {
  local mounts
  release_all
  down
  if command -v ansible-playbook >/dev/null; then "$root/provision/playbook.sh" unprovision native; fi
  mounts=$(awk -v at="$state/" 'index($5 "/", at) == 1 { print $5 }' /proc/self/mountinfo)
  [[ -z $mounts ]] || fail "still mounted, so nothing was deleted: $mounts"
  rm -rf --one-file-system "$state"/{ansible,certificate,log,machines,mysql,nginx,run,lock}
  if [[ $outside == /tmp/* ]]; then rm -rf --one-file-system "$outside"; fi
  if [[ -d $state/docker ]]; then
    say "native: .env and .local/docker stay: they belong to the stack in Docker as well"
  else
    rm -rf --one-file-system "$state"
    rm -f "$root/.env" "$root/provision/machines.txt"
  fi
  say "native: clean"
}

logs() {
  local follow='' files=() name
  for name in "$@"; do
    case $name in
      -f) follow=-F ;;
      db | api | scheduler | nginx) files+=("$state/log/$name/current") ;;
      *) fail "logs: no such log: $name (there are db, api, scheduler and nginx; -f goes on)" ;;
    esac
  done
  ((${#files[@]})) || files=("$state"/log/{db,api,scheduler,nginx}/current)
  [[ -d $state/log ]] || fail "there are no logs yet; start the stack with: just run"
  tail -n 200 $follow "${files[@]}"
}

command=${1:-help}
shift || true
case $command in
  help | -h | --help) usage && exit ;;
  up | up-dev | down | reset | reset-dev | status | logs | program | clean | standing | owner | install-systemd | uninstall-systemd | units) load_env ;;
  *) usage >&2 && exit 2 ;;
esac
case $command in
  up) up "" ;;
  up-dev) up dev ;;
  reset | reset-dev)
    check_settings
    release_all
    down
    remove_database
    up "$(if [[ $command == reset-dev ]]; then echo dev; fi)"
    ;;
  logs | program) $command "$@" ;;
  units)
    check_settings
    [[ -d ${1:-} ]] || fail "units: name a folder"
    write_units "$(cd "$1" && pwd)"
    ;;
  owner)
    asks_help "$@" || [[ -n $(secret DATABASE_URL) ]] || standing || fail "nothing runs; start it with: just run"
    owner "$@"
    ;;
  *) ${command/-/_} ;;
esac
