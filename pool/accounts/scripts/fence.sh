# First part of every step on a machine: the machine itself refuses a late step.
# stdin: the generation and the pool's first and last uid, then the step's own input. The last line of output decides.
set -u
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
cd /
say() { printf '%s\n' "$*"; } # echo would read backslashes
fail() { say "FAIL $1 $2"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
[ "$(id -u)" = 0 ] || fail unsupported "the login is not root and 'sudo -n' did not make it root"
for tool in flock awk find sed grep cut sort xargs; do has $tool || fail unsupported "the machine has no '$tool'"; done
d=/var/lib/machine-manager
# shellcheck disable=SC2174 # its parent exists
mkdir -p -m 700 "$d" 2>/dev/null || fail failed "can't write $d"
read -r gen first_uid last_uid || fail failed "no generation"
exec 9>>"$d/lock" || fail failed "can't write $d"
identity() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f3,20; } # process group, start time
last() { seen=0; [ ! -s "$d/gen" ] || read -r seen <"$d/gen" || fail failed "can't read $d"; }
flock -n 9 || {
  # Another step is running here. If it is older, kill it with all that it started; its start time identifies it.
  last
  if [ "$gen" -gt "$seen" ] && read -r pid group start 2>/dev/null <"$d/step"; then
    [ "$(identity "$pid")" = "$group $start" ] && kill -KILL "-$group"
  fi
  flock -w 10 9 || fail timeout "another step is still running on the machine"
}
# In place and of constant length: a user who fills the disk must not block the next step, which is to remove them.
put() { printf '%-63s\n' "$2" 1<>"$d/$1" || fail failed "can't write $d"; }
# recorded FILE LINE [-v]: whether one of this machine's own records has that line (-v: a different line). Unreadable isn't "no".
recorded() {
  [ -e "$d/$1" ] || return 1
  # shellcheck disable=SC2086 # no argument if there is no option
  grep -qx ${3:-} -e "$2" "$d/$1"
  known=$?
  [ $known -le 1 ] || fail failed "can't read $d"
  return $known
}
# This machine's unique id, whatever its name: under two names, the same machine would be offered twice.
[ -s "$d/id" ] || { od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$d/id.new" && mv "$d/id.new" "$d/id"; } || fail failed "can't write $d"
last # again, now that no other step is running
[ "$gen" -ge "$seen" ] || fail fenced "$seen"
put step "$$ $(identity $$)"
put gen "$gen"
# expires DAY: makes the account $u expire on that day since 1970, where there is neither chage nor usermod for it.
expires() {
  cp -p /etc/shadow /etc/shadow.mm && sed "s/^\($u:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:/\1:$1:/" /etc/shadow >/etc/shadow.mm &&
    mv /etc/shadow.mm /etc/shadow
}
