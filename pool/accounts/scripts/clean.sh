# Makes the machine ready to be offered: removes the holder's account, and all others of ours. Follows fence.sh,
# remove.sh and facts.sh. stdin: UID NAME MARK of the holder, or "0 - -". Last line: "CLEAN name uid machine-id", if nothing
# of ours is left; lines before it say what was removed of the holder's, and what the machine is.
# The others were left by a crash, a restored database or another pool: those in this machine's own record, and accounts in
# our uid range with a reservation's id.
read -r holder_uid holder_name holder_mark || fail failed "no parameters"
if [ "$holder_name" != - ]; then
  remove "$holder_name" "$holder_uid" "$holder_mark"
  echo "REMOVED processes=$processes_gone home=$((home_gone)) files=$((files_gone)) ipc=$ipc_gone mounts=$((mounts_gone))"
fi
list=$(awk -F: -v first="$first_uid" -v last="$last_uid" '$3 >= first + 0 && $3 <= last + 0 { split($5, gecos, ",")
    if (length(gecos[1]) == 36 && gecos[1] ~ /^[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$/) print $3, $1, gecos[1] }
  END { if (NR == 0) exit 1 }' /etc/passwd) || fail failed "can't read /etc/passwd"
if [ -e "$d/given" ]; then known=$(cat "$d/given") || fail failed "can't read $d"; else known=; fi
list=$(printf '%s\n%s\n' "$list" "$known" | sort -u)
while read -r other_uid other_name other_mark; do
  [ -z "$other_uid" ] || remove "$other_name" "$other_uid" "$other_mark"
done <<END
$list
END

# Clean is not enough: a machine that can't take the next account would be offered, fail and be cleaned, without end.
has useradd || has adduser || fail unsupported "the machine has neither useradd nor adduser"
for f in passwd shadow group gshadow; do
  [ -e /etc/$f.lock ] || continue
  pid=$(tr -cd 0-9 </etc/$f.lock) # a lock whose process is gone does no harm
  { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; } || fail failed "another program holds /etc/$f.lock"
done
for place in /etc "$d" /home; do
  [ -d "$place" ] || continue
  trial=$(mktemp "$place/.mm-XXXXXX") && cat /etc/passwd /etc/group >"$trial" || { rm -f "$trial"; fail failed "can't write in $place"; }
  rm -f "$trial"
done 2>/dev/null
tell_facts
echo "CLEAN $holder_name $holder_uid $(cat "$d/id")"
