# Holdfast. `make build` needs Go, and Node.js for the web console; `make test`
# as root on Debian installs what else the tests need.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/holdfast-security/holdfast/internal/version.release=$(VERSION)
TARGETS := linux/amd64 linux/arm64 windows/amd64

export CGO_ENABLED = 0

# The console is built where Node.js is new enough, and otherwise left out.
NODE_OK := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && echo yes)

.PHONY: build
build: $(if $(NODE_OK),console,no-console) ## compile the programs into bin/, with the console where Node.js is
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: no-console
no-console:
	@echo "make: the console is left out or as it was; building it needs Node.js 20.19 or newer" >&2

.PHONY: console
console: web/dist/index.html ## build the web console into web/dist

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig.json -type f)
	cd web && npm run build

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund

.PHONY: run
run: build ## a server, and an agent on this machine, until interrupted
	bin/holdfast up

.PHONY: test
test: ## every test; as root on Debian nothing may be skipped
	test/run

.PHONY: check
check: ## format, vet, staticcheck, cross-builds, modules, generated files, rules of the repository
	tools/check $(TARGETS)

.PHONY: fmt
fmt: ## format the source
	$(GO) tool gofumpt -l -w .

.PHONY: generate
generate: ## write docs/*.md from rules, fields, commands and features
	$(GO) generate ./...

.PHONY: bench
bench: build ## measure beside the peers; prints a table, writes bench/out and docs/benchmarks.md
	$(GO) run ./bench $(BENCHFLAGS)

.PHONY: soak
soak: build ## half an hour of benign work, which must raise no alert at medium or above
	$(GO) run ./test/soak -for 30m

.PHONY: clean
clean:
	rm -rf bin bench/out

.PHONY: help
help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
