# Sweeps every local file system for files of uids that were given here and no longer are. Follows fence.sh and files.sh.
# stdin: the reservation whose account is here now ("-": none). Last line: "SWEPT number-of-uids".
# To be quick, a removal only searches world-writable places; a uid may be reused only after a sweep.
read -r keep || fail failed "no parameters"
over=
subs=
for uid in $({ cat "$d/used"; awk -v keep="$keep" '$3 != keep { print $1 }' "$d/given"; } 2>/dev/null | sort -un); do
  # Somebody has it now, so the files are theirs. Users of a directory are in no file here.
  ! cut -d: -f1,3 /etc/passwd | grep -q ":$uid\$" || continue
  ! has getent || ! getent passwd "$uid" >/dev/null || continue
  over="$over $uid"
done
[ -n "$over" ] || { echo "SWEPT 0"; exit 0; }
disks() {
  awk '$3 ~ /^(ext[234]|xfs|btrfs|f2fs|zfs|overlay|tmpfs|vfat|exfat|mqueue)$/ && $4 !~ /^ro(,|$)/ { print $2 }
    END { if (NR == 0) exit 1 }' /proc/mounts >"$d/disks" || return 1
  while read -r m; do printf '%b\n' "$m"; done <"$d/disks" | sort -u
}
# shellcheck disable=SC2086 # splitting is intended
whose $over
purge disks
search disks "${over##* }"
[ -z "$blind" ] || fail failed "$blind"
[ -z "$found" ] || fail leftovers "files: $found"
grep -vxF "$(echo "$over" | tr ' ' '\n' | grep .)" "$d/used" >"$d/used.new" 2>/dev/null
[ $? -le 1 ] && mv "$d/used.new" "$d/used" || fail failed "can't write $d"
echo "SWEPT $(echo "$over" | wc -w)"
