# What people and CI do with this repository. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
SOURCE ?=

.PHONY: help quickstart check soak bench build test fmt lint deny doc interfaces man install uninstall deb rpm clean

help: ## List these targets
	@echo "Usage: make TARGET"
	@sed -nE 's/^([a-z]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

quickstart: ## See it work: back up SOURCE=DIR on a private bus, restore it, compare
	@tests/quickstart/quickstart.sh "$(SOURCE)"

check: ## All that must hold before a change goes in: format, lints, dependencies, tests, documentation
	@scripts/check.sh

soak: ## Live many simulated years: `BACKUPD_SIM_SEEDS=1000` worlds, `BACKUPD_SIM_DAYS=60` days each
	BACKUPD_SIM_SEEDS=$${BACKUPD_SIM_SEEDS:-1000} BACKUPD_SIM_DAYS=$${BACKUPD_SIM_DAYS:-60} \
		cargo test --release --locked -p backupd simulator::soak -- --nocapture

bench: ## Measure the daemon beside the bare engine and stock restic; `ARGS=--help` tells the options
	@tests/bench/bench.sh $(ARGS)

build: ## Build the programs for use, into target/release
	@scripts/build.sh

test: ## Run all tests
	@scripts/test.sh

fmt: ## Format the code
	cargo fmt --all

lint: ## Run clippy over everything; warnings are errors
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## Check licences, sources and who depends on whom
	@scripts/deny.sh

doc: ## Build the documentation of the crates; warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace --locked

interfaces: ## Write the introspection XML in dbus/interfaces anew, from the code
	UPDATE_INTERFACES=1 cargo test --quiet --locked -p backupd the_committed_introspection

man: ## Write the generated manual pages in packaging/man anew, from the code
	UPDATE_MAN=1 cargo test --quiet --locked -p backupctl -p backupd-tests the_manual_page

install: ## Install what `make build` built: DESTDIR=DIR, PREFIX=/usr/local
	@scripts/install.sh install "$(DESTDIR)" "$(PREFIX)"

uninstall: ## Remove what `make install` installed; configuration and state stay
	@scripts/install.sh uninstall "$(DESTDIR)" "$(PREFIX)"

deb: build ## Build and pack the Debian package, into target/packages
	@scripts/package.sh deb

rpm: build ## Build and pack the RPM package, into target/packages
	@scripts/package.sh rpm

clean: ## Remove what was built
	cargo clean
