#!/bin/sh
# In a container: runs a command, and restarts it a second after it ends, without end. Docker itself would wait longer each
# time, up to a minute. A signal that ends the container is passed on; when the command has then ended, so do we.
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
  # In its own process group, so that what it leaves can be killed: nginx's workers would keep its port.
  setsid "$@" &
  child=$!
  [ -z "$ending" ] || kill -s TERM "$child" 2>/dev/null
  # A signal interrupts `wait`.
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
