#!/usr/bin/env bash
# Puts the TLS pair that nginx shall serve into a folder, as cert.pem and key.pem.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: nginx/certificate.sh DIR

After it, DIR holds cert.pem, key.pem (mode 600) and hosts, the names in the certificate for nginx: your own pair when there is one, that is
  the files named by TLS_CERT and TLS_KEY, or nginx/certs/fullchain.pem and nginx/certs/privkey.pem,
else a self-signed pair for localhost, 127.0.0.1 and ::1, made once and kept until 30 days before its end.
Prints one word: `real` or `self-signed`.
USAGE
}
fail() { echo "certificate.sh: $*" >&2; exit 1; }

case ${1:-} in -h | --help) usage; exit 0 ;; '') usage >&2; exit 2 ;; esac
command -v openssl >/dev/null || fail "openssl is missing; install it with: apt-get install openssl"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
umask 077
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# Puts a pair in place; each file is whole at every moment, and the key is never readable by others.
install_pair() {
  local from to
  for from in "$1:cert.pem" "$2:key.pem"; do
    to=$dir/${from##*:} from=${from%:*}
    cmp -s "$from" "$to" && continue
    cat "$from" >"$to.new"
    mv -f "$to.new" "$to"
  done
  chmod 644 "$dir/cert.pem"
  chmod 600 "$dir/key.pem"
  own_hosts >"$dir/hosts"
  chmod 644 "$dir/hosts"
}

# The names that the certificate is for, as lines of nginx's map: whoever asks for another one is sent to the first.
own_hosts() {
  local kind name first=''
  while IFS=: read -r kind name; do
    name=$(tr -d ' ' <<<"$name")
    [[ $name =~ ^(\*\.)?[A-Za-z0-9.:_-]+$ ]] || continue
    [[ $kind != *IP* || $name != *:* ]] || name="[$(tr A-F a-f <<<"$name")]"
    [[ -n $first || $name == \** ]] || first=$name
    printf '"%s" $host;\n' "$name"
  done < <(openssl x509 -in "$dir/cert.pem" -noout -ext subjectAltName 2>/dev/null | tr , '\n' | grep -E '^ *(DNS|IP Address):' | awk '!seen[$0]++')
  printf 'default %s;\n' "${first:-localhost}"
}

public_key() { openssl "$@" 2>/dev/null | openssl sha256; }

cert=${TLS_CERT:-} key=${TLS_KEY:-}
if [[ -z $cert && -z $key ]]; then
  cert=$here/certs/fullchain.pem key=$here/certs/privkey.pem
  [[ -e $cert || -e $key ]] || cert='' key=''
fi

if [[ -n $cert || -n $key ]]; then
  [[ -r $cert ]] || fail "can't read the certificate '${cert}' (TLS_CERT and TLS_KEY, or both files in nginx/certs, are needed)"
  [[ -r $key ]] || fail "can't read the private key '${key}' (TLS_CERT and TLS_KEY, or both files in nginx/certs, are needed)"
  openssl pkey -in "$key" -passin pass: -noout 2>/dev/null || fail "$key is not a private key without a passphrase"
  [[ $(public_key x509 -in "$cert" -noout -pubkey) == "$(public_key pkey -in "$key" -passin pass: -pubout)" ]] ||
    fail "$key does not belong to the certificate $cert"
  openssl x509 -in "$cert" -noout -checkend 0 >/dev/null || echo "certificate.sh: warning: $cert has expired" >&2
  install_pair "$cert" "$key"
  echo real
  exit 0
fi

own=$dir/self-signed.pem own_key=$dir/self-signed.key
if ! { [[ -s $own && -s $own_key ]] && openssl x509 -in "$own" -noout -checkend $((30 * 86400)) >/dev/null 2>&1; }; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -sha256 \
    -subj "/CN=localhost/O=Machine Manager, self-signed" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" \
    -addext "basicConstraints=critical,CA:FALSE" \
    -addext "keyUsage=critical,digitalSignature" \
    -addext "extendedKeyUsage=serverAuth" \
    -keyout "$own_key.new" -out "$own.new" 2>/dev/null || fail "openssl could not make a certificate in $dir"
  mv -f "$own_key.new" "$own_key"
  mv -f "$own.new" "$own"
fi
install_pair "$own" "$own_key"
echo self-signed
