# What a user or a contributor runs. The development profile is optimised (see Cargo.toml): demo, tests and clippy
# share compiled dependencies.

CARGO ?= cargo
# Incremental compilation cuts the program into more units; some kernels are slower then.
CARGO_INCREMENTAL ?= 0
export CARGO_INCREMENTAL

.PHONY: help deps demo serve web test bench plots docs fmt clippy ci

help:
	@echo "make deps     install what a build needs, if it is missing"
	@echo "make demo     classify encrypted handwritten digits"
	@echo "make serve    offer a network over HTTP on this machine, with its web page"
	@echo "make web      build the web page into target/web"
	@echo "make test     run all tests"
	@echo "make bench    measure BFV against C++ and SEAL's C layer, with and without HEXL"
	@echo "make plots    a PNG beside each SVG of docs/"
	@echo "make docs     build the API's documentation"
	@echo "make fmt      format the code"
	@echo "make clippy   lint; warnings are errors"
	@echo "make ci       all that the continuous integration runs"

deps:
	@scripts/deps.sh

demo: deps
	$(CARGO) run -- demo

web: deps
	scripts/web.sh

# The deployment and its clients' keys are kept in target/serve. Where the page cannot be built, it says so, and serves
# without one.
serve: deps
	test -f target/serve/client.json || \
		$(CARGO) run -- compile --model mnist-t17 --dataset mnist --accept-observed-bound --out target/serve
	page=""; if scripts/web.sh; then page="--page target/web"; elif [ $$? -ne 3 ]; then exit 1; fi; \
	$(CARGO) run -- serve --deployment target/serve/server --key-store target/serve/keys $$page

test: deps
	$(CARGO) test --workspace

bench: deps
	$(CARGO) bench --bench bfv --no-default-features --features inference,zstd -- --out target/bench/plain.json
	$(CARGO) bench --bench bfv --no-default-features --features inference,hexl,zstd -- --out target/bench/hexl.json \
		--against target/bench/plain.json

plots:
	@command -v rsvg-convert >/dev/null || { echo "please install librsvg2-bin (rsvg-convert)" >&2; exit 1; }
	find docs -name '*.svg' -exec sh -c 'for f; do rsvg-convert -z 1.5 "$$f" -o "$${f%.svg}.png"; done' sh {} +

docs: deps
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

fmt:
	$(CARGO) fmt --all

clippy: deps
	$(CARGO) clippy --workspace --all-targets -- -D warnings

ci:
	.ci/run
