#!/usr/bin/env bash
# Runs as the first process of a machine's namespaces (started by machine.sh), builds its root and becomes machine-listen.pl,
# which accepts its connections.
# Arguments: NAME PORT BIND FOLDER PRIVILEGED KEYS; standard input: root's password.
set -euo pipefail
name=$1 port=$2 bind=$3 folder=$4 privileged=$5 keys=$6
IFS= read -r password
exec </dev/null 7<"${BASH_SOURCE[0]%/*}/machine-listen.pl"
umask 022

# This is still the host's /proc, so this is our pid on the host.
read -r stat </proc/self/stat
read -r boot </proc/sys/kernel/random/boot_id
read -ra fields <<<"${stat##*) }"
echo "${stat%% *} ${fields[19]} $boot $bind $port" >"$folder/state.new"
mv "$folder/state.new" "$folder/state"
hostname "$name" # only in this UTS namespace

# --- the root: anything of the host that the machine must not see is whited out before the overlay is mounted ---
mount -n -t tmpfs -o size=512m,mode=755 machine "$folder" # only in this mount namespace
cd "$folder"
mkdir upper work root
whiteout() { mknod "upper$1" c 0 0; }
for entry in /* /.[!.]*; do
  [[ -e $entry || -L $entry ]] || continue
  case $entry in
    /usr | /etc | /bin | /sbin | /lib | /lib32 | /lib64 | /libx32) ;;
    *) whiteout "$entry" ;;
  esac
done
# From /etc and /usr/local/etc, only what is world-readable on the host; sudo's own files are the exception.
while IFS= read -r -d '' file; do
  case $file in /etc/sudoers | /etc/sudoers.d | /etc/sudoers.d/*) continue ;; esac
  mkdir -p "upper${file%/*}"
  whiteout "$file"
done < <(find /etc /usr/local/etc -xdev ! -type l \( -type d ! -perm -o=rx -o ! -type d ! -perm -o=r \) -prune -print0 2>/dev/null)
mkdir -p upper/etc/ssh
for file in /etc/ssh/ssh_host_*.pub; do [[ ! -e $file ]] || whiteout "$file"; done
mount -n -t overlay -o lowerdir=/,upperdir=upper,workdir=work machine root || {
  echo "An overlay of / was refused (its file system is $(findmnt -no FSTYPE / || echo unknown))." \
    "This is usual in a container: use MODE=docker, or run on the host itself."
  exit 1
}
cd root
mkdir -p boot dev etc/ssh home media mnt opt proc run srv sys var/{cache,lib,local,log,mail,opt}
mkdir -m 700 root
mkdir -m 1777 tmp var/tmp
ln -s /run var/run
ln -s /run/lock var/lock
for place in spool spool/cron spool/cron/crontabs spool/cron/atjobs spool/cron/atspool mail; do
  [[ -d /var/$place ]] || continue
  mkdir -p "var/$place"
  chown --reference="/var/$place" "var/$place"
  chmod --reference="/var/$place" "var/$place"
done

# --- accounts: the host's system accounts, no people, and only root has a password ---
# shellcheck disable=SC2016 # the dollars are awk's
no_people='($f < 1000 || $f > 59999)'
awk -F: -v f=3 "$no_people" /etc/passwd >etc/passwd
awk -F: -v f=3 "$no_people" /etc/group >etc/group
cut -d: -f1 etc/passwd | sed 's/$/:*:19000:0:99999:7:::/' >etc/shadow
cut -d: -f1 etc/group | sed 's/$/:*::/' >etc/gshadow
for file in subuid subgid; do : >"etc/$file"; done
chmod 640 etc/shadow etc/gshadow
chgrp shadow etc/shadow etc/gshadow
echo "$name" >etc/hostname
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" >etc/hosts
install -m 600 "$keys"/ssh_host_*_key etc/ssh/
cat >etc/ssh/sshd_config <<CONFIG
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
UseDNS no
PrintMotd no
MaxSessions 200
Subsystem sftp internal-sftp
CONFIG

# --- devices and the rest that is mounted ---
mount -n -t tmpfs -o size=64k,mode=755,nosuid dev dev
mkdir dev/pts dev/shm dev/mqueue
i=0
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r node major minor <<<"$device"
  mknod -m 666 "dev/$node" c "$major" "$minor"
done
[[ $privileged == no ]] || mknod -m 666 dev/fuse c 10 229
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for i in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${i%:*}" "dev/${i#*:}"; done
mount -n -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -n -t tmpfs -o size=64m,mode=1777,nosuid,nodev shm dev/shm
mount -n -t mqueue -o nosuid,nodev,noexec mqueue dev/mqueue
mount -n -t tmpfs -o size=64m,mode=755,nosuid,nodev run run
mkdir run/sshd
mkdir -m 1777 run/lock
mount -n -t proc -o nosuid,nodev,noexec proc proc
if [[ $privileged == no ]]; then
  # Kernel settings are the host's: without this, root in here could set core_pattern and take over the host.
  for knob in sys sysrq-trigger irq bus fs; do
    [[ ! -e proc/$knob ]] || mount -n --bind -o ro "proc/$knob" "proc/$knob"
  done
fi
pivot_root . .
umount -n -l .
cd /

# --- from here on the host's files are out of reach ---
chpasswd -c SHA512 <<<"root:$password"
unset password
# All logins come from one address, which OpenSSH 9.8 and later would lock out after a few wrong passwords.
if sshd -t -o PerSourcePenalties=no 2>/dev/null; then echo "PerSourcePenalties no" >>/etc/ssh/sshd_config; fi
ulimit -c 0
ulimit -u 2048 # users' processes; root is exempt
become=()
if [[ $privileged == no ]]; then
  keep=-all
  for capability in chown dac_override fowner fsetid kill setgid setuid setpcap sys_chroot audit_write; do
    keep+=,+$capability
  done
  become=(setpriv --inh-caps=-all --bounding-set="$keep" --)
fi
# The socket is opened in the host's network; from then on there is only this machine's own, with nothing but a loopback.
# shellcheck disable=SC2016 # for the inner shell
exec perl /proc/self/fd/7 listen "$bind" "$port" unshare --net -- sh -c '
  ip link set lo up && exec "$@"' - "${become[@]}" perl /proc/self/fd/7 serve
