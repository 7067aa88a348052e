# Removes every account of ours that nobody holds: what a crash, a restored database or another pool left here.
# After fence.sh and remove.sh. stdin: the reservation whose account stays ("-": none). Last line: "SWEPT n".
# Ours are the lines of this machine's own record, and accounts in our uid range that carry a reservation's id.
read -r keep || fail failed "no parameters"
list=$({
  cat $d/given 2>/dev/null
  awk -F: '$3 >= 20000 && $3 <= 59999 { split($5, gecos, ",")
    if (length(gecos[1]) == 36 && gecos[1] ~ /^[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$/) print $3, $1, gecos[1] }' /etc/passwd
} | sort -u)
swept=0
while read -r uid name mark; do
  [ -n "$uid" ] && [ "$mark" != "$keep" ] || continue
  remove "$name" "$uid" "$mark"
  swept=$((swept + 1))
done <<END
$list
END
echo "SWEPT $swept"
