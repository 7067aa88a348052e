# `just` lists the recipes. MODE=docker or MODE=native decides by hand where they run (else: Docker when an engine answers).

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

_list:
    @{{ just_executable() }} --justfile {{ justfile() }} --list

# Start everything: setup, demo machines, stack, registration; then print what to try
run:
    @provision/run.sh up

# The same, with API and scheduler started anew at every edit
run-dev:
    @provision/run.sh up-dev

# Install what is missing and make .env (add --tests for what the tests need)
setup *ARGS:
    @provision/setup.sh "$@"

# Start the native stack (MariaDB, API, scheduler, nginx), without making or registering machines
up:
    @MODE=native provision/setup.sh
    @provision/native.sh up

# Stop the native stack; its database stays
down:
    @provision/native.sh down

# Install the native stack as services of systemd, for a host that it runs (as root)
install-systemd:
    @MODE=native provision/setup.sh
    @provision/native.sh install-systemd

# Stop and remove these services; their database stays
uninstall-systemd:
    @provision/native.sh uninstall-systemd

# Start the stack in Docker, without making or registering machines
docker-up:
    @MODE=docker provision/setup.sh
    @provision/docker.sh up

# The same, with hot reload
docker-up-dev:
    @MODE=docker provision/setup.sh
    @provision/docker.sh up-dev

# Stop the stack in Docker; its database stays
docker-down:
    @provision/docker.sh down

# Stop the stack that docker-up-dev started
docker-down-dev:
    @provision/docker.sh down-dev

# End all reservations, delete the database in Docker, start anew
docker-reset:
    @provision/docker.sh reset

# The same, with hot reload
docker-reset-dev:
    @provision/docker.sh reset-dev

# Which service is up, and of the others since when and why they are not
status:
    @provision/$(provision/mode.sh).sh status

# Show the logs (natively: just logs api; -f goes on)
logs *ARGS:
    @provision/$(provision/mode.sh -q).sh logs "$@"

# Show the logs of run-dev
logs-dev *ARGS:
    @mode=$(provision/mode.sh -q); if [[ $mode == docker ]]; then provision/docker.sh logs-dev "$@"; else provision/native.sh logs "$@"; fi

# Show the logs of the stack in Docker
docker-logs *ARGS:
    @provision/docker.sh logs "$@"

# Show the logs of docker-up-dev
docker-logs-dev *ARGS:
    @provision/docker.sh logs-dev "$@"

# Make the demo machines with Ansible and write provision/machines.txt (MACHINE_COUNT=10)
provision:
    @provision/playbook.sh provision "$(provision/mode.sh)"

# Remove the demo machines
unprovision:
    @provision/playbook.sh unprovision "$(provision/mode.sh)"

# Remove the demo machines and make them anew
reprovision: unprovision provision

# Register a machine with the running stack; its password is asked for
register-machine NAME HOST PORT='22' USER='root':
    @provision/register.sh "$@"

# Make an admin token: from the next start on, callers must send one
token:
    @provision/token.sh

# Delete old events, which only the database's owner may: just prune-events --older-than 365d
prune-events *ARGS:
    @provision/$(provision/mode.sh -q).sh owner prune-events "$@"

# Make a new SECRET_KEY and encrypt all secrets anew, while the service runs
rotate-key:
    @provision/rotate_key.sh

# Remove everything of this checkout: reservations, stack, database, demo machines, .local, .env
clean:
    @provision/clean.sh

# Run all tests (or those that ARGS name), after installing what they need
test *ARGS:
    @provision/setup.sh --tests
    @provision/test.sh "$@"

# Run the tests of the Docker mode only (needs a Docker engine)
test-docker:
    @bun --no-env-file test tests/docker

# Break everything on purpose and check the promise; ends with a table (--long: an hour; FAULT_SEED repeats a run)
test-faults *ARGS:
    @provision/setup.sh --tests
    @provision/test_faults.sh "$@"

# Check types, lint and format
check:
    @bun --bun node_modules/.bin/tsc --noEmit
    @bun --bun node_modules/.bin/biome check .
