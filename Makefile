# The house in one page: `make` explains itself. Build, run and test need Go alone.

VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
CACHE     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/portico
BENCHTIME ?= 100ms
FUZZTIME  ?= 1m
RACES     ?= 10

# The tests of the program that are about what a store keeps, whichever it is.
MONGO_TESTS := ^Test(SearchByChance|NothingCrossesTheFence|EqualConditionalWritesMakeOneResource|Concurrent(Updates|Patches).*|ScriptOfWritesUnderKills|BookingRaceUnderKills|KilledServerKeeps.*|OfficialExamplesComeBackEqual|Mongo.*)$$

# The official R4 definitions and examples, as cmd/fhirgen fetches and checks them.
DEFINITIONS ?= $(CACHE)/definitions

LINTER_VERSION := v2.15.0
LINTER         := $(CACHE)/golangci-lint-$(LINTER_VERSION)

VULNCHECK_VERSION := v1.3.0

.DEFAULT_GOAL := help
.PHONY: help build run clean test test-all test-mongo test-mongo-race bench soak lint linter vuln fmt generate generate-check definitions

help:
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Program

build: ## Build the programs into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/...

run: ## Serve generated data on http://127.0.0.1:8080, without credentials
	go run ./cmd/portico serve --dev

clean: ## Remove bin/
	rm -rf bin

##@ Tests

test: ## Run the tests
	go test -timeout 8m ./...

test-all: ## Run them under the race detector, in random order, uncached (needs a C compiler)
	go test -race -shuffle=on -count=1 -timeout 40m ./...

test-mongo: ## Run what stands on a store on the MongoDB that PORTICO_TEST_MONGO_URI names
	@test -n "$$PORTICO_TEST_MONGO_URI" || { echo 'PORTICO_TEST_MONGO_URI names no MongoDB: mongodb://127.0.0.1:27017/'; exit 2; }
	go test -count=1 -timeout 20m ./storage/mongo/...
	go test -count=1 -timeout 5m -run Copy ./cmd/portico
	PORTICO_TEST_STORE=mongodb go test -count=1 -p 1 -timeout 30m ./fhir/engine ./fhir/audit ./fhir/access ./fhir/rest ./conformance
	PORTICO_TEST_STORE=mongodb go test -count=1 -timeout 20m -run '$(MONGO_TESTS)' ./cmd/portico

test-mongo-race: ## Run the short form of storage/mongo under the race detector
	@test -n "$$PORTICO_TEST_MONGO_URI" || { echo 'PORTICO_TEST_MONGO_URI names no MongoDB: mongodb://127.0.0.1:27017/'; exit 2; }
	go test -race -short -count=1 -timeout 20m ./storage/mongo/...

bench: ## Run every benchmark for BENCHTIME (100ms)
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

# The last line runs the long forms of the tests of cmd/portico. Measured on two busy cores: random scripts under kills 202 s, clients
# that go away 101 s, damaged pages 63 s; the long mix takes its ten minutes. Of the others the short forms were measured, on calm cores: 20
# rounds of equal writes at once 3.5 s (the long form has 1000), 5 kills of transactions 7.5 s (50).
soak: ## Run every fuzz target for FUZZTIME (1m), the race tests RACES (10) times, and the long forms of races, kills, load and mix
	@grep -rnoE --include='*_test.go' '^func Fuzz\w+' . | sed -E 's|/[^/]+:[0-9]+:func | |' | \
	while read -r dir target; do \
		echo "== $$dir $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; \
	done
	go test -race -shuffle=on -count=$(RACES) -timeout 4h ./...
	PORTICO_TEST_SOAK=1 go test -count=1 -timeout 2h -run '^TestCrawl$$' -v ./storage/sqlite
	PORTICO_TEST_SOAK=1 go test -count=1 -timeout 2h -v ./cmd/portico
	PORTICO_TEST_SOAK=1 go test -count=1 -run Promised -v ./storage/sqlite

##@ Care

lint: linter ## Check house rules, vet and lint
	bash .ci/house
	go vet ./...
	$(LINTER) run

# Not a step of .ci/run: that works without the Internet but for registries of packages.
vuln: ## Look for known vulnerabilities in what is called (asks their database, https://vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@$(VULNCHECK_VERSION) ./...

fmt: ## Format all Go files
	gofmt -w .

linter: $(LINTER) ## Build the linter into the cache folder (once: minutes)

$(LINTER):
	mkdir -p $(CACHE)/build
	GOBIN=$(CACHE)/build go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTER_VERSION)
	mv $(CACHE)/build/golangci-lint $@

##@ Tables of fhir/r4

definitions: ## Fetch the official R4 definitions and examples into DEFINITIONS (needs npm)
	go run ./cmd/fhirgen fetch --out $(DEFINITIONS)

generate: definitions ## Write the tables anew
	go run ./cmd/fhirgen generate --package $(DEFINITIONS)/package --out fhir/r4

generate-check: definitions ## Check that the committed tables are what generate writes
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	go run ./cmd/fhirgen generate --package $(DEFINITIONS)/package --out "$$fresh" && \
	diff -r -x '*.go' -x '*.md' -x testdata "$$fresh" fhir/r4 && echo 'fhir/r4 is up to date'
