# What a person types. Each target stands on its own: what is missing is installed first.
SHELL := /bin/bash
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:4437
STORE  ?= sqlite:baton.db
PREFIX ?= /usr/local
# The Swift runtime goes into the binary, so that it runs where no toolchain is.
RELEASE := -c release --static-swift-stdlib
SWIFT_SOURCES := Package.swift Sources Tests Benchmarks Examples

.PHONY: help run test unit-test faults fuzz sanitize examples lint format bench build package test-package install uninstall clean dependencies

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run LISTEN=127.0.0.1:4437 STORE=sqlite:baton.db    the defaults"
	@echo "  make install PREFIX=/usr/local DESTDIR=                 the defaults"

run: dependencies ## install what is missing, build, start the daemon on an SQLite file
	@swift build $(RELEASE) --product baton
	@scripts/run "$$(swift build $(RELEASE) --show-bin-path)/baton" "$(LISTEN)" "$(STORE)"

test: dependencies ## install what is missing, build, lint, run every test
	@swift build --build-tests
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit-test
	@$(MAKE) --no-print-directory examples

unit-test: .build/python/bin/python3
	@scripts/test

faults: dependencies ## kill processes and servers at random; ARGS="--minutes 10 --seed 7 --on redis"
	@swift build --build-tests
	@scripts/faults $(ARGS)

fuzz: dependencies ## feed made-up bytes to what reads bytes from outside; ARGS="--seconds 600 resp json"
	@scripts/fuzz $(ARGS)

sanitize: dependencies ## run the tests under ThreadSanitizer; ARGS="--short", ARGS="--filter BatonIOTests"
	@scripts/sanitize $(ARGS)

examples: dependencies ## run the examples
	@swift build --product baton
	@swift run Conversation
	@Examples/quickstart.sh "$$(swift build --show-bin-path)/baton"

lint: ## check the formatting
	@swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	@for script in scripts/* .ci/run packaging/debian/* $(wildcard Examples/*.sh); do bash -n "$$script" || exit 1; done
	@python3 -B Benchmarks/compare --list >/dev/null

format: ## format the sources in place
	@swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

bench: dependencies ## compare with what people use today, about half an hour; ARGS="--rounds 3 --only append"
	@swift build -c release --product BatonBenchmarks
	@swift build -c release --product baton
	@python3 -B Benchmarks/compare $(ARGS)

build: dependencies ## build the release binary
	@swift build $(RELEASE) --product baton
	@echo "built $$(swift build $(RELEASE) --show-bin-path)/baton"

package: dependencies ## build the Debian package and an archive, in .build/package
	@scripts/install-dependencies --packaging
	@swift build $(RELEASE) --product baton
	@scripts/package "$$(swift build $(RELEASE) --show-bin-path)/baton" .build/package

test-package: package ## install, start, upgrade and remove the package in a clean Debian; needs root
	@scripts/test-package .build/package

install: build ## install the binary under PREFIX
	@install -D -m 755 "$$(swift build $(RELEASE) --show-bin-path)/baton" "$(DESTDIR)$(PREFIX)/bin/baton"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/baton"

uninstall: ## remove what install put there
	@rm -f "$(DESTDIR)$(PREFIX)/bin/baton"

clean: ## remove everything that was built
	@rm -rf .build

dependencies:
	@scripts/install-dependencies

# One test reads the metrics with the parser of Prometheus' Python client, one receives web hooks with the package of Standard Webhooks, and one reads spans
# with the messages of OpenTelemetry. They
# are skipped where these cannot be installed, so a failure here is not an error.
.build/python/bin/python3:
	@if ! { python3 -m venv .build/python \
	    && timeout 60 .build/python/bin/python3 -m pip install --quiet --retries 0 --timeout 15 \
	    prometheus_client standardwebhooks opentelemetry-proto; } >/dev/null 2>&1; \
	then rm -rf .build/python; echo "prometheus_client, standardwebhooks and opentelemetry-proto could not be installed; the tests that need them are skipped"; fi
