# Makes a reservation's account. Follows fence.sh and names.sh.
# stdin: UID NAME MARK SECONDS, then "password" and the password, or "keys" and one public key per line.
# Last line: "MADE name uid". Every part can run again after a crash; none touches a home that its user controls.
# FAIL refused: the request is at fault (its name or password), not the machine.
read -r uid u mark seconds || fail failed "no parameters"
read -r kind || fail failed "no parameters"
case $u in '' | root | -* | *[!a-z0-9_-]*) fail failed "bad name" ;; esac
[ "$uid" -ge "$first_uid" ] && [ "$uid" -le "$last_uid" ] || fail failed "bad uid"
home=/home/$u
given="$uid $u $mark"
ours() { [ "$(grep "^$u:" /etc/passwd | cut -d: -f3,5 | cut -d, -f1)" = "$uid:$mark" ]; }
# try COMMAND...: shadow's tools exit with status 3 for a name that they don't accept.
try() {
  out=$("$@" 2>&1 9>&-) && return
  status=$?
  [ $status != 3 ] || [ "$1" = chage ] || fail refused "the machine does not accept the name '$u'"
  fail failed "$1: $(say "$out" | head -n 1)"
}
# Who has the uid: users of a directory (LDAP) are in no file here, so look it up by number.
someone() { grep -q "^[^:]*:[^:]*:$uid:" "/etc/$1" || { has getent && getent "$1" "$uid" >/dev/null; }; }

# Another reservation's account, which the database forgot: the machine must be cleaned first.
! recorded given "$given" -v || fail leftovers "another reservation's account is still here"
if grep -q "^$u:" /etc/passwd; then
  ours || fail foreign_account "an account of that name already exists"
else
  if has getent && getent passwd "$u" >/dev/null; then fail foreign_account "an account of that name already exists"; fi
  # A database that was restored from a dump reuses uids: report the highest that was ever given here.
  highest=$(cat "$d/given" "$d/used" 2>/dev/null | cut -d' ' -f1 | awk -v first="$first_uid" -v last="$last_uid" \
    '$1 >= first + 0 && $1 <= last + 0' | sort -n | tail -n 1)
  ! someone passwd || fail uid_taken "${highest:-$uid}"
  ! recorded used "$uid" || fail uid_taken "${highest:-$uid}"
  if g=$(grep "^$u:" /etc/group); then
    [ "$(say "$g" | cut -d: -f3)" = "$uid" ] || fail foreign_account "a group of that name already exists"
  else
    ! someone group || fail uid_taken "${highest:-$uid}"
    if has getent && getent group "$u" >/dev/null; then fail foreign_account "a group of that name already exists"; fi
  fi
  if privileged "$u" "$uid"; then fail refused "the name '$u' has special rights on the machine"; fi
  if [ -e "$home" ] || [ -L "$home" ]; then
    recorded given "$given" || fail foreign_account "$home already exists"
  fi
  # The machine's own record comes first: a clean-up finds the account whatever happens next.
  recorded given "$given" || echo "$given" >>"$d/given" || fail failed "can't write $d"
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
  ours || fail failed "the account was not made as requested"
fi

# The account itself expires: nobody can log in after its end even if we are down (to the day; keys to the second). This
# machine's own clock decides, right or wrong.
end=$(($(date +%s) + seconds))
day=$((end / 86400 + 1))
stamp=$(date -u -d "@$end" +%Y%m%d%H%M%SZ) || fail unsupported "date can't convert a time"
if has chage; then try chage -E "$day" "$u"; else expires "$day" || fail failed "can't write /etc/shadow"; fi

keys=
if [ "$kind" = keys ]; then
  while IFS= read -r key; do
    [ "$key" = . ] && break
    keys="${keys}expiry-time=\"$stamp\" $key
"
  done
fi
# Until it is handed over, only root can use the home; afterwards root does not write in it.
[ -d /home ] || mkdir -m 755 /home || fail failed "can't make /home"
[ -d "$home" ] || mkdir -m 700 "$home" || fail failed "can't make $home"
[ -L "$home" ] && fail leftovers "$home is a link"
# shellcheck disable=SC2012 # a single folder that we named; stat is not available everywhere
if [ "$(ls -nd "$home" | awk '{print $3}')" = 0 ]; then
  [ ! -d /etc/skel ] || cp -R /etc/skel/. "$home"/ || fail failed "can't fill $home"
  if [ -n "$keys" ]; then
    # shellcheck disable=SC2174 # its parent exists
    mkdir -p -m 700 "$home/.ssh" && printf '%s' "$keys" >"$home/.ssh/authorized_keys" || fail failed "can't write the keys"
  fi
  find "$home" -mindepth 1 -exec chown -h "$uid:$uid" {} + && chmod 700 "$home" && chown "$uid:$uid" "$home" ||
    fail failed "can't hand $home over"
fi

if [ "$kind" = password ]; then
  IFS= read -r password || fail failed "no password"
  if ! printf '%s:%s\n' "$u" "$password" | chpasswd >/dev/null 2>&1 9>&-; then
    # The machine's own rules (PAM) may demand a better one. If it accepts a good one, the request is at fault.
    good=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s:%s\n' "$u" "Z9-$good" | chpasswd >/dev/null 2>&1 9>&- && fail refused "the machine's rules refuse that password"
    fail failed "chpasswd failed"
  fi
else
  printf '%s:*\n' "$u" | chpasswd -e >/dev/null 2>&1 9>&- || fail failed "chpasswd refused"
fi
# shellcheck disable=SC2012 # as above
ours && [ "$(ls -nd "$home" | awk '{print $3}')" = "$uid" ] || fail failed "the account is not as we made it"
echo "MADE $u $uid"
