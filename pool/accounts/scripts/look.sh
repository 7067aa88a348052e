# Whether the machine is usable: root, the tools, a place to write. Changes nothing, needs no lock. Follows facts.sh.
# Last line, after the facts: "READY accounts id": how many of our accounts this machine has on record, and its unique id.
set -u
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
[ "$(id -u)" = 0 ] || { echo "FAIL unsupported the login is not root and 'sudo -n' did not make it root"; exit 1; }
for tool in flock awk find sed grep cut sort xargs chpasswd timeout; do
  command -v $tool >/dev/null 2>&1 || { echo "FAIL unsupported the machine has no '$tool'"; exit 1; }
done
command -v useradd >/dev/null 2>&1 || command -v adduser >/dev/null 2>&1 || { echo "FAIL unsupported the machine has neither useradd nor adduser"; exit 1; }
d=/var/lib/machine-manager given=0
if [ -e "$d/given" ]; then given=$(grep -c . "$d/given"); [ $? -le 1 ] || { echo "FAIL failed can't read $d"; exit 1; }; fi
id='' && read -r id 2>/dev/null <"$d/id"
tell_facts
echo "READY $given $id"
