#!/usr/bin/env bash
# Installs what the tests use beyond Rust, where it is missing, from Debian's packages.
#
#   infra/setup.sh PROGRAM…      chromium chromedriver shellcheck venv taskset promtool wrk hey h2load go
#                                postgres redis-server rabbitmq-server nginx prometheus prometheus-…-exporter
#                                node npm
#
# Servers are installed and not started: whoever uses them starts them, on ports and in folders of their own.
# Ends with 1 and one line that says what to install when it cannot do so itself.
set -euo pipefail

# Whether PROGRAM can be used, and the packages that bring it.
present() {
  case $1 in
    venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    postgres) compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ;;
    rabbitmq-server) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] ;;
    nginx) [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
packages() {
  case $1 in
    chromium) echo chromium ;;
    chromedriver) echo chromium-driver ;;
    venv) echo python3 python3-venv ;;
    taskset) echo util-linux ;;
    promtool) echo prometheus ;;
    postgres) echo postgresql ;;
    node) echo nodejs ;;
    go) echo golang-go ;;
    h2load) echo nghttp2-client ;;
    *) echo "$1" ;;
  esac
}

missing=()
for program in "$@"; do
  if ! present "$program"; then
    read -ra needed <<<"$(packages "$program")"
    missing+=("${needed[@]}")
  fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
  echo "missing: ${missing[*]} (Debian's names); install them and try again" >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
log=$(mktemp)
# Debian starts what it installs, unless this file says no; one that is there already is somebody's decision.
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
  ours=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
cleanup() {
  rm -f "$log"
  [ -z "$ours" ] || "${as_root[@]}" rm -f "$policy"
}
trap cleanup EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get -qq update &&
  "${as_root[@]}" apt-get -qq -y --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "could not install ${missing[*]}; install them by hand and try again" >&2
  exit 1
fi
