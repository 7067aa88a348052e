# Whether a name or a uid has a meaning on this machine that our accounts must not have. Follows fence.sh.

# privileged NAME UID: whether files that grant rights name it, as a user or as a group (an account has a group of the same
# name): sudoers and its includes, doas, polkit, D-Bus, lists for logins. Comments and paths are not names; sudoers writes a
# uid as #20001.
privileged() {
  set -- "$1" "$2" /etc/sudoers /etc/sudoers.d /usr/local/etc/sudoers /usr/local/etc/sudoers.d /etc/doas.conf /etc/doas.d \
    /etc/polkit-1 /usr/share/polkit-1/rules.d /etc/security /etc/ssh/sshd_config /etc/ssh/sshd_config.d \
    /etc/at.allow /etc/cron.allow /etc/udev/rules.d
  name=$1 number=$2 given_out='' text=''
  shift 2
  for f; do [ ! -e "$f" ] || given_out="$given_out $f"; done
  # shellcheck disable=SC2086 # splitting is intended
  [ -z "$given_out" ] || text=$(find -L $given_out -type f ! -name README -exec cat {} +) || fail failed "can't read the files that grant rights here"
  say "$text" | sed -e 's/#[^0-9].*//; s/#$//' -e 's,//.*,,' -e 's,/[^ ":=]*,,g' |
    grep -qE -e "(^|[^A-Za-z0-9_.-])$name(\$|[^A-Za-z0-9_.-])" -e "#$number(\$|[^0-9])"
  case $? in 0) return 0 ;; 1) ;; *) fail failed "can't read the files that grant rights here" ;; esac
  # XML, where only these are names.
  given_out=
  for f in /etc/dbus-1/system.d /usr/share/dbus-1/system.d; do [ ! -d "$f" ] || given_out="$given_out $f"; done
  [ -n "$given_out" ] || return 1
  # shellcheck disable=SC2086 # splitting is intended
  grep -rqE "(user|group)=[\"']${name}[\"']" $given_out
  case $? in 0) return 0 ;; 1) return 1 ;; *) fail failed "can't read the files that grant rights here" ;; esac
}
