#!/usr/bin/env bash
# A native demo machine: SSH logins into private mount, PID, UTS, IPC and network namespaces, over an overlay of `/`.
# It has its own accounts, homes and processes, keeps them in memory, and leaves nothing on the host. Its network is only a
# private loopback: it reaches neither the host's services nor other machines, and is reachable only over SSH.
# machine-inside.sh sets up the inside of the machine, and machine-listen.pl lets clients in; both are in this folder.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: machine.sh start NAME PORT [--dir DIR] [--bind ADDR] [--password-stdin] [--privileged]
       machine.sh stop NAME [--dir DIR] [--keep-keys]
       machine.sh stop-all [--dir DIR]
       machine.sh list [--dir DIR]       a line a machine: name address port pid running|dead
       machine.sh guard [--dir DIR]      waits until its standard input ends, then does stop-all

  --dir DIR         where the machines' state is kept, a folder each (default: .local/machines)
  --bind ADDR       the address on which it takes SSH connections (default: 127.0.0.1)
  --password-stdin  root's password is the first line of standard input (default: test)
  --keep-keys       keeps its SSH host keys in DIR/.keys: started again, it is the same machine to its clients
  --privileged      root in the machine keeps all capabilities, so whoever has its password has the host too;
                    for tests that need it, such as mounts in a home, with a random password

Needs root. Starting a machine that runs, and stopping one that is gone, change nothing.
USAGE
}

die() { echo "machine.sh: $*" >&2; exit 1; }
bad_usage() { echo "machine.sh: $*" >&2; usage >&2; exit 2; }

# `env -i` below: an environment may contain secrets, and root in the machine can read that of its first process.
safe_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH=$safe_path
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
base=$here/../../.local/machines
bind=127.0.0.1
password='test'
privileged=no
keep_keys=no

# Field 22 of /proc/PID/stat: with it, a reused pid is never mistaken for ours. Nothing if the process is gone or a zombie.
started_at() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z && ${fields[0]} != X ]] && echo "${fields[19]}"
}

# Reads DIR/state into m_*; fails if there is none (yet).
read_state() {
  [[ -r $base/$1/state ]] && read -r m_pid m_start m_boot m_bind m_port <"$base/$1/state"
}

runs() {
  local boot
  read -r boot </proc/sys/kernel/random/boot_id
  read_state "$1" && [[ $boot == "$m_boot" && $(started_at "$m_pid") == "$m_start" ]]
}

check_name() {
  [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || bad_usage "bad machine name \"$1\": letters, digits, dot, dash, at most 63"
}

names() {
  local folder
  for folder in "$base"/*/; do
    [[ ! -d $folder ]] || basename "$folder"
  done
}

# One start or stop of a machine at a time; the lock is its folder. Fails if the folder was removed in the meantime.
lock() {
  { exec 9<"$base/$1"; } 2>/dev/null || return 1
  flock -w 20 9 || die "another start or stop of $1 has been in progress for 20 s"
  [[ $base/$1 -ef /proc/self/fd/9 ]]
}

# `start` shares the lock on all machines, `guard` takes it exclusively: no machine can appear behind its back.
lock_all() {
  exec 8<"$base"
  flock -w 60 "$1" 8 || die "another start, stop or guard has held $base for 60 s"
}

# SIGKILL to the namespace's first process kills every process in it, and its mounts go with the last one.
end() {
  local n
  if runs "$1"; then
    kill -KILL "$m_pid" 2>/dev/null || true
    for ((n = 0; n < 1000; n++)); do
      runs "$1" || break
      sleep 0.01
    done
    if runs "$1"; then die "process $m_pid of $1 outlived SIGKILL by 10 s; look at \`ps -p $m_pid -o stat,wchan\`"; fi
  fi
  rm -rf -- "${base:?}/$1"
  [[ $keep_keys == yes ]] || rm -rf -- "${base:?}/.keys/$1"
}

# Made only if there are none: a reboot of the host must not look like a forged machine.
host_keys() {
  local type folder=$base/.keys/$1
  (umask 077 && mkdir -p "$folder")
  for type in ed25519 ecdsa; do
    [[ -s $folder/ssh_host_${type}_key ]] ||
      ssh-keygen -q -t "$type" -N '' -C "$1" -f "$folder/ssh_host_${type}_key" </dev/null
  done
}

start() {
  local name=$1 port=$2 folder=$base/$1 n
  [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || bad_usage "bad port \"$port\""
  [[ $bind == 127.* || $password != test ]] ||
    die "root/test is for loopback only: give --password-stdin with --bind $bind"
  [[ $password != *$'\n'* && -n $password ]] || die "the password must be one line, not empty"
  command -v sshd >/dev/null || die "sshd is missing: apt-get install openssh-server"
  (umask 077 && mkdir -p "$base")
  lock_all --shared
  until (umask 077 && mkdir -p "$folder") && lock "$name"; do :; done
  if runs "$name"; then
    [[ $m_port == "$port" && $m_bind == "$bind" ]] ||
      die "$name already runs on $m_bind:$m_port; stop it first: $0 stop $name"
    echo "$name already runs on $bind:$port (pid $m_pid)"
    return
  fi
  rm -f "$folder/state"
  if (exec 3<>"/dev/tcp/$bind/$port") 2>/dev/null; then
    rm -rf -- "$folder"
    rmdir "$base" 2>/dev/null || true
    die "port $port on $bind is taken by something else (\`ss -ltnp\` shows what); end it or choose another port"
  fi
  launcher=
  trap 'kill -KILL $launcher 2>/dev/null || true; end "$name"' EXIT # an interrupted start leaves nothing
  : >"$folder/log"
  host_keys "$name"
  setsid env -i PATH="$safe_path" unshare --mount --pid --fork --uts --ipc --kill-child -- \
    bash "$here/machine-inside.sh" "$name" "$port" "$bind" "$folder" "$privileged" "$base/.keys/$name" \
    <<<"$password" >>"$folder/log" 2>&1 8<&- 9<&- &
  launcher=$!
  for ((n = 0; n < 1000; n++)); do
    [[ $(<"$folder/log") == *"Server listening on "* ]] && break
    [[ -n $(started_at "$launcher") ]] || break
    sleep 0.01
  done
  if [[ $(<"$folder/log") != *"Server listening on "* ]] || ! runs "$name"; then
    cat "$folder/log" >&2
    die "$name did not start; its output is above. Inside a container namespaces are often refused: use MODE=docker"
  fi
  trap - EXIT
  disown "$launcher"
  echo "$name runs on $bind:$port (pid $m_pid)"
}

stop() {
  if ! lock "$1"; then
    echo "$1 is not there"
    return
  fi
  end "$1"
  echo "$1 is gone"
}

stop_all() {
  local name
  for name in $(names); do stop "$name"; done
  [[ $keep_keys == yes ]] || rm -rf -- "$base/.keys"
  rmdir "$base" 2>/dev/null || true
}

list() {
  local name word
  for name in $(names); do
    word=dead m_pid=- m_bind=- m_port=-
    runs "$name" && word=running
    echo "$name $m_bind $m_port $m_pid $word"
  done
}

args=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit ;;
    --dir) base=${2:?--dir needs a folder}; shift ;;
    --bind) bind=${2:?--bind needs an address}; shift ;;
    --password-stdin) IFS= read -r password || [[ -n $password ]] || die "no password on standard input" ;;
    --privileged) privileged=yes ;;
    --keep-keys) keep_keys=yes ;;
    -*) bad_usage "unknown option $1" ;;
    *) args+=("$1") ;;
  esac
  shift
done
base=$(realpath -m -- "$base")
set -- "${args[@]}"
command=${1:-}
case $command:$# in
  start:3 | stop:2) check_name "$2" ;;
  list:1) list; exit ;;
  stop-all:1 | guard:1) ;;
  *) bad_usage "${command:-no command}: unknown, or the wrong number of words" ;;
esac
[[ $EUID == 0 ]] || die "a native machine needs root (namespaces, mounts, sshd): run it as root, or use MODE=docker"
case $command in
  start) start "$2" "$3" ;;
  stop) stop "$2" ;;
  stop-all) stop_all ;;
  guard)
    trap '' INT TERM HUP # must outlive the process that it guards
    cat >/dev/null
    [[ ! -d $base ]] || lock_all --exclusive
    stop_all
    ;;
esac
