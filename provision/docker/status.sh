# Sourced by docker.sh: which service is up, and of the others since when and why they are not.
# shellcheck shell=bash disable=SC2154 # docker.sh sets what is used here

# The times (seconds since 1970) at which the command of a service has ended, as again.sh in its container wrote them down.
# ends_of SERVICE SINCE
ends_of() {
  docker compose logs --no-log-prefix --timestamps --since "$2" "$1" 2>/dev/null |
    sed -n 's/^\(\x1b\[2K\)\?\([0-9TZ:.-]*\) again\.sh: .* ended with .*/\2/p' | cut -c1-19 | sed 's/$/Z/' | date -f - +%s 2>/dev/null || true
}

# The last line of a service's log that tells of trouble, else its last line.
last_words() {
  local lines
  lines=$(docker compose logs --no-log-prefix --tail 200 "$1" 2>/dev/null | sed 's/^\x1b\[2K//' | grep -v -e '^again\.sh: ' -e '^[[:space:]]*$' -e 'Aborting$') || true
  { grep -iE 'error|fail|refused|denied|machine-manager:|emerg|abort|waiting' <<<"$lines" || printf '%s\n' "$lines"; } | tail -n 1 | cut -c1-300
}

# A line for a service. 1 when it is not up.
status_of() {
  local id state health started finished end first='' last=0 now
  id=$(docker compose ps --all --quiet "$1" | head -n 1)
  [[ -n $id ]] || { say "$1: DOWN, it has no container"; return 1; }
  IFS=' ' read -r state health started finished < <(docker inspect --format \
    '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.StartedAt}} {{.State.FinishedAt}}' "$id")
  now=$(date +%s)
  # Ends within 15 s of the one before are one failure, which began with the first.
  for end in $(ends_of "$1" "$started"); do
    if ((end - last > 15)); then first=$end; fi
    last=$end
  done
  if [[ $state != running ]]; then
    say "$1: DOWN ($state) since $(date -d "$finished" '+%F %T'). Its log: $(last_words "$1")"
  elif ((now - last <= 5)); then
    say "$1: DOWN since $(date -d "@$first" '+%F %T'), tried again every second. Its log: $(last_words "$1")"
  else
    if ((last)); then started=@$last; fi
    started=$(date -d "$started" '+%F %T')
    if [[ $health != unhealthy ]]; then say "$1: up since $started" && return; fi
    say "$1: does not answer; it runs since $started. Its log: $(last_words "$1")"
  fi
  return 1
}

status() {
  local service bad=''
  for service in db api scheduler nginx; do status_of "$service" || bad=1; done
  if answers; then say "ready: $url"; else
    say "$url does not answer; start it with: just run"
    return 1
  fi
  [[ -z $bad ]]
}
