#!/bin/sh
# Runs nginx in its container, and keeps its upstream in line with the current `api` containers: nginx asks DNS only when
# it loads its configuration, so without this it would never notice `--scale api=3` or a container's new address.
set -eu

template=/opt/nginx/site.conf.template
config=/opt/nginx/docker/nginx.conf site=/tmp/site.conf
port=3000

export HTTPS_LISTEN=0.0.0.0:8443 HTTP_LISTEN=0.0.0.0:8080
export CERT=/etc/nginx/tls/cert.pem CERT_KEY=/etc/nginx/tls/key.pem
HSTS=$(cat /etc/nginx/tls/hsts) OWN_HOSTS=$(cat /etc/nginx/tls/hosts) PROXY_SECRET=$(cat /run/secrets/proxy_secret)
export HTTPS_PORT HSTS OWN_HOSTS PROXY_SECRET

# The addresses that Docker's DNS has for `api`, sorted. (The image has BusyBox's nslookup; getent if that is missing.)
in_dns() {
  {
    if command -v nslookup >/dev/null; then nslookup -type=a api 2>/dev/null | awk '/^Name:/ { found = 1 } found && /^Address/ { print $NF }'
    else getent ahostsv4 api | awk '{ print $1 }'; fi
  } | grep -E '^[0-9]+(\.[0-9]+){3}$' | sort -u || true
}

# Those to send requests to: a new container is added once it answers, and stays until DNS forgets it (nginx itself skips
# one that fails for a while).
members() {
  for address in $(in_dns); do
    case " $current " in
      *" $address "*) echo "$address" ;;
      *) if curl -fs -m 2 -o /dev/null "http://$address:$port/healthz"; then echo "$address"; fi ;;
    esac
  done | tr '\n' ' '
}

# The template has one `server ${API_UPSTREAM};`, so several are passed as "a:3000; server b:3000".
render() {
  API_UPSTREAM=
  for address in $1; do API_UPSTREAM="${API_UPSTREAM:+$API_UPSTREAM; server }$address:$port"; done
  export API_UPSTREAM
  # shellcheck disable=SC2016 # the names, not their values
  envsubst '${API_UPSTREAM} ${HTTPS_LISTEN} ${HTTP_LISTEN} ${HTTPS_PORT} ${CERT} ${CERT_KEY} ${HSTS} ${OWN_HOSTS} ${PROXY_SECRET}' <"$template" >"$site.new"
  mv "$site.new" "$site"
}

follow() {
  # (It ends with nginx, which has this script's pid.)
  while sleep 2 && kill -0 $$ 2>/dev/null; do
    found=$(members)
    # None: they are being replaced; nginx answers 503 until one is back.
    if [ -z "$found" ] || [ "$found" = "$current" ]; then continue; fi
    render "$found"
    if nginx -c "$config" -s reload; then current=$found; echo "run.sh: api is now at $current"; fi
  done
}

current=
until [ -n "$current" ]; do
  current=$(members)
  [ -n "$current" ] || { echo "run.sh: waiting for api"; sleep 1; }
done
render "$current"
echo "run.sh: api is at $current"
follow &
exec nginx -c "$config" -g 'daemon off;'
