# What a user or a contributor runs. The development profile is optimised (see Cargo.toml): demo, tests and clippy
# share compiled dependencies.

CARGO ?= cargo

.PHONY: help deps demo test bench docs fmt clippy ci

help:
	@echo "make deps     install what a build needs, if it is missing"
	@echo "make demo     classify encrypted handwritten digits"
	@echo "make test     run all tests"
	@echo "make bench    measure BFV against C++ and SEAL's C layer, with and without HEXL"
	@echo "make docs     build the API's documentation"
	@echo "make fmt      format the code"
	@echo "make clippy   lint; warnings are errors"
	@echo "make ci       all that the continuous integration runs"

deps:
	@scripts/deps.sh

demo: deps
	$(CARGO) run -- demo

test: deps
	$(CARGO) test --workspace

bench: deps
	$(CARGO) bench --bench bfv --no-default-features --features zstd -- --out target/bench/plain.json
	$(CARGO) bench --bench bfv --no-default-features --features hexl,zstd -- --out target/bench/hexl.json \
		--against target/bench/plain.json

docs: deps
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

fmt:
	$(CARGO) fmt --all

clippy: deps
	$(CARGO) clippy --workspace --all-targets -- -D warnings

ci:
	.ci/run
