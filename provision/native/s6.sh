# Sourced by native.sh: asks s6 what runs, and tells it what shall.
# shellcheck shell=bash disable=SC2154 # native.sh and render.sh set what is used here

at() { say "$state/run/service/$1"; }

# The manager's pid while it runs, else nothing. (A pid alone may have become another program's.)
manager_pid() {
  local pid words=()
  pid=$(cat "$state/run/manager.pid" 2>/dev/null) || return 0
  [[ $pid =~ ^[0-9]+$ ]] && ((pid > 1)) || return 0
  mapfile -d '' -t words 2>/dev/null <"/proc/$pid/cmdline" || return 0
  [[ ${words[1]-} != "$root/provision/native/manager.sh" ]] || say "$pid"
}
standing() { [[ -n $(manager_pid) ]]; }
wait_standing() {
  local deadline=$((SECONDS + 10))
  until standing && s6-svscanctl -a "$state/run/service" 2>/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# How often a service has ended since `up` began.
ends_of() { s6-svdt "$(at "$1")" 2>/dev/null | wc -l; }
forget_ends() {
  local name
  for name in "${services[@]}"; do s6-svdt-clear "$(at "$name")" 2>/dev/null || true; done
}
# seconds_up NAME: for how long its process has run; nothing when there is none. (Not what s6-svstat says: that is a file,
# which a full disk leaves as it was.)
seconds_up() {
  local pid parent seconds
  read -r pid 2>/dev/null <"$(at "$1")/group" || true
  [[ $pid =~ ^[0-9]+$ ]] && ((pid > 1)) || return 0
  read -r parent seconds < <(ps -o ppid=,etimes= -p "$pid") && [[ $(ps -o comm= -p "$parent") == s6-supervise ]] && say "$seconds"
  return 0
}

# restart NAME: ends it (by force after 12 s), and lets it be started. (`s6-svc -d -wD` would return before its `-d` is sent
# when the service is down already, as it is between two tries; the `-u` then came first, and it stayed down.)
restart() {
  local left
  s6-svc -d "$(at "$1")"
  for ((left = 150; left > 0; left--)); do
    [[ -n $(seconds_up "$1") ]] || break
    sleep 0.1
  done
  s6-svc -u "$(at "$1")"
}

# Remembers with which settings each service is started.
keep_settings() {
  local name
  for name in "${services[@]}"; do cp "$(at "$name")/settings" "$(at "$name")/running"; done
}

# Removes the services that there shall not be any more: a database of our own, say.
drop_others() {
  local one part left
  for one in "$state"/run/service/*/; do
    one=$(basename "$one")
    [[ " ${services[*]} " != *" $one "* ]] || continue
    for part in "$(at "$one")" "$(at "$one")/log"; do
      s6-svc -xd "$part" 2>/dev/null || continue
      for ((left = 150; left > 0; left--)); do
        s6-svok "$part" || break
        sleep 0.1
      done
    done
    rm -rf "$(at "$one")"
  done
}

# Starts what is new, restarts what changed, and leaves the rest alone.
apply() {
  local name changed=()
  drop_others
  for name in "${services[@]}"; do
    cmp -s "$(at "$name")/settings" "$(at "$name")/running" || changed+=("$name")
  done
  keep_settings
  s6-svscanctl -an "$state/run/service"
  for name in "${changed[@]}"; do
    if s6-svok "$(at "$name")"; then say "native: restarting $name, whose settings changed" && restart "$name"; fi
  done
}

# An earlier version ran under supervisord, whose services have our ports.
end_supervisord() {
  local pid deadline=$((SECONDS + 40))
  pid=$(cat "$state/run/supervisord.pid" 2>/dev/null) || return 0
  [[ $pid =~ ^[0-9]+$ ]] && ((pid > 1)) && [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *supervisord* ]] || return 0
  say "native: stopping the services of an earlier version"
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < deadline)) || fail "supervisord (process $pid) does not stop; end it by hand"
    sleep 0.1
  done
  rm -f "$state"/run/supervisor* "$state"/log/*.log*
}

# The last line of a service's log that tells of trouble, else its last line.
last_words() {
  local lines
  lines=$(tail -qn 400 "$state/log/$1"/@* "$state/log/$1/current" 2>/dev/null | grep -v -e '^[[:space:]]*$' -e 'Aborting$') || true
  { grep -iE 'error|fail|refused|denied|machine-manager:|emerg|abort|waiting' <<<"$lines" || printf '%s\n' "$lines"; } | tail -n 1 | cut -c1-300
}

# down_since NAME: when the last row of ends began, each within 15 s of the one before; nothing when it has run since.
# (Seconds since 1970.)
down_since() {
  local ends time first='' last=0
  mapfile -t ends < <(s6-svdt "$(at "$1")" 2>/dev/null | s6-tai64nlocal | cut -c1-19 | date -f - +%s 2>/dev/null)
  for time in "${ends[@]}"; do
    if ((time - last > 15)); then first=$time; fi
    last=$time
  done
  [[ -z $first ]] || (($(date +%s) - last > 15)) || say "$first"
}

# Whether a service does what it is there for; says why not.
works() {
  case $1 in
    # (As the account that MariaDB knows us by without a password.)
    db) mariadb-admin --no-defaults --socket="$outside/db/mysql.sock" --user="$(id -un)" --connect-timeout=3 ping >/dev/null 2>&1 ;;
    api) fetch -o /dev/null "$(api_url)/readyz" ;;
    nginx) [[ $(curl --silent --insecure --max-time 5 -o /dev/null -w '%{http_code}' "$(proxy_url)/healthz") != 000 ]] ;;
    *) true ;;
  esac
}

# A line for a service: since when it runs; or that it does not, since when and why.
status_of() {
  local seconds since
  seconds=$(seconds_up "$1") since=$(down_since "$1")
  if [[ -n $seconds ]] && { [[ -z $since ]] || ((seconds > 5)); }; then
    since=$(date -d "-$seconds seconds" '+%F %T')
    if works "$1"; then say "$1: up since $since" && return; fi
    say "$1: does not answer; it runs since $since. Its log: $(last_words "$1")"
  else
    since=$(date -d "@${since:-$(date +%s)}" '+%F %T')
    say "$1: DOWN since $since, tried again every second; it ended with $(s6-svdt "$(at "$1")" 2>/dev/null | tail -n 1 | cut -d ' ' -f 2-). Its log: $(last_words "$1")"
  fi
  return 1
}

first_down() {
  local name
  for name in db api scheduler nginx; do
    [[ ! -d $(at "$name") ]] || status_of "$name" >/dev/null || { say "$name" && return; }
  done
  say api
}

status() {
  local name bad=''
  if ! standing && by_systemd; then
    systemctl --no-pager --lines=1 status 'machine-manager-*'
    return
  fi
  if ! standing; then say "native: nothing runs; start it with: just run" && return 1; fi
  for name in db api scheduler nginx; do
    [[ ! -d $(at "$name") ]] || status_of "$name" || bad=1
  done
  if fetch -o /dev/null "$(proxy_url)/readyz"; then say "ready: $(public_url)"; else
    say "$(public_url) does not answer; look at: just logs"
    return 1
  fi
  [[ -z $bad ]]
}
