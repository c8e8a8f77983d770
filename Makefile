# Needs Go, make and git; whatever else a target uses, it says so.
# `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Stamped into the binary. `sam build` copies the tree without .git, so a release passes VERSION itself.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# How the function is built for Lambda. Without cgo nothing of the build machine is linked; lambda.norpc leaves out the
# older Lambda runtime's net/rpc, a quarter of the size; -trimpath and no VCS stamp make the same bytes everywhere.
export_flags = -buildvcs=false -trimpath -tags lambda.norpc -ldflags "-s -w -buildid= -X main.version=$(VERSION)"

# The race detector needs a C compiler on Linux.
race := $(shell if command -v "$${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1; then echo -race; fi)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z_-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build/bootstrap ## Show a night, locally and compressed; with EVENT=events/....json send that event instead
	@go run ./cmd/local -bootstrap build/bootstrap $(if $(EVENT),-event $(EVENT))

.PHONY: test
test: ## Run all tests
	@if [ -z "$(race)" ]; then echo "NOTE: no C compiler here, so the race detector is OFF"; fi
	go test $(race) ./...

.PHONY: check
check: ## Run the checks that CI runs beside the tests
	@./scripts/check

.PHONY: fuzz
fuzz: ## Fuzz every decoder, FUZZTIME (default 1m) each
	@./scripts/fuzz $(or $(FUZZTIME),1m)

# For this machine, to be run locally.
.PHONY: build/bootstrap
build/bootstrap:
	@CGO_ENABLED=0 go build $(export_flags) -o $@ ./cmd/handler

.PHONY: build
build: ## Build the function as it is deployed, into build/lambda
	@$(MAKE) --no-print-directory build-ExportFunction ARTIFACTS_DIR=build/lambda

# Called by `sam build`: the name is build-<logical id of the function>.
.PHONY: build-ExportFunction
build-ExportFunction:
	@mkdir -p "$(ARTIFACTS_DIR)"
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(export_flags) -o "$(ARTIFACTS_DIR)/bootstrap" ./cmd/handler

.PHONY: clean
clean: ## Remove what was built
	@rm -rf build .aws-sam
