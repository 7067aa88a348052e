# Moves the end of a reservation's account. Follows fence.sh.
# stdin: UID NAME MARK SECONDS (from now). Last line: "EXTENDED name uid".
read -r uid u mark seconds || fail failed "no parameters"
case $u in '' | root | -* | *[!a-z0-9_-]*) fail failed "bad name" ;; esac
[ "$(grep "^$u:" /etc/passwd | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ] || fail leftovers "the account is not there"
end=$(($(date +%s) + seconds))
day=$((end / 86400 + 1))
stamp=$(date -u -d "@$end" +%Y%m%d%H%M%SZ) || fail unsupported "date can't convert a time"
if has chage; then
  out=$(chage -E "$day" "$u" 2>&1 9>&-) || fail failed "chage: $(say "$out" | head -n 1)"
else
  expires "$day" || fail failed "can't write /etc/shadow"
fi
# The keys are in a home that its user controls, so only the user's own rights may touch them. They may be gone, or changed:
# the account's end holds all the same.
# shellcheck disable=SC2016 # for the inner shell
timeout 5 su -s /bin/sh "$u" -c 'f=$1/.ssh/authorized_keys
  [ ! -f "$f" ] || sed -i "s/^expiry-time=\"[0-9]*Z\" /expiry-time=\"$2\" /" "$f"' sh "/home/$u" "$stamp" \
  </dev/null >/dev/null 2>&1 9>&- || fail failed "the keys' end can't be changed"
say "EXTENDED $u $uid"
