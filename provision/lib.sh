# Sourced by the scripts here: where things are, the settings, and how to say things.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
state=$root/.local
# An ordinary user's PATH lacks these, and mariadbd, nginx and sshd are there.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
asks_help() { [[ " $* " == *" --help "* || " $* " == *" -h "* ]]; }
is_root() { [[ $(id -u) == 0 ]]; }
is_loopback() { [[ $1 == localhost || $1 == ::1 || $1 =~ ^127(\.[0-9]{1,3}){3}$ ]]; }

# The names of all settings; .env.example is the one list of them.
setting_names() { sed -nE 's/^#?([A-Z][A-Z0-9_]*)=.*/\1/p' "$root/.env.example"; }

# Sets a shell variable (not exported, so that no child sees the secrets) for every setting in .env that the
# environment does not hold already. The file is read, never run.
load_env() {
  local line key value known
  [[ -r $root/.env ]] || return 0
  known=" $(setting_names | tr '\n' ' ')"
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
    key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ $value =~ ^\"([^\"]*)\" || $value =~ ^\'([^\']*)\' ]]; then
      value=${BASH_REMATCH[1]}
    else
      value=${value%%[[:space:]]#*}
      value=${value%"${value##*[![:space:]]}"}
    fi
    if [[ $known != *" $key "* ]]; then
      echo "${0##*/}: .env: $key is not a setting (see .env.example); it is left alone" >&2
    elif [[ -z ${!key-} ]]; then
      export -n "${key?}" # it may be there, empty
      printf -v "$key" %s "$value"
    fi
  done <"$root/.env"
}

# The ports of the proxy. Those below 1024 are root's, or the Docker engine's.
low_ports() { is_root || [[ ${mode-} == docker ]]; }
https_port() { if [[ -n ${HTTPS_PORT-} ]]; then say "$HTTPS_PORT"; elif low_ports; then say 443; else say 8443; fi; }
http_port() { if [[ -n ${HTTP_PORT-} ]]; then say "$HTTP_PORT"; elif low_ports; then say 80; else say 8080; fi; }
# NAME, or the content of the file that NAME_FILE names.
secret() {
  local file=${1}_FILE
  if [[ -n ${!1-} ]]; then say "${!1}"; elif [[ -n ${!file-} ]]; then cat -- "${!file}" || fail "$file: can't read ${!file}"; fi
}
# accounts_sql HOST: makes the database and its two accounts, or gives these the passwords of .env. The program's has no
# rights: `bun server.ts migrate` grants them, table by table. A statement a line, as MariaDB's init-file asks.
accounts_sql() {
  local name password
  say "CREATE DATABASE IF NOT EXISTS machine_manager;"
  for name in DATABASE_OWNER_PASSWORD DATABASE_PASSWORD; do
    password=${!name-}
    [[ $password =~ ^[A-Za-z0-9_-]+$ ]] || fail "$name in .env must be letters, digits, _ and -; make one with: just setup"
  done
  for name in "machine_manager_owner@'$1' IDENTIFIED BY '$DATABASE_OWNER_PASSWORD'" "machine_manager@'$1' IDENTIFIED BY '$DATABASE_PASSWORD'"; do
    say "CREATE USER IF NOT EXISTS $name;"
    say "ALTER USER $name;"
  done
  say "GRANT ALL ON machine_manager.* TO machine_manager_owner@'$1' WITH GRANT OPTION;"
}
# What this checkout's containers are named after, so that two checkouts don't take each other's.
compose_project() { say "${COMPOSE_PROJECT_NAME:-machine-manager-$(cksum <<<"$root" | cut -d' ' -f1)}"; }
# The URL of the proxy, as a person types it.
public_url() {
  local host=localhost port
  port=$(https_port)
  is_loopback "${PUBLISH_ADDRESS:-127.0.0.1}" || [[ $PUBLISH_ADDRESS == 0.0.0.0 ]] || host=$PUBLISH_ADDRESS
  if [[ $port == 443 ]]; then say "https://$host"; else say "https://$host:$port"; fi
}
