#!/usr/bin/env bash
# The stack without containers: MariaDB, API, scheduler and nginx under supervisord, with everything they keep in .local.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/provision/native/render.sh"
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
  program    runs a command of the program with its own settings: program rotate-key --finish
  clean      ends all reservations; removes stack, database, demo machines, .local, .env and provision/machines.txt

Settings come from .env and from the environment (which wins); .env.example explains each.
USAGE
}

# Where the services see the checkout and their sockets, and where we see the sockets. A socket's path holds 107 bytes.
inside=$root sockets=$state/run outside=$state/run
if is_root; then
  inside=/mnt sockets=/mnt/.local/run
elif ((${#sockets} > 80)); then
  sockets=/tmp/machine-manager-$(id -u)-$(printf %s "$root" | sha256sum | cut -c1-16)
  outside=$sockets
fi

ctl() { (cd "$outside" && supervisorctl -c "$state/run/supervisord.conf" -s unix://supervisor.sock "$@" 9>&-); }
standing() { [[ -S $outside/supervisor.sock ]] && ctl pid >/dev/null 2>&1; }
supervisor_pid() { cat "$state/run/supervisord.pid" 2>/dev/null || true; }
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
  is_root || [[ $root =~ ^[A-Za-z0-9_/.+@-]+$ ]] || fail "the path $root has a character that nginx or supervisord would misread; move the checkout"
  for name in "HTTPS_PORT $(https_port)" "HTTP_PORT $(http_port)" "PORT ${PORT:-3000}"; do
    port=${name#* }
    [[ $port =~ ^[0-9]{1,5}$ ]] && ((port > 0 && port < 65536)) || fail "${name% *}=$port: must be a port, 1 to 65535"
    if ! is_root && ((port < $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024))); then
      fail "${name% *}=$port: only root may use this port; take another, for example ${name% *}=$((port + 8000))"
    fi
  done
  is_loopback "${PUBLISH_ADDRESS:-127.0.0.1}" || [[ -n $(secret ADMIN_TOKEN) ]] ||
    fail "PUBLISH_ADDRESS=$PUBLISH_ADDRESS publishes the API beyond this machine: set ADMIN_TOKEN in .env, or PUBLISH_ADDRESS=127.0.0.1"
  for need in supervisord:supervisor mariadbd:mariadb-server nginx:nginx bun:bun curl:curl; do
    command -v "${need%:*}" >/dev/null || fail "${need#*:} is missing; install it with: just setup"
  done
}

# Whether a process was started by our supervisord.
is_ours() {
  local pid=$1 top
  top=$(supervisor_pid)
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

# The services run as other users than root, so with a strict umask (077) they could not read the sources. Private things
# stay as they are.
open_sources() {
  local skip=(-path "$state" -o -path "$root/.git" -o -path "$root/.env*" -o -path "$root/nginx/certs" -o -name machines.txt)
  local closed=('(' -type d ! -perm -055 -o -type f ! -perm -044 ')')
  [[ -n $(find "$root" '(' "${skip[@]}" ')' -prune -o "${closed[@]}" -print -quit) ]] || return 0
  say "native: letting other users read the sources here (not .env, .git, .local), since the services run as such"
  find "$root" '(' "${skip[@]}" ')' -prune -o "${closed[@]}" -exec chmod go+rX {} +
}

# In a subshell: settings of the shell that we were called from are not for the services, which would inherit them.
unset_settings() {
  local name
  for name in $(setting_names); do unset "$name"; done
}

launch() {
  local bun
  bun=$(readlink -f "$(command -v bun)")
  rm -f "$state/run/bun" "$outside/supervisor.sock" "$outside/db/mysql.sock"
  if is_root; then
    # A mount namespace: what is mounted here is seen by the services only, and goes when the last of them goes.
    : >"$state/run/bun"
    open_sources
    # shellcheck disable=SC2016
    (unset_settings && unshare --mount --propagation slave bash -c '
      mount --bind "$1" /mnt && mount --bind "$2" /mnt/.local/run/bun && cd /mnt && exec supervisord -c .local/run/supervisord.conf
    ' - "$root" "$bun") </dev/null >"$state/log/start.log" 2>&1 9>&- ||
      { cat "$state/log/start.log" >&2; fail "supervisord did not start (as root it needs the right to mount: in a container, CAP_SYS_ADMIN)"; }
  else
    ln -s "$bun" "$state/run/bun"
    [[ -d $outside ]] || mkdir -m 700 "$outside"
    [[ -O $outside ]] || fail "$outside belongs to somebody else; remove it"
    (unset_settings && cd "$root" && supervisord -c "$state/run/supervisord.conf") </dev/null >"$state/log/start.log" 2>&1 9>&- ||
      { cat "$state/log/start.log" >&2; fail "supervisord did not start: see above"; }
  fi
}

# Shows why a service does not come up, and stops.
give_up() {
  say "--- the end of .local/log/$1.log:" >&2
  tail -n 15 "$state/log/$1.log" >&2 || true
  fail "$1 $2; all of its log: just logs $1. After mending it: just run"
}

# Runs one of the program's commands as the database's owner. Its URL goes through the environment, which no process list
# shows; API and scheduler never get it.
owner() {
  local own_url owner_url
  own_url=$(secret DATABASE_URL) owner_url=$(secret DATABASE_OWNER_URL)
  if [[ -z $own_url ]] && ! asks_help "$@"; then
    accounts_sql localhost >/dev/null # whether the passwords are there
    # Relative, since a socket's path is short.
    own_url=$(database_url machine_manager "$DATABASE_PASSWORD" db/mysql.sock)
    owner_url=$(database_url machine_manager_owner "$DATABASE_OWNER_PASSWORD" db/mysql.sock)
  fi
  (
    unset_settings
    export DATABASE_URL=$own_url DATABASE_OWNER_URL=$owner_url
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
      [[ $(ctl status db) != *FATAL* ]] || give_up db "does not start"
      ((SECONDS < deadline)) || give_up db "is not ready after 120 s"
      sleep 0.2
    done
  fi
  owner migrate | sed 's/^/native: /' || fail "the tables are not up to date: see above. After mending it: just run"
}

wait_ready() {
  local deadline=$((SECONDS + 120)) seen='' list service
  until fetch -o /dev/null "$(proxy_url)/readyz"; do
    list=$(ctl status || true)
    service=$(awk '$2 == "FATAL" || $2 == "EXITED" { print $1; exit }' <<<"$list")
    [[ -z $service ]] || give_up "$service" "does not start"
    if [[ $seen != *db* && -S $outside/db/mysql.sock ]]; then seen+=db && say "native: database is up"; fi
    if [[ $seen != *api* ]] && fetch -o /dev/null "$(api_url)/healthz"; then seen+=api && say "native: API is up"; fi
    if ((SECONDS > deadline)); then
      printf '%s\n' "$list" >&2
      give_up "$(awk '$2 != "RUNNING" { print $1; found = 1; exit } END { if (!found) print "api" }' <<<"$list")" "is not ready after 120 s"
    fi
    sleep 0.2
  done
  # The scheduler has no port: it is up when supervisord has seen it run for two seconds.
  until list=$(ctl status scheduler || true) && [[ $list == *RUNNING* ]]; do
    if [[ $list == *FATAL* ]] || ((SECONDS > deadline)); then give_up scheduler "does not start"; fi
    sleep 0.2
  done
  say "native: ready at $(public_url)"
}

locked() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock --wait 150 9 || fail "another native.sh works on this checkout; try again when it is done"
}

up() {
  local dev=$1 stopped
  check_settings
  locked
  check_ports
  render "$dev"
  if standing; then
    # Starts what is new or changed, restarts what changed, and leaves the rest alone.
    ctl update | sed 's/^/native: /'
    mapfile -t stopped < <(ctl status | awk '$2 ~ /STOPPED|EXITED|FATAL/ { print $1 }')
    ((${#stopped[@]} == 0)) || ctl start "${stopped[@]}" || true
  else
    say "native: starting database, API, scheduler and nginx (logs in .local/log)"
    launch
  fi
  migrate
  wait_ready
}

down() {
  local pid deadline=$((SECONDS + 40))
  pid=$(supervisor_pid)
  if ! standing; then say "native: nothing runs" && return; fi
  say "native: stopping"
  ctl shutdown >/dev/null
  while kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < deadline)) || fail "supervisord (process $pid) does not stop; look at .local/log"
    sleep 0.1
  done
  rm -f "$outside/db/mysql.sock"
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

status() {
  if ! standing; then say "native: nothing runs; start it with: just run" && return 1; fi
  ctl status || true
  if fetch -o /dev/null "$(proxy_url)/readyz"; then say "ready: $(public_url)"; else
    say "$(public_url) does not answer; look at: just logs"
    return 1
  fi
}

logs() {
  local follow='' files=() name
  for name in "$@"; do
    case $name in
      -f) follow=-F ;;
      db | api | scheduler | nginx) files+=("$state/log/$name.log") ;;
      *) fail "logs: no such log: $name (there are db, api, scheduler and nginx; -f goes on)" ;;
    esac
  done
  ((${#files[@]})) || files=("$state"/log/{db,api,scheduler,nginx}.log)
  [[ -d $state/log ]] || fail "there are no logs yet; start the stack with: just run"
  tail -n 200 $follow "${files[@]}"
}

command=${1:-help}
shift || true
case $command in
  help | -h | --help) usage && exit ;;
  up | up-dev | down | reset | reset-dev | status | logs | program | clean | standing | owner) load_env ;;
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
  owner)
    asks_help "$@" || [[ -n $(secret DATABASE_URL) ]] || standing || fail "nothing runs; start it with: just run"
    owner "$@"
    ;;
  *) $command ;;
esac
