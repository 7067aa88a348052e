#!/usr/bin/env bash
# Makes sure that Bun and just are installed; setup.ts does the rest.
# usage: provision/setup.sh [--tests] [--packages]   as setup.ts
#        provision/setup.sh --bun                    only Bun and just
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "setup: $*" >&2; exit 1; }

# `npx rust-just` puts a temporary `just` on PATH, which does not count.
lasting=$(tr ':' '\n' <<<"$PATH" | grep -v '/_npx/' | paste -sd:)
there() { PATH=$lasting command -v "$1" >/dev/null; }
# Older Bun lacks what we use; newer is fine.
new_enough() { printf '1.4\n%s\n' "$(bun --version)" | sort -VC; }

wanted=()
{ there bun && new_enough; } || wanted+=(bun@1.4.5)
there just || wanted+=(rust-just@1.57.0)
if ((${#wanted[@]})); then
  there npm || fail "npm is missing; install Node.js with npm (Debian: apt-get install nodejs npm)"
  if [[ $(id -u) != 0 ]]; then
    as_root="env ${MODE:+MODE=$MODE }PATH=\"\$PATH\" bash provision/setup.sh --packages"
    if [[ " $* " == *" --tests "* ]]; then as_root+=' --tests'; fi
    echo "setup: missing here: ${wanted[*]}" >&2
    if there sudo; then printf '%s\n' "Type this, then the same command again:" "  sudo $as_root" >&2
    else printf '%s\n' "There is no sudo here. As root, in $PWD, type this, then the same command again:" "  $as_root" >&2; fi
    exit 1
  fi
  echo "setup: installing ${wanted[*]} (npm)"
  npm install --global --no-fund --no-audit "${wanted[@]}" >/dev/null </dev/null || fail "npm could not install ${wanted[*]}: see above"
  hash -r
  { there bun && there just; } || fail "installed, but still not on PATH: ${wanted[*]}"
fi
[[ ${1:-} != --bun ]] || exit 0
exec bun --no-env-file provision/setup.ts "$@"
