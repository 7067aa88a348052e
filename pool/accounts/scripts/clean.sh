# Makes the machine fit to be offered: removes the holder's account, and every other one of ours. After fence.sh and
# remove.sh. stdin: UID NAME MARK of the holder, or "0 - -". Last line: "CLEAN name uid id-of-the-machine", when nothing of ours is left.
# The others are what a crash, a restored database or another pool left: the lines of this machine's own record, and
# accounts in our uid range that carry a reservation's id.
read -r holder_uid holder_name holder_mark || fail failed "no parameters"
[ "$holder_name" = - ] || remove "$holder_name" "$holder_uid" "$holder_mark"
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

# Clean is not enough: one that can't take the next account would be offered, fail and be cleaned, for ever.
has useradd || has adduser || fail unsupported "the machine has neither useradd nor adduser"
for f in passwd shadow group gshadow; do
  [ -e /etc/$f.lock ] || continue
  pid=$(tr -cd 0-9 </etc/$f.lock) # one whose process is gone is in nobody's way
  { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; } || fail failed "another program holds /etc/$f.lock"
done
for place in /etc "$d" /home; do
  [ -d "$place" ] || continue
  trial=$(mktemp "$place/.mm-XXXXXX") && cat /etc/passwd /etc/group >"$trial" || { rm -f "$trial"; fail failed "can't write in $place"; }
  rm -f "$trial"
done 2>/dev/null
echo "CLEAN $holder_name $holder_uid $(cat "$d/id")"
