# Removes one account and proves that nothing of it is left. Follows fence.sh, processes.sh and files.sh.
# remove NAME UID MARK: returns if nothing of it is left, else ends the step with FAIL class text.
# Counts what it ends and removes: processes_gone, ipc_gone, and those of files.sh.
# Order: lock the account, end the processes, then timers, mounts, IPC, files, the account; then check again. Nothing is done
# to their paths until all of their processes are gone.
# shellcheck disable=SC2012 # only the first number; stat is not available everywhere
owner() { ls -nd "$1" 2>/dev/null | awk '{print $3}'; }
account() { grep "^$u:" /etc/passwd; }
# Who else has the uid: users of a directory (LDAP) are in no file here, so look it up by number.
uid_of_others() {
  cut -d: -f1,3 /etc/passwd | grep ":$uid\$" | grep -v "^$u:"
  if has getent; then getent passwd "$uid" | cut -d: -f1 | grep -vx "$u"; fi
}
ipc() { # ids of the SysV objects that the uid made or owns
  [ ! -e "/proc/sysvipc/$1" ] || awk -v u="$uid" '
    NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "uid") a = i; if ($i == "cuid") b = i }; next }
    $a == u || $b == u { print $2 }
    END { if (NR == 0) exit 1 }' "/proc/sysvipc/$1" || echo "unreadable"
}
spools() { echo "/var/spool/cron/crontabs/$u /var/spool/cron/$u /etc/crontabs/$u /var/lib/systemd/linger/$u /var/mail/$u /var/spool/mail/$u"; }

# Sub-uids are theirs too.
know_subs() {
  ranges=
  if [ -e /etc/subuid ]; then
    ranges=$(awk -F: -v u="$u" -v uid="$uid" '
      ($1 == u || $1 == uid) && $2 > 0 && $3 > 0 { printf "%d %.0f %.0f\n", uid, $2, $2 + $3 - 1 }
      END { print "whole" }' /etc/subuid)
    case $ranges in *whole) ;; *) fail failed "can't read /etc/subuid" ;; esac
    ranges=$(say "$ranges" | grep -vx whole)
    # A range that covers people's or services' uids by mistake is not the holder's.
    over=$(awk -F: -v theirs="$(say "$ranges" | cut -s -d' ' -f2- | tr '\n' ' ')" '
      BEGIN { n = split(theirs, of, " ") }
      { for (j = 1; j < n; j += 2) if ($3 + 0 >= of[j] + 0 && $3 + 0 <= of[j + 1] + 0) hit = $1 }
      END { print "whole " hit }' /etc/passwd)
    [ "$over" = "whole " ] || fail foreign_account "the sub-uids of '$u' are other accounts' uids"
  fi
  before=
  [ ! -e "$d/subs" ] || before=$(cat "$d/subs") || fail failed "can't read $d"
  subs=$(printf '%s\n%s\n' "$ranges" "$before" | awk -v u="$uid" 'NF == 3 && $1 == u { printf "%s%s %s", gap, $2, $3; gap = " " }')
}
# Record them, since the line in /etc/subuid goes with the account. (Only once their files are gone: a user who has filled
# the disk must still be removed.)
keep_subs() {
  while read -r line; do
    [ -z "$line" ] || recorded subs "$line" || say "$line" >>"$d/subs" || fail failed "can't write $d"
  done <<END
$ranges
END
}
# is_sub UID: one of the holder's sub-uids.
is_sub() {
  # shellcheck disable=SC2086 # splitting is intended
  set -- "$1" $subs
  while [ $# -gt 2 ]; do
    [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] && return 0
    who=$1 && shift 3 && set -- "$who" "$@"
  done
  return 1
}
# without FILE PATTERN: removes whole lines from one of this machine's own records.
without() {
  { [ ! -e "$d/$1" ] || grep -vx "$2" "$d/$1"; } >"$d/$1.new" 2>/dev/null
  [ $? -le 1 ] && mv "$d/$1.new" "$d/$1" # 1: no line is left
}

close_door() {
  account >/dev/null || return 0
  if has usermod; then
    usermod -L -e 1 -s /bin/false "$u" >/dev/null 2>&1 9>&-
  else
    passwd -l "$u" >/dev/null 2>&1 9>&-
    expires 1
    cp -p /etc/passwd /etc/passwd.mm && sed "s#^\($u:.*:\)[^:]*\$#\1/bin/false#" /etc/passwd >/etc/passwd.mm && mv /etc/passwd.mm /etc/passwd
  fi
  if [ -d /run/systemd/system ]; then
    loginctl disable-linger "$u"; loginctl terminate-user "$u"; systemctl kill -s KILL "user-$uid.slice"
    echo 1 >"/sys/fs/cgroup/user.slice/user-$uid.slice/cgroup.kill"
  fi >/dev/null 2>&1 9>&-
}

ipc_left() { for kind in shm sem msg; do [ -z "$(ipc $kind)" ] || printf ' ipc-%s' $kind; done; }
end_ipc() {
  ipc_gone=0
  for round in 1 2 3 4 5 6 7 8 9 10; do
    for kind in shm:m sem:s msg:q; do
      for i in $(ipc "${kind%%:*}"); do
        [ "$round" != 1 ] || ipc_gone=$((ipc_gone + 1))
        # In a container, root may not remove others' (that takes CAP_SYS_ADMIN), but their owner may.
        ipcrm "-${kind##*:}" "$i" || (as "$uid" ipcrm "-${kind##*:}" "$i")
      done >/dev/null 2>&1 </dev/null 9>&-
    done
    [ -n "$(ipc_left)" ] || return 0
    sleep 0.1
  done
  # Here we can become their owner only by name, so the name must not go first.
  [ -n "$by_number" ] || fail leftovers "still there:$(ipc_left)"
}

remove() {
  u=$1 uid=$2 mark=$3 home=/home/$1 left=
  processes_gone=0 home_gone=0 files_gone=0 ipc_gone=0 mounts_gone=0
  case $u in '' | root | -* | *[!a-z0-9_-]*) fail failed "bad name" ;; esac
  [ "$uid" -ge 1000 ] || fail failed "bad uid"
  # This machine never began to make it: there is nothing to remove, and an account or /home of that name is somebody else's.
  recorded given "$uid $u $mark" || [ "$(account | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ] || return 0
  if account >/dev/null; then
    [ "$(account | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ] || fail foreign_account "'$u' is not the account that we made"
    [ "$(account | cut -d: -f6)" = "$home" ] || fail foreign_account "the home of '$u' is not the one that we made"
  fi
  # The uid is now somebody else's: its files and processes are not ours to touch.
  [ -z "$(uid_of_others)" ] || fail foreign_account "uid $uid belongs to another account"
  know_subs

  # To count them: the next steps end them, too.
  scan
  ended=$pids
  close_door
  # BusyBox can't do this without an account; then it was done before the account went.
  if [ -n "$by_number" ] || has perl || account >/dev/null; then surely_killed; fi
  end_processes
  [ -z "$ended" ] || processes_gone=$(say "$ended" | tr ' ' '\n' | sort -u | grep -c .)
  [ -L "$home" ] && fail foreign_account "$home is a link"
  if [ -d "$home" ]; then
    # Its user may have handed it to one of their sub-uids (with newuidmap), so that it looks like somebody else's.
    held_by=$(owner "$home")
    [ "$held_by" = 0 ] || [ "$held_by" = "$uid" ] || is_sub "$held_by" || fail foreign_account "$home belongs to somebody else"
    chown -h 0:0 "$home" && chmod 0 "$home"
  fi
  for f in $(spools); do [ ! -e "$f" ] || files_gone=$((files_gone + 1)); done
  # shellcheck disable=SC2046 # splitting is intended
  rm -f $(spools)
  unmount_theirs
  end_ipc
  whose "$uid"
  wipe "$home"
  home_gone=$wiped_gone
  purge places
  wipe "/run/user/$uid"
  files_gone=$((files_gone + wiped_gone))
  # shellcheck disable=SC2046
  rm -f $(spools) 2>/dev/null

  keep_subs
  # BusyBox can only make a process by user name, as long as the name exists.
  [ -n "$by_number" ] || witness || left=" (can't make a process)"
  if account >/dev/null; then if has userdel; then userdel "$u"; else deluser "$u"; fi; fi >/dev/null 2>&1 9>&-
  if grep -q "^$u:[^:]*:$uid:" /etc/group; then if has groupdel; then groupdel "$u"; else delgroup "$u"; fi; fi >/dev/null 2>&1 9>&-
  for f in subuid subgid; do # BusyBox's deluser leaves these lines
    ! grep -q "^$u:" /etc/$f || { cp -p /etc/$f /etc/$f.mm && grep -v "^$u:" /etc/$f >/etc/$f.mm; [ $? -le 1 ] && mv /etc/$f.mm /etc/$f; }
  done 2>/dev/null
  [ -z "$by_number" ] || witness || left=" (can't make a process)"

  # Check everything again. Silence is no proof: each check must also find something that is certainly there.
  for f in passwd shadow subuid subgid group gshadow; do
    [ -e /etc/$f ] || continue
    grep -q "^$u:" /etc/$f
    [ $? = 1 ] || left="$left /etc/$f"
  done
  members=$(awk -F: -v u="$u" '{ n = split($4, m, ","); for (i = 1; i <= n; i++) if (m[i] == u) print u } END { print "whole" }' /etc/group)
  [ "$members" = whole ] || left="$left membership"
  no_processes
  dismiss
  left="$left$living"
  { [ -e "$home" ] || [ -L "$home" ]; } && left="$left $home"
  for f in $(spools); do [ -e "$f" ] && left="$left $f"; done
  left="$left$(ipc_left)"
  still=$(their_mounts) || still="(can't see them)"
  [ -z "$still" ] || left="$left mounts: $(say "$still" | head -n 3 | tr '\n' ' ')"
  search places "$uid"
  [ -z "$blind" ] || left="$left ($blind)"
  [ -z "$found" ] || left="$left files: $found"
  [ -z "$left" ] || fail leftovers "still there:$(say "$left" | cut -c1-200)"
  without given "$uid $u $mark" && without subs "$uid [0-9 ]*" && echo "$uid" >>"$d/used" || fail failed "can't write $d"
}
