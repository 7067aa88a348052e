#!/usr/bin/env bash
# Runs one of the Ansible playbooks here, for one mode, with all of Ansible's own files inside .local.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ ${1:-} =~ ^(provision|unprovision)$ && ${2:-} =~ ^(docker|native)$ ]] || {
  say "usage: provision/playbook.sh provision|unprovision docker|native   (MACHINE_COUNT=10 machines)"
  exit 2
}
load_env
count=${MACHINE_COUNT:-10}
[[ $count =~ ^[0-9]{1,3}$ ]] || fail "MACHINE_COUNT=$count: must be a number from 0 to 999"
first=${MACHINE_BASE_PORT:-2221}
[[ $first =~ ^[0-9]{1,5}$ ]] || fail "MACHINE_BASE_PORT=$first: must be a port"
command -v ansible-playbook >/dev/null || fail "Ansible is missing; install it with: just setup"
mkdir -p "$state/ansible"
# Ansible refuses to start in a locale that is not UTF-8, which a bare machine's is not.
export LC_ALL=C.UTF-8 ANSIBLE_HOME=$state/ansible ANSIBLE_LOCAL_TEMP=$state/ansible/tmp ANSIBLE_REMOTE_TEMP=$state/ansible/tmp
cd "$root"
exec ansible-playbook "provision/$1.yml" -e "mode=$2" -e "count=$count" -e "base_port=$first"
