#!/usr/bin/env bash
# Installs what is missing, and makes .env. Does nothing, quickly, when all is there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'USAGE'
usage: provision/setup.sh [--tests] [--packages]

Installs what is missing for the mode that runs here (MODE=docker|native decides it by hand): Debian packages and, from
npm, Bun and just; then the program's own packages (`bun install`, which runs no install script), and .env.
No service that comes with a Debian package is started or enabled. Not root: prints what to type, and stops.
  --tests      also what the tests use (all of the native mode, Deno, Chromium)
  --packages   only Debian's and npm's packages
USAGE
}

tests='' only_packages=''
for argument in "$@"; do
  case $argument in
    --tests) tests=1 ;; --packages) only_packages=1 ;;
    -h | --help) usage; exit 0 ;; *) usage >&2; exit 2 ;;
  esac
done
cd "$root"
mode=$(provision/mode.sh -q)
log='' # of the installation, removed when all went well

# command:package, so that a look is enough to see what is missing
wanted=(ansible-playbook:ansible openssl:openssl curl:curl ssh:openssh-client ss:iproute2 flock:util-linux ps:procps)
[[ $mode == native || -n $tests ]] &&
  wanted+=(mariadbd:mariadb-server nginx:nginx sshd:openssh-server s6-svscan:s6 setpriv:util-linux unshare:util-linux)
[[ -n $tests ]] && wanted+=(chromium:chromium envsubst:gettext-base sudo:sudo faketime:faketime systemd-analyze:systemd)
# Ansible's Docker modules speak HTTP through this library.
[[ $mode == docker ]] && wanted+=(/usr/share/doc/python3-requests:python3-requests)
npm_wanted=(bun:bun@1.4.5 just:rust-just@1.57.0)
[[ -n $tests ]] && npm_wanted+=(deno:deno@2.9.6)

# `npx rust-just` puts a `just` on PATH that is gone afterwards; it does not count.
lasting=$(tr ':' '\n' <<<"$PATH" | grep -v '/_npx/' | paste -sd:)
there() { if [[ $1 == /* ]]; then [[ -e $1 ]]; else PATH=$lasting command -v "$1" >/dev/null && new_enough "$1"; fi; }
# Older Bun lacks what we use; newer is fine.
new_enough() { [[ $1 != bun ]] || printf '1.4\n%s\n' "$(bun --version)" | sort -VC; }
missing() {
  local entry
  for entry in "$@"; do there "${entry%%:*}" || say "${entry#*:}"; done | sort -u
}

# Runs a command with its output in the log, which is shown when it fails.
logged() {
  "$@" >>"$log" 2>&1 </dev/null && return
  tail -n 20 "$log" >&2
  fail "failed: $* (all of its output: $log)"
}

# Debian starts the services of a package while it installs it, and enables them for the next boot. This program runs
# its own copies on its own ports, so for the time of the installation policy-rc.d forbids the former, and afterwards
# each service that was not there before is disabled.
policy=/usr/sbin/policy-rc.d
restore_policy() {
  rm -f "$policy"
  [[ ! -e $policy.before-machine-manager ]] || mv -f "$policy.before-machine-manager" "$policy"
}
install_debian() {
  local -a packages=("$@") services=() fresh=()
  local service
  for service in mariadb nginx ssh; do
    [[ -e /etc/init.d/$service || -e /lib/systemd/system/$service.service ]] || fresh+=("$service")
  done
  trap restore_policy EXIT
  trap 'exit 130' INT TERM
  [[ ! -e $policy ]] || mv -f "$policy" "$policy.before-machine-manager"
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  say "setup: installing ${packages[*]} (Debian; this takes a minute or two)"
  export DEBIAN_FRONTEND=noninteractive
  logged apt-get update
  logged apt-get install -y --no-install-recommends "${packages[@]}"
  restore_policy
  trap - EXIT INT TERM
  for service in "${fresh[@]}"; do
    [[ -e /etc/init.d/$service || -e /lib/systemd/system/$service.service ]] || continue
    services+=("$service")
    update-rc.d "$service" disable >>"$log" 2>&1 || true
  done
  [[ ${#services[@]} == 0 ]] || say "setup: these came with services, which are left off: ${services[*]}"
}

# Creates .env, and gives every secret in it that is empty a value; what is set is never changed.
make_env() {
  local name line
  umask 077
  if [[ ! -e .env ]]; then
    if [[ -d $state/mysql/data ]]; then
      fail ".env is gone, and the database in .local was made with its SECRET_KEY: put .env back, or start anew with: just clean"
    fi
    cp .env.example .env.new
    mv .env.new .env
    say "setup: made .env with new secrets (mode 600)"
  fi
  [[ $(stat -c %a .env) == 600 ]] || chmod 600 .env
  add_secret DATABASE_PASSWORD "$(openssl rand -hex 24)"
  add_secret DATABASE_OWNER_PASSWORD "$(openssl rand -hex 24)"
  grep -qE '^SECRET_KEY_FILE=.' .env || add_secret SECRET_KEY "$(openssl rand -base64 32)"
}

# add_secret NAME VALUE: puts it into the line `NAME=`, or at the end, unless it has a value. (Only builtins and files
# carry the value: it is never on a command line.)
add_secret() {
  local line put=''
  grep -qE "^(export )?$1=." .env && return
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line == "$1=" && -z $put ]]; then line+=$2 put=1; fi
    printf '%s\n' "$line"
  done <.env >.env.new
  [[ -n $put ]] || printf '%s\n' "$1=$2" >>.env.new
  mv .env.new .env
  say "setup: added $1 to .env"
}

mapfile -t packages < <(missing "${wanted[@]}")
mapfile -t npm_packages < <(missing "${npm_wanted[@]}")
if [[ ${#packages[@]} -gt 0 || ${#npm_packages[@]} -gt 0 ]]; then
  log=$(mktemp -t machine-manager-setup.XXXXXX)
  if ((${#packages[@]})); then command -v apt-get >/dev/null || fail "not a Debian machine; install these by hand: ${packages[*]}"; fi
  if ((${#npm_packages[@]})); then command -v npm >/dev/null || fail "npm is missing; install Node.js with npm (Debian: apt-get install nodejs npm)"; fi
  if is_root; then
    ((${#packages[@]} == 0)) || install_debian "${packages[@]}"
    if ((${#npm_packages[@]})); then
      say "setup: installing ${npm_packages[*]} (npm)"
      logged npm install --global --no-fund --no-audit "${npm_packages[@]}"
      hash -r
    fi
    mapfile -t left < <(missing "${wanted[@]}" "${npm_wanted[@]}")
    ((${#left[@]} == 0)) || fail "installed, but still not to be found on PATH: ${left[*]} (see $log)"
    rm -f "$log"
  else
    rm -f "$log"
    {
      say "setup: missing here: ${packages[*]} ${npm_packages[*]}"
      say "Type this, and then the same command again:"
      say "  sudo env MODE=$mode PATH=\"\$PATH\" bash provision/setup.sh --packages${tests:+ --tests}"
    } >&2
    exit 1
  fi
fi
[[ -z $only_packages ]] || exit 0

# Unchanged: 0.05 s. Scripts of packages are not run (bunfig.toml says so too).
if ! output=$(bun install --frozen-lockfile --ignore-scripts 2>&1 </dev/null); then
  printf '%s\n' "$output" >&2
  fail "bun install failed: see above"
fi
make_env
