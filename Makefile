# Every check of the project, by name. `make` lists them.
#
# `make test` is the one command that runs all tests. It needs Go, Node and a
# few Debian packages (a C compiler for the race detector, Chromium for the
# pages, qemu for the other architecture); as root it installs what is missing,
# as somebody else it says what to install.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN     := bin/evenkeel
TARGETS := linux/amd64 linux/arm64 linux/arm windows/amd64
PHASE   := .ci/phase

# Sizes. CI uses these; `make sim SEEDS=100000` digs deeper.
SEEDS       ?= 3000
FROM        ?= 1
PROCS       ?= $(shell nproc)
TWICE       ?= 50
SAMPLE      ?= 1
CRASHROUNDS ?= 15
CHAOSROUNDS ?= 10
FUZZTIME    ?= 30s
FUZZSHORT   ?= 1s
BENCHTIME   ?= 1s
SOAK        ?= 30m

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## build bin/evenkeel for this machine
	CGO_ENABLED=0 go build -ldflags '-s -w' -o $(BIN) ./cmd/evenkeel # without tables for debuggers: a third less

.PHONY: test
test: ## run all tests (the README's test command)
	@test -n "$${EVENKEEL_PHASES:-}" || rm -f build/phases
	@.ci/need gcc chromium qemu-aarch64-static curl jq ip nft
	@$(PHASE) "build"                          $(MAKE) build
	@$(PHASE) "e2e: official client, browser"  $(MAKE) e2e
	@$(PHASE) "arm64: one log, one hash"       $(MAKE) arm64
	@$(PHASE) "sim: $(SEEDS) seeds"            $(MAKE) sim
	@$(PHASE) "sim-twice: $(TWICE) seeds"      $(MAKE) sim-twice
	@$(PHASE) "crash: $(CRASHROUNDS) rounds"   $(MAKE) crash
	@$(PHASE) "faults: disk, files, memory"    $(MAKE) faults
	@$(PHASE) "chaos: $(CHAOSROUNDS) rounds"        $(MAKE) chaos
	@$(PHASE) "fuzz: $(FUZZSHORT) each"                 $(MAKE) fuzz-short
	@$(PHASE) "race: every Go test"            $(MAKE) race
	@$(PHASE) --summary

.PHONY: lint
lint: ## golangci-lint (.golangci.yaml gives the reasons) and the laws of internal/law
	go tool -modfile=tools/go.mod golangci-lint run --allow-serial-runners ./...
	go test ./internal/law

# The race detector watches goroutines. STILL are packages without one (a test in
# internal/law keeps it so): it would find nothing there and take ten times as
# long. (All else is built for it, SQLite too: an instance of a generic function
# from a package without the detector would be used everywhere, and hide that an
# atomic orders anything.) What `make crash`, `make faults` and `make chaos` run are servers
# in other processes, without the detector.
STILL := . ./internal/desk ./internal/hours ./internal/levels ./internal/routing ./internal/sim ./internal/sim/bite

# SLOW are packages whose tests take minutes with the detector: here they run without,
# and with it by `make race-slow`.
SLOW := ./internal/archive ./internal/bus

.PHONY: race-slow
race-slow: ## run with the race detector what takes too long for CI
	go test -race -timeout 60m $(SLOW)

.PHONY: race
race: ## run every Go test, with the race detector wherever there is a goroutine (but those of crash, faults and chaos)
	go test $(STILL) $(SLOW)
	go test -race -timeout 20m -skip '^Test(Crash|Faults|DiskFaults|Chaos|RollingRestart)$$' $$(go list ./... | grep -vxF "$$(go list $(STILL) $(SLOW))")

.PHONY: sim
sim: ## run SEEDS seeds of the simulated cell (FROM is the first, PROCS the processes)
	go run ./internal/sim/simcell -seeds $(SEEDS) -from $(FROM) -procs $(PROCS)

.PHONY: sim-twice
sim-twice: ## run TWICE seeds in two processes and compare the hashes of their traces
	@mkdir -p build
	go build -o build/simcell ./internal/sim/simcell
	build/simcell -seeds $(TWICE) -from $(FROM) -trace-hash -stats=false > build/trace.1
	build/simcell -seeds $(TWICE) -from $(FROM) -trace-hash -stats=false > build/trace.2
	@test -s build/trace.1 || { echo 'sim-twice: no trace hashes were printed'; exit 1; }
	diff build/trace.1 build/trace.2
	@echo "sim-twice: $(TWICE) seeds, equal traces"

.PHONY: bite
bite: ## put bugs in on purpose (every SAMPLE-th) and see that the simulator finds each
	go run ./internal/sim/bite -sample $(SAMPLE)

# A pattern that matches no test would pass: these two look for the PASS.
.PHONY: crash
crash: ## kill -9 a real server under load, CRASHROUNDS times
	@mkdir -p build
	EVENKEEL_CRASH_ROUNDS=$(CRASHROUNDS) go test -count=1 -timeout 10m -v -run '^TestCrash' ./cmd/evenkeel | tee build/crash.log
	@grep -q '^--- PASS: TestCrash' build/crash.log

.PHONY: arm64
arm64: ## apply one log on this machine and on arm64 (qemu) and compare the hashes
	@mkdir -p build
	go test -count=1 -v -run '^TestGolden' ./internal/desk | tee build/golden.amd64.log
	CGO_ENABLED=0 GOARCH=arm64 go test -c -o build/desk.arm64.test ./internal/desk
	cd internal/desk && qemu-aarch64-static ../../build/desk.arm64.test -test.run '^TestGolden' -test.v | tee ../../build/golden.arm64.log
	@for log in build/golden.*.log; do grep -q '^--- PASS: TestGolden' $$log; done

# It has the modules of e2e: one download less, and surely the same client.
.PHONY: js
js: e2e/node_modules ## build client/js, and run those of its tests that need no server
	@test -e client/js/node_modules || ln -s ../../e2e/node_modules client/js/node_modules
	rm -rf client/js/dist
	cd client/js && npm run build && npm test

.PHONY: e2e
e2e: build js ## the official client, client/js and a real browser against real servers
	cd e2e && EVENKEEL_BIN=$(CURDIR)/$(BIN) npm test

.PHONY: screenshot
screenshot: e2e ## take docs/screenshot.png anew, from the test of the page
	cp e2e/test-results/page.png docs/screenshot.png

e2e/node_modules: e2e/package.json e2e/package-lock.json
	cd e2e && npm ci --no-audit --no-fund
	@touch $@

.PHONY: ui
ui: ## build the pages into internal/web/dist
	cd ui && npm ci --no-audit --no-fund && npm run build

.PHONY: ui-check
ui-check: ## fail if internal/web/dist is not what ui/ builds
	ui/check

.PHONY: bench
bench: ## run the benchmarks (BENCHTIME each)
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

.PHONY: soak
soak: build ## run the demo for SOAK under load; fail if memory or goroutines grow
	$(BIN) demo --soak --nodes 1 --duration $(SOAK) --customers 120 --agents 30 --pace 4

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME
	.ci/fuzz $(FUZZTIME)

.PHONY: fuzz-short
fuzz-short: ## run every fuzz test for a moment
	@rm -rf build/fuzz/short
	.ci/fuzz $(FUZZSHORT) build/fuzz/short own

.PHONY: faults
faults: ## do to a real server what machines do (docs/faults.md)
	@mkdir -p build
	go test -count=1 -timeout 8m -parallel 4 -v -run '^Test(Disk)?Faults$$' ./cmd/evenkeel | tee build/faults.log
	@for name in TestDiskFaults TestFaults; do grep -q "^--- PASS: $$name " build/faults.log; done

.PHONY: chaos
chaos: ## CHAOSROUNDS faults of nodes and of the network between them, and a rolling restart, while people chat (as root)
	@mkdir -p build
	EVENKEEL_CHAOS_ROUNDS=$(CHAOSROUNDS) go test -count=1 -timeout 60m -v -run '^Test(Chaos|RollingRestart)$$' ./cmd/evenkeel | tee build/chaos.log
	@for name in TestChaos TestRollingRestart; do grep -q "^--- PASS: $$name " build/chaos.log; done

.PHONY: cross
cross: ## build for every target, without cgo
	@for target in $(TARGETS); do \
	  echo "cross $$target"; mkdir -p "build/$$target"; \
	  CGO_ENABLED=0 GOOS="$${target%/*}" GOARCH="$${target#*/}" go build -o "build/$$target/" ./...; \
	done

.PHONY: cover
cover: ## write build/cover.html
	@mkdir -p build
	go test -coverpkg ./... -coverprofile build/cover.out ./...
	go tool cover -html build/cover.out -o build/cover.html
	@go tool cover -func build/cover.out | tail -1

.PHONY: clean
clean: ## remove what was built and downloaded here
	rm -rf bin build client/js/dist client/js/node_modules e2e/node_modules e2e/test-results ui/node_modules
