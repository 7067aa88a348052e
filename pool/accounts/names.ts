/**
 * Names with a meaning on the machines: each account comes with a group of the same name, and stock systems give rights
 * to groups that may not even exist (Ubuntu's sudoers names `admin`). A machine may refuse more, according to its own
 * files (scripts/names.sh). These are the groups and users that Debian's base-passwd, Alpine's baselayout, Fedora's setup
 * and the usual services create.
 */
const MEANT = new Set(
  `root admin wheel sudo doas toor operator staff sys adm disk kmem mem tty shadow utmp wtmp
  daemon bin sync games man lp lpadmin mail news uucp proxy list backup irc gnats nobody nogroup nobody4 halt shutdown
  dialout fax voice cdrom floppy tape audio video sasl plugdev users input kvm render sgx crontab src uuidd netdev scanner
  lxd lxc incus incus-admin docker podman containerd libvirt libvirt-qemu libvirtdbus qemu vboxusers microk8s k3s
  sshd ssh _ssh ntp chrony _chrony messagebus dbus polkitd polkituser avahi colord saned geoclue rtkit systemd-network systemd-resolve
  systemd-timesync systemd-journal systemd-coredump systemd-oom systemd-bus-proxy systemd-udev sssd tss _apt landscape
  fwupd-refresh pollinate syslog tcpdump rdma bluetooth wireshark pcap sambashare winbindd_priv ssl-cert postgres mysql
  redis memcache rabbitmq mongodb postfix postdrop dovecot exim debian-exim www-data www apache nginx http ftp cron at
  squid named bind unbound dnsmasq usbmux vcsa smmsp sgdisk guest nfsnobody rpc rpcuser tcsd stapusr stapsys stapdev
  ec2-user ubuntu debian centos fedora alpine cloud-user vagrant ansible power network rfkill log proc ftpuser locate
  lock uidd cgred printadmin pkcs11 slocate screen utempter readproc abuild pulse pulse-access pipewire gdm sddm lightdm`
    .split(/\s+/)
    .filter(Boolean),
);

/** Whether this name is refused for accounts on every machine, since it, or the group of that name, may carry rights. */
export const isReservedName = (name: string) => MEANT.has(name) || name.startsWith("systemd-");
