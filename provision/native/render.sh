# Sourced by native.sh: writes the settings of the four services, and what s6 needs to start them, into .local.
# shellcheck shell=bash disable=SC2154 # native.sh sets what is used here
# $inside is .local as the services see it: as root it is mounted at /mnt, in a mount namespace of their own, so that it
# may lie in /root, where no other user can go.

render() {
  local dev=$1 name
  mkdir -p "$state"/{run/service,log,mysql,nginx/tmp}
  chmod 755 "$state" "$state/run" "$state/mysql" "$state/nginx"
  chmod 700 "$state/log" "$state/run/service"
  for name in database nginx program services; do "render_$name" "$dev"; done
}

# put FILE [MODE]: writes standard input to it, whole or not at all.
put() {
  (umask 077 && cat >"$1.new")
  chmod "${2:-600}" "$1.new"
  mv -f "$1.new" "$1"
}

render_database() {
  put "$state/mysql/my.cnf" 644 <<CONF
[mariadbd]
datadir = $inside/mysql/data
tmpdir = $inside/mysql/tmp
socket = $sockets/db/mysql.sock
pid-file = $inside/mysql/data/mariadbd.pid
init-file = $inside/mysql/init.sql
secure-file-priv = $inside/mysql/tmp
# Reached through the socket only; it listens on no port.
skip-networking
skip-name-resolve
local-infile = 0
# As in compose.yml: a commit is on disk before it is answered, and all clocks are UTC.
innodb-flush-log-at-trx-commit = 1
default-time-zone = +00:00
character-set-server = utf8mb4
collation-server = utf8mb4_unicode_ci
innodb-buffer-pool-size = 64M
innodb-log-file-size = 16M
max-connections = 300
# Deletes old events, as the owner of the tables.
event-scheduler = ON
performance-schema = OFF
CONF
  # Run by MariaDB at each start, so that the password in .env is the one that holds.
  accounts_sql localhost | put "$state/mysql/init.sql"
}

# database_url ACCOUNT PASSWORD SOCKET: of the database that we start.
database_url() { say "mysql://$1:$2@localhost/machine_manager?socketPath=$3"; }

render_nginx() {
  local address=${PUBLISH_ADDRESS:-127.0.0.1} kind HSTS=''
  [[ $address != localhost ]] || address=127.0.0.1
  [[ $address != *:* ]] || address="[$address]"
  # By which the API knows what comes from nginx: a new one for each start of the stack will do.
  if [[ -n $(secret PROXY_SECRET) ]]; then secret PROXY_SECRET | put "$state/run/proxy_secret"
  elif [[ ! -s $state/run/proxy_secret ]]; then openssl rand -hex 32 | put "$state/run/proxy_secret"; fi
  kind=$(TLS_CERT=${TLS_CERT-} TLS_KEY=${TLS_KEY-} "$root/nginx/certificate.sh" "$state/certificate")
  [[ $kind == self-signed ]] || HSTS='add_header Strict-Transport-Security "max-age=31536000" always;'
  put "$state/nginx/nginx.conf" 644 <<CONF
$(if is_root; then echo "user www-data;"; fi)
worker_processes 2;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  include site.conf;
}
CONF
  fill_template API_UPSTREAM "${HOST:-127.0.0.1}:${PORT:-3000}" HTTPS_LISTEN "$address:$(https_port)" \
    HTTP_LISTEN "$address:$(http_port)" HTTPS_PORT "$(https_port)" CERT "${certificates:=$inside/certificate}/cert.pem" \
    CERT_KEY "$certificates/key.pem" HSTS "$HSTS" OWN_HOSTS "$(<"$state/certificate/hosts")" \
    PROXY_SECRET "$(<"$state/run/proxy_secret")" <"$root/nginx/site.conf.template" | put "$state/nginx/site.conf"
}

# fill_template NAME VALUE …: what envsubst does, which a bare machine lacks.
fill_template() {
  local text
  text=$(cat)
  while (($#)); do
    text=${text//"\${$1}"/"$2"}
    shift 2
  done
  printf '%s\n' "$text"
}

# The settings of the API and the scheduler. They run as a user who may read no file of yours, so what NAME_FILE names
# is read here.
render_program() {
  local name value
  for name in $(setting_names); do
    case $name in
      *_FILE | SCHEDULER | MODE | HTTP_PORT | HTTPS_PORT | TLS_* | DATABASE_PASSWORD | DATABASE_OWNER_* | EVENTS_DAYS | MACHINE_COUNT | MACHINE_BASE_PORT) continue ;;
      DATABASE_URL)
        value=$(secret DATABASE_URL)
        [[ -n $value ]] || value=$(database_url machine_manager "$DATABASE_PASSWORD" "$sockets/db/mysql.sock")
        ;;
      SECRET_KEY | ADMIN_TOKEN) value=$(secret "$name") ;;
      PROXY_SECRET) value=$(<"$state/run/proxy_secret") ;;
      PRETTY_JSON) if [[ -n $1 ]]; then value=${PRETTY_JSON:-1}; else value=${PRETTY_JSON-}; fi ;;
      *) value=${!name-} ;;
    esac
    [[ $value != *$'\n'* ]] || fail "$name: must be one line"
    [[ -z $value ]] || printf '%s=%s\n' "$name" "$value"
  done | put "$state/run/program.env"
}

# What the program is made of: a `just run` after a `git pull` restarts it. (With --watch it sees that by itself.)
source_sums() {
  local sums=$state/run/sources
  if [[ -n $1 ]]; then : | put "$sums"; else
    (cd "$root" && find . \( -name node_modules -o -name .local -o -name tests -o -name .git \) -prune -o \
      -type f \( -name '*.ts' -o -name '*.sql' -o -name '*.sh' -o -name bun.lock \) -print0 | sort -z | xargs -0 sha256sum) | put "$sums"
  fi
}

# The services there shall be: $services has their names, and what is no more among them is left to `up` to remove.
render_services() {
  local watch=${1:+ --watch}
  source_sums "$1"
  services=()
  [[ -n $(secret DATABASE_URL) ]] || render_service db TERM "" "$state/mysql/my.cnf" "$state/mysql/init.sql"
  render_service api TERM "$watch" "$state/run/program.env" "$state/run/sources"
  render_service scheduler TERM "$watch" "$state/run/program.env" "$state/run/sources"
  render_service nginx QUIT "" "$state/nginx/nginx.conf" "$state/nginx/site.conf" "$state/certificate/cert.pem"
  # Not root, the program runs in the checkout itself.
  if [[ -n $watch ]] && is_root; then render_service sources TERM "" /dev/null; fi
}

# render_service NAME STOPSIGNAL ARGUMENT SETTINGS_FILE…: its folder as s6 reads it. `settings` is the checksum of its
# settings: when it changes, `up` restarts the service, and only it.
render_service() {
  local name=$1 signal=$2 argument=$3 at=$state/run/service/$1
  shift 3
  services+=("$name")
  mkdir -p "$at/log"
  put "$at/run" 700 <<RUN
#!/bin/sh
# Started again by s6-supervise a second after it ended, for ever.
exec 2>&1
umask 022
# Over what is there: that works on a full disk, too.
printf '%-10s' "\$\$" 1<>group
export CHECKOUT=$(printf %s "$root" | sha256sum | cut -c1-16) STATE=$inside APP=$app
exec bash "$(printf %s "$root" | sed 's/[\"$`]/\\&/g')/provision/native/service.sh" $name$argument
RUN
  # Called after each end. What the dead one left of its process group goes, too: nginx's workers would keep its port.
  put "$at/finish" 700 <<'FINISH'
#!/bin/sh
read -r group <group
case $group in '' | *[!0-9]* | 0 | 1) ;; *) kill -s KILL -- "-$group" 2>/dev/null ;; esac
printf '%-10s' 0 1<>group
FINISH
  [[ -e $at/group ]] || printf '%-10s' 0 >"$at/group"
  put "$at/log/run" 700 <<RUN
#!/bin/sh
exec s6-log n2 s10000000 "$inside/log/$name"
RUN
  echo "SIG$signal" | put "$at/down-signal"
  echo 12000 | put "$at/timeout-kill"
  cat "$@" "$at/run" "$at/log/run" | sha256sum | put "$at/settings"
}
