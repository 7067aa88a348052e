# `just` lists the recipes. MODE=docker or MODE=native chooses where they run (default: Docker if an engine answers).

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments
# A recipe that fails has already said why.
set no-exit-message

# Runs a script with Bun; `stack` is the stack in either mode, or (`here`) in the one that runs here.
script := "provision/bun.sh"
stack := "provision/bun.sh provision/stack.ts"

_list:
    @{{ just_executable() }} --justfile {{ justfile() }} --list --unsorted

# Start everything: setup, demo machines, stack, registration; then print what to try
[group('start here')]
run:
    @provision/setup.sh --bun
    @bun --no-env-file provision/run.ts up

# Start everything with hot reload: API and scheduler restart when a source file changes
[group('start here')]
run-dev:
    @provision/setup.sh --bun
    @bun --no-env-file provision/run.ts up-dev

# Install what is missing and make .env (--tests: also what the tests need)
[group('start here')]
setup *ARGS:
    @provision/setup.sh "$@"

# Remove everything that belongs to this checkout: reservations, stack, database, demo machines, .local, .env
[group('start here')]
clean:
    @{{ script }} provision/clean.ts

# Show which services are up; for the others, since when and why they are down
[group('what runs')]
status:
    @{{ stack }} here status

# Show the logs (native mode: just logs api; -f follows)
[group('what runs')]
logs *ARGS:
    @{{ stack }} here logs "$@"

# Show the logs of a stack that run-dev started
[group('what runs')]
logs-dev *ARGS:
    @{{ stack }} here logs-dev "$@"

# Register a machine with the running stack; prompts for its password
[group('operate')]
register-machine NAME='' HOST='' PORT='22' USER='root' LABELS='':
    @{{ script }} provision/register_machine.ts "$@"

# Make an admin token; after the next start, callers must send it
[group('operate')]
token:
    @{{ script }} provision/token.ts

# Delete old events, as the database's owner: just prune-events --older-than 365d
[group('operate')]
prune-events *ARGS:
    @{{ stack }} here owner prune-events "$@"

# Make a new SECRET_KEY and re-encrypt all secrets with it, while the service runs
[group('operate')]
rotate-key:
    @{{ script }} provision/rotate_key.ts

# Start the native stack (MariaDB, API, scheduler, nginx), without making or registering machines
[group('native stack')]
up:
    @MODE=native provision/setup.sh
    @{{ stack }} native up

# Stop the native stack; its database stays
[group('native stack')]
down:
    @{{ stack }} native down

# Install the native stack as systemd services (as root)
[group('native stack')]
install-systemd:
    @MODE=native provision/setup.sh
    @{{ stack }} native install-systemd

# Stop and remove the services that install-systemd made; their database stays
[group('native stack')]
uninstall-systemd:
    @{{ stack }} native uninstall-systemd

# Start the stack in Docker, without making or registering machines
[group('stack in Docker')]
docker-up:
    @MODE=docker provision/setup.sh
    @{{ stack }} docker up

# Start the stack in Docker with hot reload, without making or registering machines
[group('stack in Docker')]
docker-up-dev:
    @MODE=docker provision/setup.sh
    @{{ stack }} docker up-dev

# Stop the stack in Docker; its database stays
[group('stack in Docker')]
docker-down:
    @{{ stack }} docker down

# Stop the stack in Docker that docker-up-dev started; its database stays
[group('stack in Docker')]
docker-down-dev:
    @{{ stack }} docker down-dev

# End all reservations, delete the database in Docker, start the stack with an empty one
[group('stack in Docker')]
docker-reset:
    @{{ stack }} docker reset

# End all reservations, delete the database in Docker, start the stack with an empty one and hot reload
[group('stack in Docker')]
docker-reset-dev:
    @{{ stack }} docker reset-dev

# Show the logs of the stack in Docker
[group('stack in Docker')]
docker-logs *ARGS:
    @{{ stack }} docker logs "$@"

# Show the logs of the stack in Docker that docker-up-dev started
[group('stack in Docker')]
docker-logs-dev *ARGS:
    @{{ stack }} docker logs-dev "$@"

# Make the demo machines with Ansible and write provision/machines.txt (MACHINE_COUNT=10)
[group('demo machines')]
provision:
    @{{ script }} provision/playbook.ts provision

# Remove the demo machines
[group('demo machines')]
unprovision:
    @{{ script }} provision/playbook.ts unprovision

# Remove the demo machines and make new ones
[group('demo machines')]
reprovision: unprovision provision

# Build the dashboard into web/dist (run, run-dev and the Docker image do it themselves)
[group('tests')]
web:
    @{{ script }} web/build.ts

# Take the documents' pictures of the dashboard from the running stack: just pictures https://localhost
[group('tests')]
pictures *ARGS:
    @{{ script }} provision/checks/pictures.ts "$@"

# Check types, lint, format and shell scripts
[group('tests')]
check:
    @{{ script }} provision/checks/check.ts

# Run the fast tests (or the files that ARGS name, of any tier), after installing what they need
[group('tests')]
test *ARGS:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts "$@"

# Run the tests of the dashboard (on real machines) and Swagger UI in Chromium (FILES="pool.e2e.ts" runs some)
[group('tests')]
test-browser:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts --browser

# Run the tests of the native stack, of setup and of the demo machines
[group('tests')]
test-native:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts --native

# Run the tests of the Docker mode (needs a Docker engine)
[group('tests')]
test-docker:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts --docker

# Break everything on purpose and check the promise; ends with a table (--long: an hour; FAULT_SEED repeats a run)
[group('tests')]
test-faults *ARGS:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts --faults "$@"

# Run all tests: test, test-browser, test-native, test-docker, test-faults
[group('tests')]
test-all:
    @provision/setup.sh --tests
    @{{ script }} provision/checks/test.ts --all
