# Sourced by native.sh: the same four services as units of systemd, for hosts that it runs.
# shellcheck shell=bash disable=SC2154 # native.sh sets what is used here

units=/etc/systemd/system

# What holds for all four. Written for `systemd-analyze security`, which a test asks.
hardening() {
  cat <<'UNIT'
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
UMask=0022
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UNIT
}

# unit NAME AFTER…: writes the unit; what is its own comes from standard input.
unit() {
  local name=$1
  shift
  put "$into/machine-manager-$name.service" 644 <<UNIT
# Written by \`just install-systemd\` of $root
[Unit]
Description=Machine Manager: $name
After=network.target${*:+ $(printf 'machine-manager-%s.service ' "$@")}
# Tried again for ever.
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/bash $app/provision/native/service.sh $name
Environment=BY_SYSTEMD=1 STATE=$state APP=$app CHECKOUT=$(printf %s "$root" | sha256sum | cut -c1-16)
Restart=always
RestartSec=1
TimeoutStopSec=12
KillMode=mixed
$(hardening)
$(cat)

[Install]
WantedBy=multi-user.target
UNIT
}

# Writes the units into a folder, and all that they read into .local.
write_units() {
  local into=$1 after=() network="AF_UNIX AF_INET AF_INET6"
  # shellcheck disable=SC2034 # render.sh and native.sh ask them
  inside=$state app=$state/run/app sockets=$state/run outside=$state/run
  # shellcheck disable=SC2034
  certificates=/run/machine-manager-nginx
  render ""
  if [[ -z $(secret DATABASE_URL) ]]; then
    after=(db)
    unit db <<UNIT
ExecStartPre=+/bin/bash $app/provision/native/service.sh db-files
User=mysql
ReadWritePaths=$state/mysql $state/run
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX
PrivateNetwork=yes
IPAddressDeny=any
MemoryDenyWriteExecute=yes
UNIT
  fi
  local name
  for name in api scheduler; do
    unit "$name" "${after[@]}" <<UNIT
User=machine-manager
DynamicUser=yes
PrivateUsers=yes
CapabilityBoundingSet=
RestrictAddressFamilies=$network
RuntimeDirectory=machine-manager-$name
RuntimeDirectoryMode=0700
ExecStartPre=+/bin/bash $app/provision/native/service.sh hand-over $state/run/program.env
UNIT
  done
  unit nginx api <<UNIT
User=www-data
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
RestrictAddressFamilies=$network
MemoryDenyWriteExecute=yes
RuntimeDirectory=machine-manager-nginx
KillSignal=SIGQUIT
RuntimeDirectoryMode=0700
ExecStartPre=+/bin/bash $app/provision/native/service.sh hand-over $state/certificate/cert.pem $state/certificate/key.pem $state/nginx/nginx.conf $state/nginx/site.conf
UNIT
}

# Whether the services were installed here.
by_systemd() { [[ -d /run/systemd/system && -e $units/machine-manager-api.service ]]; }

need_systemd() {
  [[ -d /run/systemd/system ]] || fail "systemd does not run here (process 1 is $(cat /proc/1/comm)), so there is nothing to install the services into.
  On a host that it runs, type the same. Here: just run, which needs no systemd, and starts what ends as well"
  is_root || fail "only root may install services; type: sudo just install-systemd"
}

# The services' users come into the checkout's folder by themselves there.
check_place() {
  local at
  [[ $root != /root/* && $root != /home/* && $root != /run/* ]] ||
    fail "the services may not see $root: have the checkout in another place, such as /opt/machine-manager"
  [[ $root =~ ^[A-Za-z0-9_/.+@-]+$ ]] || fail "the path $root has a character that systemd would misread; move the checkout"
  ((${#root} < 70)) || fail "the path $root is too long for a socket in it; move the checkout"
  for ((at = 0; ; at++)); do
    local dir
    dir=$(cut -d/ -f "1-$((at + 1))" <<<"$root")
    [[ $(stat -c %A "${dir:-/}") == *x ]] || fail "other users can't enter ${dir:-/}, so the services could not: chmod o+x $dir"
    [[ $dir != "$root" ]] || return 0
  done
}

install_systemd() {
  local name deadline=$((SECONDS + 120))
  need_systemd
  check_settings
  check_place
  locked
  ! standing || fail "the stack runs without systemd; stop it first: just down"
  bun=$(readlink -f "$(command -v bun)")
  install -d -m 755 "$state" "$state/run"
  # Not a link: bun may lie in somebody's home.
  install -m 755 "$bun" "$state/run/bun"
  copy_sources
  write_units "$units"
  systemctl daemon-reload
  systemctl enable "${services[@]/#/machine-manager-}"
  # What runs already takes its new settings.
  if [[ " ${services[*]} " == *" db "* ]]; then systemctl restart machine-manager-db; fi
  migrate
  for name in api scheduler nginx; do systemctl restart "machine-manager-$name"; done
  until fetch -o /dev/null "$(proxy_url)/readyz"; do
    ((SECONDS < deadline)) || { systemctl --no-pager status "${services[@]/#/machine-manager-}" >&2 || true; fail "not ready after 120 s; look at: journalctl -u 'machine-manager-*'"; }
    sleep 0.5
  done
  say "systemd: ready at $(public_url), also after the next boot; what runs: systemctl status 'machine-manager-*'"
}

uninstall_systemd() {
  local found
  need_systemd
  mapfile -t found < <(cd "$units" && compgen -G 'machine-manager-*.service')
  ((${#found[@]})) || { say "systemd: nothing is installed" && return; }
  systemctl disable --now "${found[@]}"
  (cd "$units" && rm -f "${found[@]}")
  systemctl daemon-reload
  say "systemd: the services are stopped and removed; the database stays in .local"
}
