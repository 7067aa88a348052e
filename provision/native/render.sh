# Sourced by native.sh: writes the settings of supervisord and of its four services into .local.
# shellcheck shell=bash
# $inside is the checkout as the services see it: as root it is mounted at /mnt, in a mount namespace of their own,
# so that it may lie in /root, where no other user can go.

render() {
  local dev=$1 name
  mkdir -p "$state"/{run,log,mysql,nginx/tmp}
  chmod 755 "$state" "$state/run" "$state/mysql" "$state/nginx"
  chmod 700 "$state/log"
  for name in database nginx program supervisor; do "render_$name" "$dev"; done
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
datadir = $inside/.local/mysql/data
tmpdir = $inside/.local/mysql/tmp
socket = $sockets/db/mysql.sock
pid-file = $inside/.local/mysql/data/mariadbd.pid
init-file = $inside/.local/mysql/init.sql
secure-file-priv = $inside/.local/mysql/tmp
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
    HTTP_LISTEN "$address:$(http_port)" HTTPS_PORT "$(https_port)" CERT "$inside/.local/certificate/cert.pem" \
    CERT_KEY "$inside/.local/certificate/key.pem" HSTS "$HSTS" <"$root/nginx/site.conf.template" | put "$state/nginx/site.conf" 644
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
      *_FILE | SCHEDULER | MODE | HTTP_PORT | HTTPS_PORT | TLS_* | DATABASE_PASSWORD | DATABASE_OWNER_* | MACHINE_COUNT | MACHINE_BASE_PORT) continue ;;
      DATABASE_URL)
        value=$(secret DATABASE_URL)
        [[ -n $value ]] || value=$(database_url machine_manager "$DATABASE_PASSWORD" "$sockets/db/mysql.sock")
        ;;
      SECRET_KEY | ADMIN_TOKEN) value=$(secret "$name") ;;
      PRETTY_JSON) if [[ -n $1 ]]; then value=${PRETTY_JSON:-1}; else value=${PRETTY_JSON-}; fi ;;
      *) value=${!name-} ;;
    esac
    [[ $value != *$'\n'* ]] || fail "$name: must be one line"
    [[ -z $value ]] || printf '%s=%s\n' "$name" "$value"
  done | put "$state/run/program.env"
}

# Each service carries the checksum of its settings: when they changed, `supervisorctl update` restarts it, and only it.
render_supervisor() {
  local watch=${1:+ --watch}
  # What the program is made of: after a `git pull`, `just run` restarts it. (--watch sees that by itself.)
  if [[ -n $watch ]]; then : | put "$state/run/sources"; else
    (cd "$root" && find . \( -name node_modules -o -name .local -o -name tests -o -name .git \) -prune -o \
      -type f \( -name '*.ts' -o -name '*.sql' -o -name bun.lock \) -print0 | sort -z | xargs -0 sha256sum) | put "$state/run/sources"
  fi
  {
    cat <<CONF
[supervisord]
nodaemon = false
pidfile = $inside/.local/run/supervisord.pid
logfile = $inside/.local/log/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
childlogdir = $inside/.local/log
$(if is_root; then echo "user = root"; fi)
[supervisorctl]
[unix_http_server]
file = $sockets/supervisor.sock
chmod = 0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
CONF
    [[ -n $(secret DATABASE_URL) ]] || render_service db 10 TERM "" "$state/mysql/my.cnf" "$state/mysql/init.sql"
    render_service api 20 TERM "$watch" "$state/run/program.env" "$state/run/sources"
    render_service scheduler 20 TERM "$watch" "$state/run/program.env" "$state/run/sources"
    render_service nginx 30 QUIT "" "$state/nginx/nginx.conf" "$state/nginx/site.conf" "$state/certificate/cert.pem"
  } | put "$state/run/supervisord.conf"
}

# render_service NAME PRIORITY STOPSIGNAL ARGUMENT SETTINGS_FILE…
render_service() {
  local name=$1 priority=$2 signal=$3 argument=$4
  shift 4
  cat <<CONF
[program:$name]
command = bash $inside/provision/native/service.sh $name$argument
directory = $inside
environment = CHECKOUT="$(printf %s "$root" | sha256sum | cut -c1-16)",SETTINGS="$(cat "$@" | sha256sum | cut -c1-16)"
priority = $priority
autorestart = true
startsecs = 2
startretries = 3
stopsignal = $signal
stopwaitsecs = 12
redirect_stderr = true
stdout_logfile = $inside/.local/log/$name.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
CONF
}
