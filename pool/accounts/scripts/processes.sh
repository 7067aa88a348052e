# Ends every process of a holder, and checks that none is left. Follows fence.sh; `remove` (remove.sh) calls it.
# Works on $uid, and on $subs: pairs "first last" of the holder's sub-uids, or nothing.

# as UID COMMAND...: runs it as that uid, without rights. By number where setpriv can (BusyBox's can't), else by name.
if setpriv --reuid=1 --clear-groups true 2>/dev/null; then by_number=yes; else by_number=; fi
# Without our environment: whatever that loads (LD_PRELOAD) would leave files of theirs.
as() {
  them=$1 && shift
  [ -z "$by_number" ] || exec env -i "PATH=$PATH" setpriv "--reuid=$them" "--regid=$them" --clear-groups "$@"
  [ "$them" = "$uid" ] && exec env -i "PATH=$PATH" su -s /bin/sh -c 'exec "$@"' -- "$u" sh "$@"
}

# scan: sets pids to the processes with a live thread of theirs, and uids to these threads' uids. Fails if it did not see
# everything. A process whose main thread has ended shows as a zombie although its other threads run, so each thread's own
# file is read. A file that vanishes must not end the list (awk would stop there; cat goes on to the next), and anything
# listed but not read must be gone.
scan() {
  set -- /proc/[0-9]*/task/[0-9]*
  pids='' uids=''
  hits=$({
    printf 'listed %s\n' "$@"
    printf '%s/status\n' "$@" | xargs cat 2>/dev/null
    echo end
  } | awk -v theirs="$uid $uid $subs" -v self=$$ '
    BEGIN { n = split(theirs, of, " ") }
    $1 == "listed" { split($2, part, "/"); process[part[5]] = part[3]; next }
    $1 == "State:" { dead = ($2 == "Z" || $2 == "X") }
    $1 == "Tgid:" { group = $2 }
    $1 == "Pid:" { read[$2] = 1 }
    $1 == "Uid:" && !dead {
      for (i = 2; i <= 5; i++) for (j = 1; j < n; j += 2)
        if ($i + 0 >= of[j] + 0 && $i + 0 <= of[j + 1] + 0) { hit[group] = 1; whose[$i] = 1 }
    }
    $0 == "end" { whole = 1 }
    END {
      if (!whole || !(self in read)) exit
      for (one in hit) print "pid", one
      for (one in whose) print "uid", one
      for (one in process) if (!(one in read)) print "unread", process[one] "/task/" one
      print "whole"
    }' | sort)
  whole=1
  while read -r kind what; do
    case $kind in
      pid) pids="$pids $what" ;;
      uid) uids="$uids $what" ;;
      unread) [ ! -e "/proc/$what" ] || return 1 ;;
      whole) whole=0 ;;
    esac
  done <<END
$hits
END
  return $whole
}

# at_once SIGNAL UID: signals all processes of a uid in one call, during which the kernel lets none of them fork: a chain of
# processes that fork and exit outruns every list. Perl's saved uid stays root, so they can't signal it first; it must have
# dropped its capabilities before, or the call would reach everybody.
at_once() {
  if has perl; then
    perl -e '$< = 4294967293; $> = $ARGV[1]; exit 1 unless $< == 4294967293 && $> == $ARGV[1];
      open(my $own, "<", "/proc/self/status") or exit 1;
      exit 1 unless grep { /^CapEff:\s*0+$/ } <$own>; kill $ARGV[0], -1; print "done"' "$1" "$2"
  else
    (as "$2" timeout 2 sh -c "kill -$1 -1; echo done")
  fi 2>/dev/null </dev/null 9>&-
}
# surely_killed: returns once such a call was made with SIGKILL. A chain whose processes are gone before they can be read is
# never seen; but a process that the one call for all has killed can't fork any more, so then none is left.
surely_killed() {
  for turn in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(at_once KILL "$uid")" != "done" ] || return 0
    sleep 0.05
  done
  fail leftovers "processes that can't be ended at once"
}
strike() {
  for them in $(echo "$uids" | cut -d' ' -f1-30); do at_once "$1" "$them" >/dev/null; done
  # shellcheck disable=SC2086 # splitting is intended
  [ -z "$pids" ] || kill "-$1" $pids 2>/dev/null
}

# end_processes: stops all (a stopped process can't fork) until two full scans agree, then kills; returns once two scans
# agree that none is left. Adds those that it sees to ended.
end_processes() {
  round=0 unseen=0 before=none
  while :; do
    round=$((round + 1))
    [ $round -le 200 ] || fail leftovers "processes that don't end: $(say "$pids" | cut -c1-80)"
    [ $round -le 5 ] || sleep 0.05
    scanned=yes && scan || scanned=
    ended="$ended $pids"
    if [ -z "$scanned" ]; then
      unseen=$((unseen + 1))
      [ $unseen -lt 50 ] || fail leftovers "can't see the processes"
      before=none
    elif [ "$pids" = "$before" ]; then
      [ -n "$pids" ] || return 0
      strike KILL
      before=none
    else
      before=$pids
      # New ones keep coming: kill these without seeing them twice.
      if [ $((round % 5)) = 0 ]; then strike KILL; else strike STOP; fi
    fi
  done
}

# A process that we make under their uid, which the last scan must find, and no other: silence is no proof. Without an
# account, a uid is only available by number; otherwise one of root's has to do.
witness() {
  seen=$uid
  if [ -n "$by_number" ] || account >/dev/null; then
    (as "$uid" sleep 60) >/dev/null 2>&1 </dev/null 9>&- &
  else
    seen=0
    # shellcheck disable=SC2217 # it must not keep our standard input open
    sleep 60 >/dev/null 2>&1 </dev/null 9>&- &
  fi
  witness=$! waited=0
  until grep -q "^Uid:.$seen" "/proc/$witness/status" 2>/dev/null; do
    waited=$((waited + 1))
    [ $waited -lt 100 ] || return 1
    sleep 0.01
  done
}
dismiss() { kill -KILL "$witness" && wait "$witness"; } 2>/dev/null
# no_processes: sets living to what is still alive, or to why that is unknown.
no_processes() {
  living=
  tries=0
  until scan; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || { living="(can't see processes)" && return; }
  done
  if [ "$seen" = "$uid" ]; then
    case " $pids " in *" $witness "*) ;; *) living="(can't see processes)" ;; esac
    for one in $pids; do [ "$one" = "$witness" ] || living=" processes"; done
  else
    [ -z "$pids" ] || living=" processes"
    uid=0 subs='' scan && case " $pids " in *" $witness "*) ;; *) living="(can't see processes)" ;; esac
  fi
}
