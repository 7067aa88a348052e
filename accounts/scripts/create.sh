# Makes the account of a reservation. After fence.sh.
# stdin: UID NAME MARK SECONDS, then "password" and the password, or "keys" and one public key a line.
# Last line: "MADE name uid". Every part may run again after a crash; none touches a home that its user controls.
read -r uid u mark seconds || fail failed "no parameters"
read -r kind || fail failed "no parameters"
case $u in '' | root | -* | *[!a-z0-9_-]*) fail failed "bad name" ;; esac
[ "$uid" -ge 20000 ] && [ "$uid" -le 59999 ] || fail failed "bad uid"
home=/home/$u
given="$uid $u $mark"
ours() { [ "$(grep "^$u:" /etc/passwd | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ]; }
try() { out=$("$@" 2>&1 9>&-) || fail failed "$1: $(echo "$out" | head -n 1)"; }

# Somebody's account that the database forgot: not a machine for the next user before it is clean.
[ -z "$(grep -vx "$given" $d/given 2>/dev/null)" ] || fail leftovers "another reservation's account is still here"
if grep -q "^$u:" /etc/passwd; then
  ours || fail foreign_account "an account of that name is there already"
else
  if has getent && getent passwd "$u" >/dev/null; then fail foreign_account "an account of that name is there already"; fi
  # A database that was restored from a dump gives uids again: it is told the highest that was ever given here.
  highest=$(cat $d/given $d/used 2>/dev/null | cut -d' ' -f1 | sort -n | tail -n 1)
  [ -z "$(cut -d: -f1,3 /etc/passwd | grep ":$uid\$")" ] || fail uid_taken "${highest:-$uid}"
  ! grep -qx "$uid" $d/used 2>/dev/null || fail uid_taken "${highest:-$uid}"
  [ -z "$(cut -d: -f1,3 /etc/group | grep ":$uid\$" | grep -vx "$u:$uid")" ] || fail uid_taken "${highest:-$uid}"
  if g=$(grep "^$u:" /etc/group) && [ "$(echo "$g" | cut -d: -f3)" != "$uid" ]; then
    fail foreign_account "a group of that name is there already"
  fi
  if [ -e "$home" ] || [ -L "$home" ]; then
    grep -qx "$given" $d/given 2>/dev/null || fail foreign_account "$home is there already"
  fi
  # The machine's own record of what was given comes first: a sweep finds it whatever happens next.
  grep -qx "$given" $d/given 2>/dev/null || echo "$given" >>$d/given || fail failed "can't write $d"
  shell=/bin/sh
  [ -x /bin/bash ] && shell=/bin/bash
  if has useradd; then
    [ -n "${g:-}" ] || try groupadd -g "$uid" "$u"
    try useradd -u "$uid" -g "$uid" -M -d "$home" -s $shell -c "$mark" "$u"
  elif has adduser; then
    [ -n "${g:-}" ] || try addgroup -g "$uid" "$u"
    try adduser -D -H -h "$home" -s $shell -g "$mark" -u "$uid" -G "$u" "$u"
  else
    fail unsupported "the machine has neither useradd nor adduser"
  fi
  ours || fail failed "the account was not made as asked"
fi

# The account carries the end itself: nobody gets in anew while we are down (a day's grain; keys to the second). By this
# machine's own clock, which decides here, right or wrong.
end=$(($(date +%s) + seconds))
day=$((end / 86400 + 1))
stamp=$(date -u -d "@$end" +%Y%m%d%H%M%SZ) || fail unsupported "date can't reckon"
if has chage; then
  try chage -E "$day" "$u"
else
  cp -p /etc/shadow /etc/shadow.mm && sed "s/^\($u:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:/\1:$day:/" /etc/shadow >/etc/shadow.mm &&
    mv /etc/shadow.mm /etc/shadow || fail failed "can't write /etc/shadow"
fi

keys=
if [ "$kind" = keys ]; then
  while IFS= read -r key; do
    [ "$key" = . ] && break
    keys="${keys}expiry-time=\"$stamp\" $key
"
  done
fi
# Until it is handed over the home is root's alone; afterwards root does not write in it.
[ -d /home ] || mkdir -m 755 /home || fail failed "can't make /home"
[ -d "$home" ] || mkdir -m 700 "$home" || fail failed "can't make $home"
[ -L "$home" ] && fail leftovers "$home is a link"
if [ "$(ls -nd "$home" | awk '{print $3}')" = 0 ]; then
  [ ! -d /etc/skel ] || cp -R /etc/skel/. "$home"/ || fail failed "can't fill $home"
  if [ -n "$keys" ]; then
    mkdir -p -m 700 "$home/.ssh" && printf '%s' "$keys" >"$home/.ssh/authorized_keys" || fail failed "can't write the keys"
  fi
  find "$home" -mindepth 1 -exec chown -h "$uid:$uid" {} + && chmod 700 "$home" && chown "$uid:$uid" "$home" ||
    fail failed "can't hand $home over"
fi

if [ "$kind" = password ]; then
  IFS= read -r password || fail failed "no password"
  printf '%s:%s\n' "$u" "$password" | chpasswd >/dev/null 2>&1 9>&- || fail failed "chpasswd refused the password"
else
  printf '%s:*\n' "$u" | chpasswd -e >/dev/null 2>&1 9>&- || fail failed "chpasswd refused"
fi
ours && [ "$(ls -nd "$home" | awk '{print $3}')" = "$uid" ] || fail failed "the account is not as it was made"
echo "MADE $u $uid"
