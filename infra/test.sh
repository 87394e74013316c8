#!/usr/bin/env bash
# Every test, on the binaries that it builds first.
set -euo pipefail
cd "$(dirname "$0")/.."

infra/setup.sh chromium chromedriver venv taskset promtool npm
infra/setup.sh postgres redis-server rabbitmq-server nginx prometheus
infra/setup.sh prometheus-postgres-exporter prometheus-redis-exporter prometheus-nginx-exporter
# A reader of HdrHistogram logs that is not ours, for the test that compares the two; and a client that makes requests up
# from the API's description.
python=${CARGO_TARGET_DIR:-target}/python
if ! "$python/bin/python" -c 'import hdrh, schemathesis' 2>/dev/null; then
  rm -rf "$python"
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check hdrhistogram==0.10.8 schemathesis==4.32.5
fi

# What judges pages for people who see, hear or move less.
axe=${CARGO_TARGET_DIR:-target}/axe
if [ ! -e "$axe/node_modules/axe-core/axe.min.js" ]; then
  npm install --silent --no-fund --no-audit --no-save --prefix "$axe" axe-core@4.10.3
fi

cargo build --workspace --bins
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace
else
  # Without nextest nothing keeps the tests that measure time apart from the others: one at a time, then.
  cargo test --workspace --exclude tests --lib --bins --tests
  cargo test --package tests -- --test-threads=1
fi
cargo test --workspace --doc --quiet
echo "test: all green"
