# Loom. `make help` lists what there is; all of it needs Go, git and make, and says what else it would use.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PORT ?= 8080
UPSTREAM_PORT ?= 3000
ADMIN_PORT ?= 9091
CADDY_ADMIN_PORT ?= 2019
FUZZTIME ?= 10s
BENCH ?= .
CONFIG ?= configs/container.yaml

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X github.com/loom-gateway/loom/internal/version.version=$(VERSION)
TOOL := go tool -modfile=.ci/tools/go.mod
# A cache for each checkout: the shared one remembers findings in files of a checkout that is gone.
export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/golangci-lint-cache
GO_GUESTS := $(patsubst plugins/%/go.mod,%,$(wildcard plugins/*/go.mod))
GUEST := GOOS=wasip1 GOARCH=wasm go build -ldflags="-s -w" -trimpath -buildmode=c-shared
QUICKSTART := bin/quickstart -port $(PORT) -upstream-port $(UPSTREAM_PORT) -admin-port $(ADMIN_PORT) -caddy-admin-port $(CADDY_ADMIN_PORT)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: guests ## bin/loom, and the Go sample plugins as bin/plugins/*.wasm
	go build -trimpath -ldflags="$(LDFLAGS)" -o bin/loom ./cmd/loom
	go build -trimpath -o bin/quickstart ./internal/quickstart

.PHONY: guests
guests:
	for guest in $(GO_GUESTS); do (cd plugins/$$guest && $(GUEST) -o ../../bin/plugins/$$guest.wasm .); done

.PHONY: run
run: build ## A demo upstream and the gateway with configs/loom.yaml; PORT, UPSTREAM_PORT, ADMIN_PORT, CADDY_ADMIN_PORT
	@exec $(QUICKSTART)

.PHONY: dev
dev: build ## The same with debug logging; builds and restarts when a source changes
	@exec $(QUICKSTART) -dev

.PHONY: test
test: setup guests ## All tests
	go test -timeout 15m ./...
	for guest in $(GO_GUESTS); do (cd plugins/$$guest && go test ./...); done
	plugins/test-rust.sh

.PHONY: conformance
conformance: setup guests ## The Proxy-Wasm ABI statement by statement; writes docs/conformance.md
	go test -count=1 -timeout 15m ./internal/conformance -update

.PHONY: portability
portability: setup guests ## The same plugins through Loom and a real Envoy; writes docs/portability.md
	go test -count=1 -timeout 15m ./internal/portability -update
	@sed -n '/^## Scenarios/,/^## What differs/p' docs/portability.md | sed '$$d'

.PHONY: hostile
hostile: setup guests ## Hostile plugins in a live gateway, every behaviour in every callback; writes docs/security.md
	go test -count=1 -timeout 40m ./internal/hostile -all -update
	@sed -n '/begin: make hostile/,/end: make hostile/p' docs/security.md | grep -v '^<!--'

.PHONY: soak
soak: setup ## Ten minutes of changes under load of every protocol, then 2000 reloads; prints what was lost and what is left
	go test -count=1 -v -timeout 40m ./internal/soak -for 10m -changes 300 -reloads 2000 -stock

.PHONY: test-coverage
test-coverage: setup guests ## Statement coverage over all packages, as coverage.out and a total
	go test -timeout 20m -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -1

.PHONY: race
race: setup guests ## All Go tests under the race detector
	go test -race -timeout 30m ./...

.PHONY: fuzz
fuzz: setup ## Every fuzz target for FUZZTIME (10s), and 500 modules that binaryen makes up
	RANDOM_MODULES=500 go test ./internal/proxywasm -count=1 -run '^TestRandomModules$$' -v
	@grep -rn --include='*_test.go' -oE '^func Fuzz[A-Za-z0-9_]+' . | while IFS=: read -r file _ func; do \
		echo "$$(dirname "$$file") $${func#func }"; \
		go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s; done

.PHONY: bench
bench: guests ## Go benchmarks; BENCH picks some of them
	go test ./... -run '^$$' -bench '$(BENCH)' -benchmem

.PHONY: bench-plugins
bench-plugins: setup build ## What the same plugin costs in Loom and in a real Envoy, in CPU time per request
	@go run ./bench/plugins

.PHONY: bench-proxy
bench-proxy: setup build ## What a proxied request costs in Loom, stock Caddy, Envoy, nginx and HAProxy, in CPU time, latency and memory
	go build -o bin/caddy-stock github.com/caddyserver/caddy/v2/cmd/caddy
	@go run ./bench/proxy

.PHONY: bench-scale
bench-scale: ## The memory of many instances, and the time of a first and a second start
	@go run ./bench/scale

.PHONY: lint
lint: ## golangci-lint, pinned in .ci/tools/go.mod (its first run builds it: some minutes)
	$(TOOL) golangci-lint run ./...

.PHONY: fmt
fmt: ## gofumpt over the tree
	$(TOOL) golangci-lint fmt

.PHONY: check
check: fmt lint test ## What a change must pass; fails if formatting or a generator changed a file
	@git diff --exit-code || { echo "the files above changed: commit them"; exit 1; }

.PHONY: xcaddy
xcaddy: ## bin/caddy: Caddy with Loom in it, as `xcaddy build --with` makes it
	GOBIN="$(CURDIR)/bin" go install -modfile=.ci/tools/go.mod github.com/caddyserver/xcaddy/cmd/xcaddy
	bin/xcaddy build v2.11.9 --with github.com/loom-gateway/loom@v0.0.0=. --output bin/caddy  # the version keeps Go from asking for the latest

.PHONY: image
image: ## The container image as an OCI archive, bin/loom-image.tar, where no engine runs; the same commit gives the same bytes
	go -C .ci/image build -o ../../bin/image .
	bin/image -version "$(VERSION)" -o bin/loom-image.tar

.PHONY: docker-build
docker-build: ## The container image by Docker, as loom:latest
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) docker build --build-arg VERSION=$(VERSION) --build-arg SOURCE_DATE_EPOCH --tag loom:latest .

.PHONY: docker-run
docker-run: ## Run loom:latest on PORT; CONFIG is the document (configs/container.yaml)
	docker run --rm --read-only --tmpfs /tmp --publish $(PORT):8080 --volume loom-data:/data --volume "$(abspath $(CONFIG)):/etc/loom/loom.yaml:ro" loom:latest

.PHONY: wasm
wasm: guests ## Rebuild the committed guests whose toolchain is installed (Rust, C, TypeScript, WebAssembly text)
	plugins/build-all.sh

.PHONY: setup
setup: ## Install what the tests use besides Go, where that can be done (Debian, as root)
	@.ci/setup

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin coverage.out plugins/target plugins/*/target
