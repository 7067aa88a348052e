#!/bin/sh
# In a container: runs a command, and again a second after each of its ends, for ever. Docker itself would wait longer each
# time, up to a minute. A signal that ends the container is handed on, and then the command's end is ours.
# usage: again.sh COMMAND…
set -u
child='' ending=''
stop() {
  ending=1
  [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null
}
trap 'stop TERM' TERM INT
trap 'stop QUIT' QUIT
while :; do
  # In a process group of its own, so that what it leaves can be ended: nginx's workers would keep its port.
  setsid "$@" &
  child=$!
  [ -z "$ending" ] || kill -s TERM "$child" 2>/dev/null
  # A signal ends a `wait` early.
  while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  [ "$child" -gt 1 ] && kill -s KILL -- "-$child" 2>/dev/null
  [ -z "$ending" ] || exit "$status"
  echo "again.sh: $1 ended with $status; it is started again in a second" >&2
  sleep 1 &
  wait $!
  [ -z "$ending" ] || exit "$status"
done
