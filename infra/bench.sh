#!/usr/bin/env bash
# The figures that the README quotes, measured on this machine: release builds, peers where they can be had.
#
#   BENCH_DEMO=1     measures `make demo` from a fresh clone too (some minutes more)
#   arguments        are passed on: infra/bench.sh --only per-request --rounds 5
set -euo pipefail
cd "$(dirname "$0")/.."

infra/setup.sh taskset wrk hey h2load || echo "going on without it" >&2
peers=${CARGO_TARGET_DIR:-target}/peers
mkdir -p "$peers"
if [ ! -x "$peers/bin/oha" ] && ! command -v oha >/dev/null; then
  echo "building oha, once" >&2
  CARGO_TARGET_DIR="$peers/build" cargo install --quiet --locked --root "$peers" oha \
    || echo "oha could not be built; going on without it" >&2
  rm -rf "$peers/build"
fi
if [ ! -x "$peers/python/bin/locust" ] && infra/setup.sh venv; then
  python3 -m venv "$peers/python"
  "$peers/python/bin/pip" install --quiet --disable-pip-version-check locust \
    || echo "Locust could not be installed; going on without it" >&2
fi
# k6 is in none of Debian, crates.io, PyPI and npm; one on the PATH is used, and missing from the tables otherwise.
command -v k6 >/dev/null || echo "no k6 on the PATH; going on without it" >&2

# The routes of the service beside Express: PostgreSQL and Redis as the tests have them, its packages by npm.
infra/setup.sh postgres redis-server node npm || echo "going on without it" >&2
if command -v npm >/dev/null; then
  mkdir -p "$peers/express"
  cp tests/bench/peers/express/* "$peers/express/"
  npm install --silent --no-audit --no-fund --prefix "$peers/express" \
    || echo "Express could not be installed; going on without it" >&2
fi

cargo build --release -p service -p loadgen -p reports -p tests --bins --examples
programs=${CARGO_TARGET_DIR:-target}/release
"$programs/bench" ${BENCH_DEMO:+--demo} "$@"
