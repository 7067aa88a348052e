#!/usr/bin/env bash
# The stack in containers: database, API, scheduler and nginx, as compose.yml describes them.
set -euo pipefail
# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=provision/docker/status.sh
. "$root/provision/docker/status.sh"
cd "$root"

usage() {
  cat <<'EOF'
usage: provision/docker.sh COMMAND

  up, up-dev        builds the image, starts what does not stand yet, waits until it answers
                    (-dev: sources from this checkout, reloaded when they change);
                    options go to `docker compose up`, such as: --scale api=3
  down, down-dev    stops it; the database stays
  reset, reset-dev  ends all reservations, deletes the database, starts anew
  logs, logs-dev    what the containers say; options go to `docker compose logs`
  compose ARGUMENTS `docker compose` on this stack, such as: compose restart db
  owner COMMAND     runs a command of the program as the database's owner: owner prune-events --older-than 365d
  program COMMAND   runs a command of the program with its own settings: program rotate-key --finish
  project           the name that this checkout's containers begin with
  status            what runs, and whether it answers
  clean             removes all of it: containers, database, image, demo machines, .local, .env

Settings come from .env and from the environment (which wins); .env.example lists them.
COMPOSE_PROJECT_NAME (environment only) names the containers; by default it comes from this folder's path.
EOF
}

need_engine() {
  command -v docker >/dev/null || fail "there is no docker command here. Run it without: MODE=native just run"
  local why
  why=$(docker info 2>&1 >/dev/null) || fail "no Docker engine answers (${why%%$'\n'*}).
  Start one, or may you not use it (group docker)? Or run without: MODE=native just run"
  docker compose version >/dev/null 2>&1 ||
    fail "docker has no 'compose' (install docker-compose-plugin). Or run without: MODE=native just run"
}

# What compose.yml leaves open.
prepare() {
  # shellcheck disable=SC2034 # lib.sh asks it
  mode=docker
  load_env
  COMPOSE_PROJECT_NAME=$(compose_project)
  : "${PUBLISH_ADDRESS:=127.0.0.1}"
  APP_VERSION=$(sed -n 's/^  "version": "\(.*\)".*/\1/p' package.json)
  HTTPS_PORT=$(https_port)
  url=$(public_url)
  DEV_USER=$(stat -c %u:%g .)
  if [[ $DEV_USER == 0:* ]]; then DEV_USER=1000:1000; fi # root's checkout is read as bun
  COMPOSE_FILE=compose.yml
  if [[ $1 == *-dev ]]; then COMPOSE_FILE=compose.yml:compose.dev.yml; fi
  if [[ ! -t 1 ]]; then export COMPOSE_ANSI=never; fi
  export COMPOSE_PROJECT_NAME COMPOSE_FILE APP_VERSION HTTPS_PORT PUBLISH_ADDRESS DEV_USER
}

# write_secret NAME TEXT, in place: a file that a container has mounted must stay the same file.
write_secret() {
  local file=.local/docker/secrets/$1
  if [[ ! -f $file || $(<"$file") != "$2" ]]; then printf '%s' "$2" >"$file"; fi
}

# The containers' users (1000, 999, 101) read these files, so they are open to all, in a folder that is closed to all
# but its owner: Docker mounts them from behind that door. It needs no chown, so it works without root too.
make_secrets() {
  [[ -f .env ]] || fail ".env is missing; make it with: just setup"
  umask 022
  mkdir -p .local/docker && chmod 700 .local/docker
  mkdir -p .local/docker/secrets .local/docker/tls
  chmod 755 .local/docker/secrets .local/docker/tls
  local key token root_password=.local/docker/secrets/database_root_password
  key=$(secret SECRET_KEY) token=$(secret ADMIN_TOKEN)
  [[ -n $key ]] || fail ".env lacks SECRET_KEY; add it with: just setup"
  accounts_sql % >/dev/null # whether their passwords are there
  is_loopback "$PUBLISH_ADDRESS" || [[ -n $token ]] ||
    fail "PUBLISH_ADDRESS=$PUBLISH_ADDRESS publishes the API beyond this machine: set ADMIN_TOKEN in .env, or PUBLISH_ADDRESS=127.0.0.1"
  write_secret secret_key "$key"
  write_secret admin_token "$token"
  rm -f .local/docker/secrets/database_password # an earlier version's
  write_secret database_url "mysql://machine_manager:$DATABASE_PASSWORD@db:3306/machine_manager"
  write_secret database_owner_url "mysql://machine_manager_owner:$DATABASE_OWNER_PASSWORD@db:3306/machine_manager"
  if [[ ! -s $root_password ]]; then openssl rand -hex 24 >"$root_password"; fi
  if [[ -n $(secret PROXY_SECRET) ]]; then write_secret proxy_secret "$(secret PROXY_SECRET)"
  elif [[ ! -s .local/docker/secrets/proxy_secret ]]; then openssl rand -hex 32 >.local/docker/secrets/proxy_secret; fi
}

make_certificate() {
  local kind hsts='' name
  export TLS_CERT=${TLS_CERT-} TLS_KEY=${TLS_KEY-}
  kind=$(nginx/certificate.sh .local/docker/certificate)
  if [[ $kind == real ]]; then hsts='add_header Strict-Transport-Security "max-age=31536000" always;'; fi
  printf '%s' "$hsts" >.local/docker/tls/hsts
  for name in cert.pem key.pem hosts; do install -m 444 ".local/docker/certificate/$name" ".local/docker/tls/$name"; done
}

get_images() {
  local image
  for image in $(docker compose config --images | grep -v "^$COMPOSE_PROJECT_NAME:") $(sed -n 's/^FROM \([^ ]*\).*/\1/p' Dockerfile | sort -u); do
    docker image inspect "$image" >/dev/null 2>&1 && continue
    say "getting $image"
    docker pull --quiet "$image" >/dev/null || fail "the image $image can't be had (is a registry within reach?).
  Run without containers: MODE=native just run"
  done
}

# When one of these files changes, the containers that mount it are made anew.
stamp() { cat "$@" 2>/dev/null | cksum | cut -d' ' -f1; }
stamps() {
  SECRETS_STAMP=$(stamp .local/docker/secrets/{database_url,secret_key,admin_token,proxy_secret}) NGINX_STAMP=$(stamp .local/docker/tls/* nginx/site.conf.template nginx/docker/*)
  export SECRETS_STAMP NGINX_STAMP
}

address() { say "${PUBLISH_ADDRESS/#0.0.0.0/127.0.0.1}"; }
answers() { curl --silent --insecure --fail --max-time 3 --output /dev/null "https://$(address):$HTTPS_PORT/readyz"; }

check_port() {
  if [[ $(docker compose port nginx 8443 2>/dev/null) == *":$HTTPS_PORT" ]]; then return; fi
  if (exec 3<>"/dev/tcp/$(address)/$HTTPS_PORT") 2>/dev/null; then
    fail "port $HTTPS_PORT is taken by something else (ss -ltnp shows it); end that, or take another: HTTPS_PORT=8443 just run"
  fi
}

# give_up [SERVICE]: shows why the stack does not come up, and stops.
give_up() {
  local services
  docker compose ps --all >&2
  services=${1:-$(docker compose ps --all --format '{{.Service}} {{.State}} {{.Health}}' | awk '$2 != "running" || $3 == "unhealthy" { print $1 }' | sort -u)}
  # shellcheck disable=SC2086 # a word each
  docker compose logs --tail 15 $services | sed 's/^\x1b\[2K//' >&2
  fail "the stack did not come up: see above; all of its log: just docker-logs. After mending it: just run"
}

# bring_up ARGUMENT…: `docker compose up` until all answers, or one has ended four times meanwhile: it would be tried again
# for ever.
bring_up() {
  local since up service
  since=$(date -u +%FT%TZ)
  docker compose up --detach --wait --wait-timeout 180 "$@" &
  up=$!
  while kill -0 "$up" 2>/dev/null; do
    for service in db api scheduler nginx; do
      if (($(ends_of "$service" "$since" | wc -l) >= 4)); then
        kill "$up" 2>/dev/null || true
        say "$service does not start" >&2
        give_up "$service"
      fi
    done
    sleep 1
  done
  wait "$up" || give_up
}

# Makes the database and its accounts, in a volume of an earlier version too: as MariaDB's root, over its socket. Their
# passwords go through standard input and root's is read in the container, so no process list shows any.
make_accounts() {
  # shellcheck disable=SC2016 # for the shell in there
  accounts_sql % | docker compose exec -T db sh -c \
    'MYSQL_PWD=$(cat /run/secrets/database_root_password) exec mariadb --user=root --protocol=socket' ||
    fail "MariaDB refused its root (see above). Is .local/docker/secrets/database_root_password the one that the volume was made with?"
}

# Runs one of the program's commands with the program's own settings.
program() { docker compose exec --no-TTY api bun --no-env-file server.ts "$@"; }

# Runs one of the program's commands as the database's owner.
owner() { docker compose run --rm --no-deps --no-TTY owner "$@"; }

up() {
  make_secrets
  make_certificate
  get_images
  check_port
  stamps
  if [[ $COMPOSE_FILE == *dev* ]]; then mkdir -p node_modules; fi # a place for a mount
  say "building $COMPOSE_PROJECT_NAME:$APP_VERSION"
  docker compose build --quiet || fail "the image can't be built (see above). Run without containers: MODE=native just run"
  say "starting database, API, scheduler and nginx"
  bring_up db
  make_accounts
  owner migrate || fail "the tables are not up to date: see above. After mending it: just run"
  bring_up --remove-orphans "$@"
  local deadline=$((SECONDS + 60))
  until answers; do
    ((SECONDS < deadline)) || fail "$url/readyz does not answer; look at: just docker-logs"
    sleep 0.5
  done
  # Images of earlier builds, which nothing uses any more.
  docker image prune --force --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" >/dev/null
  say "ready: $url (Docker, project $COMPOSE_PROJECT_NAME)"
}

down() { docker compose down --remove-orphans "$@"; }

# Whoever deletes the database also ends what only the database knows: the accounts on the machines.
release_all() {
  docker compose exec -T api bun --no-env-file -e '
    const token = await Bun.file("/run/secrets/admin_token").text();
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await fetch("http://127.0.0.1:3000/release_all", { method: "POST", headers, signal: AbortSignal.timeout(60_000) });
    console.log(await answer.text());' 2>/dev/null || say "no API answers, so no reservation was ended"
}

clean() {
  release_all
  down --volumes
  docker image ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" | sort -u |
    xargs --no-run-if-empty docker image rm --force >/dev/null
  if command -v ansible-playbook >/dev/null; then provision/playbook.sh unprovision docker; fi
  # The demo machines' image, unless another checkout's machines run on it.
  docker image prune --all --force --filter label=machine-manager.demo=true >/dev/null
  rm -rf .local .env provision/machines.txt
}

logs() {
  # Some versions of Compose put "erase line" before each line, even into a file.
  if [[ -t 1 ]]; then docker compose logs --follow --tail=100 "$@"; else docker compose logs "$@" | sed 's/^\x1b\[2K//'; fi
}

command=${1:-help}
shift || true
case $command in
  help | -h | --help) usage && exit ;;
  project) compose_project && exit ;;
  up | up-dev | down | down-dev | reset | reset-dev | logs | logs-dev | compose | owner | program | status | clean) ;;
  *) usage >&2 && exit 2 ;;
esac
if [[ $command == owner ]] && asks_help "$@"; then exec bun --no-env-file server.ts "$@"; fi
need_engine
prepare "$command"
case $command in
  up | up-dev) up "$@" ;;
  down | down-dev) down "$@" ;;
  reset | reset-dev)
    release_all
    down --volumes
    up
    ;;
  logs | logs-dev) logs "$@" ;;
  compose)
    stamps
    docker compose "$@"
    ;;
  owner)
    [[ -n $(docker compose ps --quiet --status running db) ]] || fail "nothing runs; start it with: just run"
    owner "$@"
    ;;
  program)
    stamps
    program "$@"
    ;;
  status) status ;;
  clean) clean ;;
esac
