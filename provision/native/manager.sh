#!/usr/bin/env bash
# Keeps the services of the native stack running: s6-svscan restarts each a second after it ends, without end.
# usage: provision/native/manager.sh FOLDER   (a folder for each service, as services.ts makes them; SIGTERM ends all)
# If s6-svscan itself is killed, what it left is ended and it is restarted; if this script is killed, the kernel ends
# s6-svscan, and that ends everything else: no partial stack keeps running.
set -uo pipefail
folder=$1 stopping='' svscan=''

# shellcheck disable=SC2329 # called by the trap
stop() {
  stopping=1
  [[ -z $svscan ]] || kill -TERM "$svscan" 2>/dev/null
}
trap stop TERM INT HUP

# Ends the supervisors that a killed s6-svscan left, their services first.
end_left() {
  local service left
  for service in "$folder"/*/ "$folder"/*/log/; do s6-svc -xd "$service" 2>/dev/null; done
  for ((left = 150; left > 0; left--)); do
    for service in "$folder"/*/ "$folder"/*/log/; do s6-svok "$service" && sleep 0.1 && continue 2; done
    return
  done
}

end_left
while [[ -z $stopping ]]; do
  setpriv --pdeathsig TERM s6-svscan "$folder" &
  svscan=$!
  # A signal interrupts `wait`.
  while [[ -z $stopping ]] && kill -0 "$svscan" 2>/dev/null; do wait "$svscan"; done
  [[ -z $stopping ]] || break
  echo "s6-svscan has ended; starting it again"
  end_left
  sleep 1
done

# A process that left its group keeps its logger open, which would wait for its output without end.
for ((left = 140; left > 0; left--)); do
  kill -0 "$svscan" 2>/dev/null || exit 0
  sleep 0.1
done
for service in "$folder"/*/log/; do s6-svc -xd "$service" 2>/dev/null; done
wait "$svscan"
