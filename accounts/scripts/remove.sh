# Removes one account and proves that nothing of it is left. After fence.sh; `remove` may be called several times.
# remove NAME UID MARK: returns when nothing of it is left, else ends the step with FAIL class text.
# Order: close the door, end the processes, then timers, mounts, IPC, files, the account; then look again.
owner() { ls -nd "$1" 2>/dev/null | awk '{print $3}'; }
account() { grep "^$u:" /etc/passwd; }
pids() {
  awk -v u="$uid" -v lo="$slo" -v hi="$shi" '
    FNR == 1 { hit = 0 }
    /^State:/ { zombie = ($2 == "Z") }
    /^Uid:/ { for (i = 2; i <= 5; i++) if ($i == u || ($i >= lo && $i <= hi)) hit = 1
              if (hit && !zombie) { split(FILENAME, part, "/"); print part[3] }
              nextfile }' /proc/[0-9]*/status 2>/dev/null
}
ipc() { # ids of the SysV objects that the uid made or owns
  [ -r "/proc/sysvipc/$1" ] && awk -v u="$uid" '
    NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "uid") a = i; if ($i == "cuid") b = i }; next }
    $a == u || $b == u { print $2 }' "/proc/sysvipc/$1"
}
# Every place where anybody may write, and the file systems mounted below. /tmp is the last: a test file that is found
# there tells that a search went through the others, too.
places() {
  public="/var/tmp /run /dev/shm /dev/mqueue /var/spool /var/mail /var/lock /home /tmp"
  mounts=$(awk -v public="$public" '
    $3 != "proc" && $3 != "sysfs" && $3 !~ /^(cgroup|fuse|nfs|cifs)/ {
      n = split(public, place, " ")
      for (i = 1; i <= n; i++) if (index($2, place[i] "/") == 1) { print $2; break }
    }
    END { exit NR == 0 }' /proc/mounts) || return 1
  echo "$mounts" | while read -r m; do printf '%b\n' "$m"; done
  for p in $public; do
    [ -d "$p" ] && [ ! -L "$p" ] || continue
    echo "$p"
  done
}
# theirs PLACES DEPTH ACTION...: one find for what is $mine in all that the function PLACES names. DEPTH: -depth, or nothing
theirs() (
  all=$($1) || exit 1
  depth=$2 && shift 2 && action=$*
  set -f
  IFS='
'
  # shellcheck disable=SC2086 # lines are meant
  set -- $all
  IFS=' '
  [ $# -gt 0 ] || exit 1 # without a place, find would look here
  # shellcheck disable=SC2086 # words are meant
  exec find "$@" -xdev $depth $mine $action
) 2>/dev/null
sweep() {
  theirs "$1" -depth -delete
  # A folder of theirs that holds others' files: take it from them.
  theirs "$1" '' -exec chown -h 0:0 {} + -exec chmod go= {} +
}
# search PLACES UID: sets found to what is still there, and blind to why that proves nothing. Silence is no proof: a test
# file of that uid must be found, too.
search() {
  blind=
  canary=$(mktemp /tmp/.mm-XXXXXX) && chown "$2:0" "$canary" || blind="can't make a test file"
  found=$(theirs "$1" '' -print)
  rm -f "$canary"
  case "$found" in *"$canary"*) ;; *) blind="can't find files" ;; esac
  found=$(echo "$found" | grep -vxF "$canary" | head -n 3 | tr '\n' ' ')
}
spools() { echo "/var/spool/cron/crontabs/$u /var/spool/cron/$u /etc/crontabs/$u /var/lib/systemd/linger/$u /var/mail/$u /var/spool/mail/$u"; }

remove() {
  u=$1 uid=$2 mark=$3 slo=0 shi=-1 home=/home/$1 left= known=
  case $u in '' | root | -* | *[!a-z0-9_-]*) fail failed "bad name" ;; esac
  [ "$uid" -ge 20000 ] && [ "$uid" -le 59999 ] || fail failed "bad uid"
  grep -qx "$uid $u $mark" $d/given 2>/dev/null && known=yes
  [ "$(account | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ] && known=yes
  # This machine never began to make it: there is nothing to take away, and an account or /home of that name is somebody's.
  [ -n "$known" ] || return 0
  if account >/dev/null; then
    [ "$(account | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ] || fail foreign_account "'$u' is not the account that we made"
    [ "$(account | cut -d: -f6)" = "$home" ] || fail foreign_account "the home of '$u' is not the one that we made"
    if [ -r /etc/subuid ] && sub=$(grep "^$u:" /etc/subuid | head -n 1) && [ -n "$sub" ]; then
      slo=$(echo "$sub" | cut -d: -f2) shi=$(($(echo "$sub" | cut -d: -f2) + $(echo "$sub" | cut -d: -f3) - 1))
    fi
  fi
  # Somebody else's uid now: files and processes by that uid are not ours to touch.
  [ -z "$(cut -d: -f1,3 /etc/passwd | grep ":$uid\$" | grep -v "^$u:")" ] || fail foreign_account "uid $uid belongs to another account"

  if account >/dev/null; then
    if has usermod; then
      usermod -L -e 1 -s /bin/false "$u" >/dev/null 2>&1 9>&-
    else
      passwd -l "$u" >/dev/null 2>&1 9>&-
      cp -p /etc/passwd /etc/passwd.mm && sed "s#^\($u:.*:\)[^:]*\$#\1/bin/false#" /etc/passwd >/etc/passwd.mm && mv /etc/passwd.mm /etc/passwd
    fi
  fi
  [ -L "$home" ] && fail foreign_account "$home is a link"
  if [ -d "$home" ]; then
    case $(owner "$home") in "$uid" | 0) ;; *) fail foreign_account "$home belongs to somebody else" ;; esac
    chown 0:0 "$home" && chmod 0 "$home"
  fi
  # shellcheck disable=SC2046 # words are meant
  rm -f $(spools)
  if [ -d /run/systemd/system ]; then
    loginctl disable-linger "$u"; loginctl terminate-user "$u"; systemctl kill -s KILL "user-$uid.slice"
  fi >/dev/null 2>&1 9>&-

  round=0 # stop all first (a stopped process can't fork), then kill, until a look finds none
  while p=$(pids); [ -n "$p" ]; do
    # shellcheck disable=SC2086,SC2046
    { kill -STOP $p; q=$(pids); kill -STOP $q; kill -KILL $p $q; } 2>/dev/null
    round=$((round + 1))
    [ $round -gt 200 ] && fail leftovers "processes that don't end: $(echo $p | cut -c1-80)"
    [ $round -gt 3 ] && sleep 0.05
  done
  awk '{ print $5 }' /proc/self/mountinfo | grep -e "^$home/" -e "^/run/user/$uid\$" | sort -r |
    while read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null; done
  for kind in shm:m sem:s msg:q; do
    ipc "${kind%%:*}" | while read -r i; do
      # Root in a container may not remove another's (that takes CAP_SYS_ADMIN): their owner may.
      ipcrm "-${kind##*:}" "$i" || setpriv --reuid="$uid" --clear-groups ipcrm "-${kind##*:}" "$i" ||
        su -s /bin/sh "$u" -c "ipcrm -${kind##*:} $i"
    done >/dev/null 2>&1 9>&-
  done

  mine="-user $uid" # BusyBox find has -user with a number, but no -uid; sub-uids need GNU's
  [ "$shi" -gt 0 ] && find / -maxdepth 0 -uid +0 >/dev/null 2>&1 && mine="( -user $uid -o ( -uid +$((slo - 1)) -uid -$((shi + 1)) ) )"
  [ -d "$home" ] && rm -rf -- "$home" 2>/dev/null
  sweep places
  rm -rf "/run/user/$uid" 2>/dev/null
  # shellcheck disable=SC2046
  rm -f $(spools) 2>/dev/null

  if account >/dev/null; then if has userdel; then userdel "$u"; else deluser "$u"; fi; fi >/dev/null 2>&1 9>&-
  if grep -q "^$u:[^:]*:$uid:" /etc/group; then if has groupdel; then groupdel "$u"; else delgroup "$u"; fi; fi >/dev/null 2>&1 9>&-

  # Look again with fresh eyes. Silence is no proof: each finder must also find what is surely there.
  for f in passwd shadow subuid subgid; do [ -e /etc/$f ] && grep -q "^$u:" /etc/$f && left="$left /etc/$f"; done
  for f in group gshadow; do [ -e /etc/$f ] && grep -q "^$u:" /etc/$f && left="$left /etc/$f"; done
  cut -d: -f4 /etc/group | tr , '\n' | grep -qx "$u" && left="$left membership"
  [ -z "$(pids)" ] || left="$left processes"
  [ -n "$(uid=0 slo=0 shi=-1; pids)" ] || left="$left (can't see processes)"
  { [ -e "$home" ] || [ -L "$home" ]; } && left="$left $home"
  for f in $(spools); do [ -e "$f" ] && left="$left $f"; done
  for f in shm sem msg; do [ -z "$(ipc $f)" ] || left="$left ipc-$f"; done
  search places "$uid"
  [ -z "$blind" ] || left="$left ($blind)"
  [ -z "$found" ] || left="$left files: $found"
  [ -z "$left" ] || fail leftovers "still there:$(echo "$left" | cut -c1-200)"
  { [ ! -e $d/given ] || grep -vx "$uid $u $mark" $d/given; } >$d/given.new 2>/dev/null
  [ $? -le 1 ] || fail failed "can't write $d" # 1: no line is left
  mv $d/given.new $d/given && echo "$uid" >>$d/used || fail failed "can't write $d"
}
