#!/usr/bin/env bash
# Format, lints, documentation and shell scripts, each without a warning.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
infra/setup.sh shellcheck
shellcheck .ci/run infra/*.sh
echo "lint: clean"
