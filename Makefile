# The commands of this project. `make` alone lists them.
GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
SOURCES := $(shell find . -name '*.go' -not -path './.cache/*' 2>/dev/null)
export PATH := $(PATH):/usr/sbin:/sbin

# Tests of these packages touch a kernel: namespaces, keepalived, the guest.
# A binary with the race detector does not start in the guest. Most of their
# time is waiting for intervals, hence many tests but two packages at a time.
# A machine can stall under clocks and peers that are real: up to five failed
# tests are run again, alone, and named as unsteady when they pass then.
SYSTEM  := ./vrrp/kernel/... ./ipvs/kernel/... ./internal/daemon/... ./internal/lab/...
UNIT     = $(shell $(GO) list ./... | grep -v -e /vrrp/kernel -e /ipvs/kernel -e /internal/lab)
FUZZTIME ?= 30s
BENCHTIME ?= 200ms
STORMTIME ?= 60s
SCRIPTS  ?= 1000000
SOAKTIME ?= 10m
SOAKSEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help build demo test interop twin storm matrix soak scripts worlds lint fuzz bench deps demodeps twindeps clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: bin/vipd ## build bin/vipd, static

bin/vipd: $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/vipd

.cache/demo: $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -o $@ ./internal/lab/demo

.cache/size: $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -o $@ ./internal/lab/size

.cache/tally: $(wildcard internal/lab/tally/*.go)
	$(GO) build -o $@ ./internal/lab/tally

deps: ## install what tests and demo need and this Debian machine lacks (root)
	@internal/lab/deps.sh

demodeps:
	@internal/lab/deps.sh demo

twindeps:
	@internal/lab/deps.sh twin

demo: demodeps bin/vipd .cache/demo ## two directors, three real servers, a client, real IPVS: measured
	@.cache/demo -vipd $(CURDIR)/bin/vipd

# An aborted tier, whatever the reason, is a failed one.
aborted = || echo '{"Action":"aborted","Package":"$(1)"}'

test: deps lint bin/vipd .cache/tally ## every test, in about twelve minutes (root)
	@export VIPD_LAB_BINARY=$(CURDIR)/bin/vipd; { \
	$(GO) test -json -race -timeout 5m $(UNIT) $(call aborted,unit tests); \
	$(GO) test -json -count=1 -p 2 -parallel 6 -timeout 12m $(SYSTEM) $(call aborted,system tests); \
	} | .cache/tally -again 5 $(TALLY)

interop: deps bin/vipd ## every way to talk to keepalived and FRR, into docs/interop.md (root)
	VIPD_LAB_BINARY=$(CURDIR)/bin/vipd VIPD_INTEROP_COMMIT=$(VERSION) VIPD_INTEROP_PAGE=$(CURDIR)/docs/interop.md \
	$(GO) test -count=1 -parallel 8 -timeout 15m -run FRR_Matrix ./internal/lab/interop

# VIPD_CORPUS names a directory of other people's configurations of keepalived;
# without it those are skipped, and the last lines say so. They also tell how many
# configurations were compared, and why others were not.
twin: twindeps bin/vipd .cache/tally ## every configuration under keepalived or ldirectord and under vipd, and those in VIPD_CORPUS (root)
	@export VIPD_LAB_BINARY=$(CURDIR)/bin/vipd VIPD_LAB_TWINS=all; { \
	$(GO) test -json -count=1 -timeout 40m ./internal/lab/twin $(call aborted,twins); \
	$(GO) test -json -count=1 -run 'TestKeepalived_' ./cmd/vipd $(call aborted,mistakes); \
	} | .cache/tally

storm: deps bin/vipd ## many fast instances on a saturated machine, beside keepalived, into docs/storm.md (root)
	VIPD_LAB_BINARY=$(CURDIR)/bin/vipd $(GO) test ./internal/lab/storm -count=1 -v -timeout 60m -run TestStorm \
	-full $(STORMTIME) -page $(CURDIR)/docs/storm.md -commit $(VERSION)

matrix: deps bin/vipd ## every way to break a director, beside keepalived, into docs/failure-modes.md (root)
	VIPD_LAB_BINARY=$(CURDIR)/bin/vipd VIPD_LAB_PAGE=$(CURDIR)/docs/failure-modes.md VIPD_LAB_COMMIT=$(VERSION) \
	$(GO) test ./internal/lab/matrix -count=1 -v -timeout 60m -run TestMatrix

soak: deps bin/vipd ## SOAKTIME of reloads, upgrades, kills, freezes and flaps with IPVS, into docs/soak.md; SOAKSEED draws another script (root)
	VIPD_LAB_BINARY=$(CURDIR)/bin/vipd VIPD_LAB_SOAK=$(SOAKTIME),$(SOAKSEED) VIPD_LAB_PAGE=$(CURDIR)/docs/soak.md VIPD_LAB_COMMIT=$(VERSION) \
	$(GO) test ./internal/lab/soak -count=1 -v -timeout 60m -run TestSoak

worlds: bin/vipd ## every scenario that can be run for real, with keepalived too, into docs/worlds.md (root)
	@VIPD_LAB_BINARY=$(CURDIR)/bin/vipd $(GO) test ./internal/lab/worlds -count=1 -timeout 20m -parallel 8 -full -page $(CURDIR)/docs/worlds.md

scripts: ## a million random scripts of faults, and every short one, in virtual time, into docs/scripts.md: about half an hour
	@GOGC=2000 $(GO) test ./internal/simulate -run 'TestScripts$$' -count=1 -v -timeout 0 -scripts $(SCRIPTS) -each 1000 \
	-page $(CURDIR)/docs/scripts.md -commit $(VERSION)
	@$(GO) test ./vrrp/sim -run 'TestExplore$$' -count=1 -v -timeout 0 -deep -page $(CURDIR)/docs/scripts.md

lint: ## formatting and vet
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...

fuzz: ## fuzz every target for FUZZTIME
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r f; do \
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$f" | while read -r target; do \
	$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$(dirname "$$f")" || exit 1; \
	done || exit 1; done

bench: bin/vipd .cache/size .cache/checkbench ## every benchmark, and docs/benchmarks.md, docs/benchmarks-checks.md: large tables and checks beside keepalived; half an hour, at most three (root)
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem -timeout 10m ./...
	.cache/size -vipd $(CURDIR)/bin/vipd -commit $(VERSION) -page docs/benchmarks.md
	.cache/checkbench -vipd $(CURDIR)/bin/vipd -commit $(VERSION) -page docs/benchmarks-checks.md

.cache/checkbench: $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -o $@ ./internal/lab/checkbench

clean: ## remove what was built
	rm -rf bin .cache
