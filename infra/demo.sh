#!/usr/bin/env bash
# From a clean clone to a capacity report: builds the programs, starts the service in a folder of its own on a free
# port, fills it, sends it two hundred of phase 1's thousand users for a minute, and draws the page.
#
#   DEMO_USERS=200           how many
#   DEMO_OUT=report.html     the page
set -euo pipefail
cd "$(dirname "$0")/.."

users=${DEMO_USERS:-200}
out=${DEMO_OUT:-report.html}
programs=${CARGO_TARGET_DIR:-target}/demo
say() { printf '\n── %s\n\n' "$*" >&2; }

say "building the programs: nine to eleven minutes on two cores, once"
# Without what only a public service needs (Swagger UI, brotli): a third less to build.
cargo build --profile demo --no-default-features -p service -p loadgen -p reports

site=$(mktemp -d)
service=
cleanup() {
  if [ -n "$service" ]; then
    kill "$service" 2>/dev/null || true
    wait "$service" 2>/dev/null || true
  fi
  rm -rf "$site"
}
trap cleanup EXIT
# Ctrl-C reaches loadgen, which stops, keeps its record and says so; the page is drawn of what there is.
trap : INT

say "filling a fresh database"
export SERVICE_DATABASE_PATH=$site/service.db
"$programs/service" seed --users 1000 --accounts "$site/accounts.csv"

"$programs/service" serve --listen 127.0.0.1:0 >"$site/out" 2>"$site/log" &
service=$!
url=
for _ in $(seq 100); do
  url=$(sed -n 's/^listening \(http[^ ]*\).*$/\1/p' "$site/out")
  [ -n "$url" ] && break
  kill -0 "$service" 2>/dev/null || break
  sleep 0.1
done
if [ -z "$url" ]; then
  echo "the service did not come up:" >&2
  cat "$site/log" >&2
  exit 1
fi

cat >"$site/demo.yaml" <<YAML
extends: $PWD/scenarios/phase-1k.yaml
version: 1
name: phase-1k-demo
about: Phase 1 at the size of a demonstration, $users of its thousand users for a minute.
load:
  users: { stages: [{ to: $users, over: 15s }, { hold: 1m }] }
  warm_up: 15s
YAML

record=runs/demo-$(date +%Y%m%d-%H%M%S)
say "phase 1 with $users users against $url"
verdict=0
"$programs/loadgen" run "$site/demo.yaml" --target "$url" --var "accounts=$site/accounts.csv" --out "$record" || verdict=$?

"$programs/reports" html "$record" --out "$out"
say "record  $PWD/$record
   report  $(realpath "$out")"
# A verdict of any kind is what the demonstration is for; only a run that could not be made is a failure of it.
case $verdict in
  0 | 10 | 12 | 130) ;;
  *) exit "$verdict" ;;
esac
