#!/usr/bin/env bash
# The stack in containers: database, API, scheduler and nginx, as compose.yml describes them.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOF'
usage: provision/docker.sh COMMAND

  up, up-dev        builds the image, starts what does not stand yet, waits until it answers
                    (-dev: sources from this checkout, reloaded when they change)
  down, down-dev    stops it; the database stays
  reset, reset-dev  ends all reservations, deletes the database, starts anew
  logs, logs-dev    what the containers say; options go to `docker compose logs`
  status            what runs, and whether it answers
  clean             removes all of it: containers, database, image, demo machines, .local, .env

Settings come from .env and from the environment (which wins): HTTPS_PORT, PUBLISH_ADDRESS, COMPOSE_PROJECT_NAME,
and those of the program.
EOF
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'docker.sh: %s\n' "$*" >&2
  exit 1
}

# setting NAME DEFAULT: from the environment, else from .env (read as text, never run), else the default.
setting() {
  local value=${!1:-}
  if [[ -z $value && -r .env ]]; then
    value=$(sed -n "s/^$1=//p" .env | tail -n 1)
    value=${value#[\"\']} value=${value%[\"\']}
  fi
  printf '%s' "${value:-$2}"
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
  # One project for each checkout, so that two of them don't share a database.
  COMPOSE_PROJECT_NAME=$(setting COMPOSE_PROJECT_NAME "machine-manager-$(pwd -P | cksum | cut -d' ' -f1)")
  APP_VERSION=$(sed -n 's/^  "version": "\(.*\)".*/\1/p' package.json)
  HTTPS_PORT=$(setting HTTPS_PORT 443)
  PUBLISH_ADDRESS=$(setting PUBLISH_ADDRESS 127.0.0.1)
  DEV_USER=$(find . -maxdepth 0 -printf '%U:%G')
  if [[ $DEV_USER == 0:* ]]; then DEV_USER=1000:1000; fi # root's checkouts are read as bun
  export COMPOSE_PROJECT_NAME APP_VERSION HTTPS_PORT PUBLISH_ADDRESS DEV_USER COMPOSE_FILE=compose.yml
  if [[ $1 == *-dev ]]; then COMPOSE_FILE=compose.yml:compose.dev.yml; fi
  url=https://localhost
  if [[ $HTTPS_PORT != 443 ]]; then url+=:$HTTPS_PORT; fi
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
  mkdir -p .local/docker && chmod 700 .local/docker
  mkdir -p .local/docker/secrets .local/docker/tls
  chmod 755 .local/docker/secrets .local/docker/tls
  umask 022
  local key password root=.local/docker/secrets/database_root_password
  key=$(setting SECRET_KEY "") password=$(setting DATABASE_PASSWORD "")
  [[ -n $key && -n $password ]] || fail ".env lacks SECRET_KEY or DATABASE_PASSWORD; delete it and run: just setup"
  [[ $password =~ ^[A-Za-z0-9_-]+$ ]] || fail "DATABASE_PASSWORD in .env may hold letters, digits, _ and - only"
  write_secret secret_key "$key"
  write_secret admin_token "$(setting ADMIN_TOKEN "")"
  write_secret database_password "$password"
  write_secret database_url "mysql://machine_manager:$password@db:3306/machine_manager"
  if [[ ! -s $root ]]; then od -An -tx1 -N24 /dev/urandom | tr -d ' \n' >"$root"; fi
}

make_certificate() {
  nginx/certificate.sh .local/docker/tls
  HSTS= # TODO
  export HSTS
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

answers() { curl --silent --insecure --fail --max-time 3 --output /dev/null "https://${PUBLISH_ADDRESS/#0.0.0.0/127.0.0.1}:$HTTPS_PORT/readyz"; }

up() {
  make_secrets
  make_certificate
  get_images
  # Changed files have containers made anew that mount them.
  CONFIG_STAMP=$(cat .local/docker/secrets/* .local/docker/tls/* nginx/site.conf.template nginx/docker/* | cksum | cut -d' ' -f1)
  export CONFIG_STAMP
  if [[ $COMPOSE_FILE == *dev* ]]; then mkdir -p node_modules; fi # a place to mount the image's packages on
  say "building $COMPOSE_PROJECT_NAME:$APP_VERSION"
  docker compose build --quiet || fail "the image can't be built (see above). Run without containers: MODE=native just run"
  say "starting database, API, scheduler and nginx"
  docker compose up --detach --remove-orphans --wait --wait-timeout 180 || {
    docker compose ps --all
    docker compose logs --tail 15
    fail "the stack did not come up; its last words are above. If port $HTTPS_PORT is taken: HTTPS_PORT=8443 just run"
  }
  local deadline=$((SECONDS + 60))
  until answers; do
    ((SECONDS < deadline)) || fail "$url/readyz does not answer; look at: just docker-logs"
    sleep 0.5
  done
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
  docker image rm "$COMPOSE_PROJECT_NAME:$APP_VERSION" >/dev/null 2>&1 || true
  if command -v ansible-playbook >/dev/null; then ansible-playbook provision/unprovision.yml -e mode=docker; fi
  rm -rf .local .env provision/machines.txt
}

status() {
  docker compose ps --all
  if answers; then say "ready: $url"; else
    say "$url does not answer; start it with: just run"
    return 1
  fi
}

command=${1:-help}
shift || true
case $command in
  help | -h | --help) usage && exit ;;
  up | up-dev | down | down-dev | reset | reset-dev | logs | logs-dev | status | clean) ;;
  *) usage >&2 && exit 2 ;;
esac
need_engine
prepare "$command"
case $command in
  up | up-dev) up ;;
  down | down-dev) down ;;
  reset | reset-dev)
    release_all
    down --volumes
    up
    ;;
  logs | logs-dev) docker compose logs "${@:---tail=200}" ;;
  status) status ;;
  clean) clean ;;
esac
