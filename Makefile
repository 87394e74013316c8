.DEFAULT_GOAL := help
.PHONY: help demo test bench lint audit

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build, start the service, load it, judge it, write report.html (needs Rust and a C compiler)
	@infra/demo.sh

test: ## every test: unit, property, and real processes under real load
	@infra/test.sh

bench: ## what a request costs, beside other load generators, as a table (half an hour; see tests/bench)
	@infra/bench.sh

lint: ## format, clippy, documentation and shell scripts, without a warning
	@infra/lint.sh

audit: ## licences, advisories and sources of every dependency (installs cargo-deny when missing)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check
