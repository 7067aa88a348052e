# Searches every local file system for files of uids that were given here and are not any more. After fence.sh and
# remove.sh. stdin: the reservation whose account is here now ("-": none). Last line: "DEEP how-many-uids".
# A removal looks only where anybody may write, to be quick; a uid may be given again only after this.
read -r keep || fail failed "no parameters"
mine=
done=
for uid in $({ cat $d/used; awk -v keep="$keep" '$3 != keep { print $1 }' $d/given; } 2>/dev/null | sort -un); do
  [ -z "$(cut -d: -f1,3 /etc/passwd | grep ":$uid\$")" ] || continue # somebody has it now: theirs
  mine="$mine${mine:+ -o }-user $uid"
  done="$done $uid"
done
[ -n "$done" ] || { echo "DEEP 0"; exit 0; }
mine="( $mine )"
disks() {
  awk '$3 ~ /^(ext[234]|xfs|btrfs|f2fs|zfs|overlay|tmpfs|vfat|exfat|mqueue)$/ && $4 !~ /^ro(,|$)/ { print $2 }' /proc/mounts |
    while read -r m; do printf '%b\n' "$m"; done | sort -u
}
sweep disks
search disks "${done##* }"
[ -z "$blind" ] || fail failed "$blind"
[ -z "$found" ] || fail leftovers "files: $found"
grep -vxF "$(echo "$done" | tr ' ' '\n' | grep .)" $d/used >$d/used.new 2>/dev/null
mv $d/used.new $d/used || fail failed "can't write $d"
echo "DEEP $(echo $done | wc -w)"
