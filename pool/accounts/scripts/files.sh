# Finds and removes a holder's files and mounts. Follows fence.sh; `remove` (remove.sh) and sweep.sh call it once no process
# of the holder is left: a live one could put a link where root is about to go.
# Works on $mine: the conditions by which `find` recognises the files.
# Counts what it removes: home_gone, files_gone, mounts_gone.
home_gone=0 files_gone=0 mounts_gone=0
count() { tr -cd '\000' | wc -c; } # of names that end in NUL: a name may contain a newline

# shellcheck disable=SC2185 # it doesn't search anything
case $(find --version 2>/dev/null) in *GNU*) gnu=yes ;; *) gnu= ;; esac

# whose UID...: sets mine to files of these, and of the holder's sub-uids ($subs). BusyBox's find has no ranges.
whose() {
  mine='' blind_subs=''
  for one; do mine="$mine${mine:+ -o }-user $one"; done
  if [ -n "$subs" ] && [ -n "$gnu" ]; then
    # shellcheck disable=SC2086 # splitting is intended
    set -- $subs
    while [ $# -gt 1 ]; do
      mine="$mine -o ( -uid +$(($1 - 1)) -uid -$(($2 + 1)) )"
      shift 2
    done
  elif [ -n "$subs" ]; then
    # It must find one that we made, or it would miss the others too.
    canary=$(mktemp /tmp/.mm-XXXXXX) && chown -h "${subs%% *}:0" "$canary"
    # shellcheck disable=SC2030,SC2031 # only for that search
    there=$(mine="! -user 0" && theirs places '' '-exec stat -c %u {} +' | sort -un)
    rm -f "$canary"
    say "$there" | grep -qx "${subs%% *}" || blind_subs="can't find files of sub-uids"
    for one in $(say "$there" | awk -v theirs="$subs" 'BEGIN { n = split(theirs, of, " ") } { for (j = 1; j < n; j += 2) if ($1 + 0 >= of[j] + 0 && $1 + 0 <= of[j + 1] + 0) print $1 }'); do
      # shellcheck disable=SC2031
      mine="$mine -o -user $one"
    done 2>/dev/null
  fi
  mine="( $mine )"
}

# Every world-writable place, and the file systems mounted below. /tmp comes last: finding a test file there shows that the
# search went through the others too.
places() {
  public="/var/tmp /run /dev/shm /dev/mqueue /var/spool /var/mail /var/lock /home /tmp"
  mounts=$(awk -v public="$public" '
    $3 != "proc" && $3 != "sysfs" && $3 !~ /^(cgroup|fuse|nfs|cifs)/ {
      n = split(public, place, " ")
      for (i = 1; i <= n; i++) if (index($2, place[i] "/") == 1) { print $2; break }
    }
    END { exit NR == 0 }' /proc/mounts) || return 1
  say "$mounts" | while read -r m; do printf '%b\n' "$m"; done
  for p in $public; do
    [ -d "$p" ] && [ ! -L "$p" ] || continue
    echo "$p"
  done
}

# BusyBox uses whole paths, which the kernel limits to 4096 bytes: fifteen names always fit. So it searches fifteen levels
# deep, and continues from inside each folder at that depth.
# shellcheck disable=SC2016 # for the inner shell
deeper='
below() { find . -xdev -mindepth 15 -maxdepth 15 -type d -exec sh -c "$MM_DEEPER" sh $MM_FOUND +; }
here() { find . -xdev -maxdepth 15 $MM_DEPTH $MM_WHAT; }
set -f
for place; do
  (cd -P -- "$place" && if [ -n "$MM_DEPTH" ]; then below; here; else here; below; fi)
done'
# theirs PLACES DEPTH ACTION...: applies ACTION to $mine in every place that the function PLACES lists. DEPTH: -depth, or nothing
theirs() (
  all=$($1) || exit 1
  depth=$2 && shift 2 && action=$*
  set -f
  IFS='
'
  # shellcheck disable=SC2086 # splitting into lines is intended
  set -- $all
  IFS=' '
  [ $# -gt 0 ] || exit 1 # without a place, find would look here
  # shellcheck disable=SC2086 # splitting is intended
  [ -z "$gnu" ] || exec find "$@" -xdev $depth $mine $action
  export MM_FOUND='{}' MM_DEEPER="$deeper" MM_DEPTH="$depth" MM_WHAT="$mine $action"
  below() { find "$@" -xdev -mindepth 15 -maxdepth 15 -type d -exec sh -c "$deeper" sh {} +; }
  [ -z "$depth" ] || below "$@"
  # shellcheck disable=SC2086
  find "$@" -xdev -maxdepth 15 $depth $mine $action || bad=1
  [ -n "$depth" ] || below "$@"
  exit "${bad:-0}"
)
# purge PLACES: deletes $mine in every place that the function PLACES lists, and takes over a folder of theirs that contains
# others' files: from inside, so that nobody else who may write there can put a link in its place.
purge() {
  files_gone=$((files_gone + $(theirs "$1" -depth -delete -print0 | count)))
  [ -n "$(theirs "$1" '' '-type d -print' | head -n 1)" ] || return 0
  # shellcheck disable=SC2016 # for the inner shell
  take='for p; do (cd -P -- "$p" && set -f && [ -n "$(find . -maxdepth 0 $MM_MINE -print)" ] && chown 0:0 . && chmod go= .); done'
  theirs "$1" '' '-type d -print0' | MM_MINE=$mine xargs -0 sh -c "$take" sh
} 2>/dev/null
# excused LINE: find could not read somebody else's mount (FUSE keeps even root out), and doesn't need to.
excused() {
  case $1 in "find: "*) ;; *) return 1 ;; esac
  at=${1#find: } && at=${at%: *} && at=${at#\'} && at=${at%\'}
  say "$mounted" | grep -qxF -e "$at"
}
# search PLACES UID: sets found to what is still there, and blind to the reason if that proves nothing. Silence is no proof:
# it must also find a test file of that uid, and anything that find could not read counts as found, unless it has just gone.
search() {
  blind=$blind_subs
  canary=$(mktemp /tmp/.mm-XXXXXX) && chown -h "$2:0" "$canary" || blind="can't make a test file"
  found=$(theirs "$1" '' -print 2>&1)
  status=$?
  rm -f "$canary"
  case "$found" in *"$canary"*) ;; *) blind="can't find files" ;; esac
  [ $status -le 1 ] || [ -n "$blind" ] || blind="find ended with $status"
  mounted=$(awk '{ print $5 }' /proc/self/mountinfo | while read -r m; do printf '%b\n' "$m"; done)
  found=$(say "$found" | grep -vxF "$canary" | grep -v '^find: .*: No such file or directory$' |
    while IFS= read -r line; do excused "$line" || say "$line"; done | head -n 3 | tr '\n' ' ')
}

# wipe FOLDER: removes it with everything in it, whoever made it, however deep; except mounts. Sets wiped_gone.
wipe() {
  wiped_gone=0
  [ -d "$1" ] && [ ! -L "$1" ] || return 0
  # One line each: it quotes newlines.
  if [ -n "$gnu" ]; then wiped_gone=$(rm -rfv --one-file-system -- "$1" | wc -l); else
    wiped=$1
    # shellcheck disable=SC2317 # `theirs` calls it
    only() { say "$wiped"; }
    wiped_gone=$(mine='' && theirs only -depth -delete -print0 | count)
    rmdir -- "$1"
  fi
} >/dev/null 2>&1

# their_mounts: one per line, as /proc lists them: below their home, or made by or for them (FUSE, removable disks).
their_mounts() {
  awk -v theirs="$uid $uid $subs" -v name="$u" '
    function owned(options,   k, n, part, word, j, m, of) {
      n = split(options, part, ",")
      m = split(theirs, of, " ")
      for (k = 1; k <= n; k++) {
        if (split(part[k], word, "=") != 2) continue
        if (word[1] == "user" && word[2] == name) return 1
        if (word[1] == "user_id" || word[1] == "uid") for (j = 1; j < m; j += 2)
          if (word[2] + 0 >= of[j] + 0 && word[2] + 0 <= of[j + 1] + 0) return 1
      }
      return 0
    }
    function below(place) { return $5 == place || index($5, place "/") == 1 }
    below("/home/" name) || below("/run/user/" substr(theirs, 1, index(theirs, " ") - 1)) || below("/media/" name) ||
      below("/run/media/" name) || owned($6) || owned($NF) { print $5 }
    END { exit NR == 0 }' /proc/self/mountinfo
}
unmount_theirs() {
  for round in 1 2 3 4 5; do # they may be stacked
    list=$(their_mounts) || return
    [ -n "$list" ] || return 0
    [ "$round" != 1 ] || mounts_gone=$(say "$list" | wc -l)
    say "$list" | sort -r | while read -r m; do
      m=$(printf '%b.' "$m")
      umount -l "${m%.}"
    done
  done
} 2>/dev/null
