# Needs Go, make and git; whatever else a target uses, it says so.
# `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# What a shell has set for other programs must not change what is built here.
export GOWORK := off
unexport GOOS GOARCH GOARM64 GOAMD64 GOEXPERIMENT

# Stamped into the binary. `sam build` copies the tree without .git, so a release passes VERSION itself. A tag can hold more than
# the name of a file.
ifeq ($(value VERSION),)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null | LC_ALL=C tr -c 'A-Za-z0-9._+\n-' '-')
endif
ifeq ($(value VERSION),)
VERSION := dev
endif
export VERSION

# Many shells have a VERSION that is somebody else's, such as the operating system's "24.04 LTS (Noble Numbat)".
.PHONY: version
version:
	@case "$$VERSION" in [!A-Za-z0-9]* | *[!A-Za-z0-9._+-]*) \
		echo "VERSION is \"$$VERSION\", but a version is made of letters, digits and . _ + - only. Is it meant for something else?" >&2; \
		echo "Unset it, or name another: make VERSION=v1.0.0 ..." >&2; exit 2 ;; \
	esac

# How the function is built for Lambda. Without cgo nothing of the build machine is linked; lambda.norpc leaves out the
# older Lambda runtime's net/rpc, a quarter of the size; -trimpath and no VCS stamp make the same bytes everywhere.
export_flags = -buildvcs=false -trimpath -tags lambda.norpc -ldflags "-s -w -buildid= -X main.version=$$VERSION"

# The race detector needs a C compiler on Linux.
race := $(shell if command -v "$${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1; then echo -race; fi)

# Go stops the tests of a package after ten minutes. The longest take two on two free cores; a machine that does other things as well
# must not turn that into a failure.
timeout := 30m

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z_-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' "$(strip $(MAKEFILE_LIST))"

.PHONY: run
run: ## Show a night, locally and compressed; with EVENT=events/....json send that event instead
	@[ -e build/bootstrap ] || echo "Building the function and the local AWS. The first time this downloads 7 MB of Go modules" \
		"and takes about a minute on two cores; later it takes seconds."
	@$(MAKE) --no-print-directory build/bootstrap
	@go run ./cmd/local -bootstrap build/bootstrap $(if $(EVENT),-event "$$EVENT")

.PHONY: local
local: ## Keep a local AWS open, to try the commands below; IMAGES=<how many>, LIMIT=<exports at a time>, SPEED=<times faster>, PORT=, KEEP=<keep rules>, KEEP_MODE=
	@[ -e build/bootstrap ] || echo "Building the function and the local AWS. The first time this downloads 7 MB of Go modules" \
		"and takes about a minute on two cores; later it takes seconds."
	@$(MAKE) --no-print-directory build/bootstrap
	@$(if $(KEEP),$(build_keeper))
	@go run ./cmd/local -listen "127.0.0.1:$${PORT:-4577}" $(if $(IMAGES),-images "$$IMAGES") $(if $(LIMIT),-limit "$$LIMIT") \
		$(if $(SPEED),-speed "$$SPEED") $(if $(KEEP),-keep "$$KEEP") $(if $(KEEP_MODE),-keep-mode "$$KEEP_MODE")

.PHONY: year
year: ## Play a year of nights with the keeper, in half a minute: what is kept, copied and retired, and what that costs
	@[ -e $(played) ] || echo "Building the keeper. The first time this takes some two minutes on two cores."
	@$(MAKE) --no-print-directory build/played-keeper
	@go run ./cmd/local -year -keeper $(played)

# What decides and words: it needs no process, no network and no other program. The years of the keeper alone take longer than the rest.
pure := ./internal/config ./internal/console ./internal/deployed ./internal/doctor ./internal/export ./internal/handler ./internal/keep \
	./internal/keepconfig ./internal/localaws/eventpattern ./internal/localaws/template ./internal/metrics ./internal/notify/... \
	./internal/safelog ./internal/stack ./internal/tags ./internal/terminal ./internal/trigger/... ./internal/work

.PHONY: quick
quick: ## Run the tests of all that is pure, in seconds: what one runs while writing
	go test -skip 'TestYears$$' $(pure)

# What does several things at the same time. Elsewhere the race detector finds nothing and takes five times as long: that is pure, or it
# starts other processes, or its world lets all calls to AWS pass one by one. `make race` has it look there as well.
concurrent := ./cmd/exporter ./internal/awsclient ./internal/export ./internal/handler ./internal/metrics ./internal/localaws/appstream \
	./internal/localaws/gateway ./internal/localaws/lambda ./internal/localaws/queues

.PHONY: test
test: ## Run all tests
	@if [ -z "$(race)" ]; then echo "NOTE: no C compiler here, so the race detector is OFF"; fi
	go test -timeout $(timeout) $(race) $(concurrent)
	@# What takes longest begins first, so that at the end no core waits for it.
	go test -timeout $(timeout) ./internal/reliability ./internal/docs $$(go list ./... | grep -vxF "$$(go list $(concurrent))")

# What imports the SDK's client of EC2, which takes a minute to compile on two cores and twice that for the race detector.
unraced := cmd/doctor|cmd/keeper|cmd/local/playedkeeper|internal/keepaws|internal/keephandler|internal/localaws/wire|internal/reliability/keeping

.PHONY: race
race: ## Run the tests under the race detector, all but those of what holds the SDK's client of EC2: half an hour
	@[ -n "$(race)" ] || { echo "The race detector needs a C compiler." >&2; exit 1; }
	go test -timeout 2h $(race) $$(go list ./... | grep -vE '/($(unraced))$$')

.PHONY: soak
soak: ## Simulate NIGHTS (default 100,000) nights of random misfortune
	go test ./internal/reliability -run 'TestSimulation$$' -v -timeout 0 -nights $(or $(NIGHTS),100000)

.PHONY: years
years: ## Simulate YEARS (default 1,000) years of the keeper, with people who meddle and everything that goes wrong
	GOGC=off GOMEMLIMIT=512MiB go test ./internal/keep -run 'TestYears$$' -v -count=1 -timeout 0 -years $(or $(YEARS),1000)
	@# And five over the wire, under the rights of the template.
	go test ./internal/reliability/keeping -run 'TestYears$$' -v -count=1 -timeout 0 -years 5

.PHONY: mutants
mutants: ## Break the code on purpose in the ways that scripts/mutants lists, ONLY=<pattern> some, and expect a test to go red: half an hour
	@go run ./scripts/mutants $(if $(ONLY),-only "$$ONLY")

.PHONY: mutants-table
mutants-table:
	@go run ./scripts/mutants -page docs/RELIABILITY.md

.PHONY: estate
estate: ## Measure how large estates are worked off, in virtual time, into docs/PERFORMANCE.md
	go test ./internal/reliability -run 'TestEstate$$' -v -count=1 -timeout 0 -estates

.PHONY: check
check: ## Run the checks that CI runs beside the tests
	@./scripts/check

.PHONY: fuzz
fuzz: ## Fuzz every decoder, FUZZTIME (default 1m) each
	@./scripts/fuzz $(or $(FUZZTIME),1m)

.PHONY: bench
bench: ## Measure the function beside the empty one and others, ROUNDS (default 15) starts each, into docs/PERFORMANCE.md
	@$(MAKE) --no-print-directory build/programs programs=build/bench/host goarch="$$(go env GOHOSTARCH)"
	@$(MAKE) --no-print-directory build/programs programs=build/bench/arm64 goarch=arm64
	@go run ./bench/run -rounds $(or $(ROUNDS),15) -page docs/PERFORMANCE.md $(BENCHFLAGS)

.PHONY: bench-keeper
bench-keeper: build/bootstrap-keeper ## Measure the keeper's start, passes and memory, with up to 5,000 AMIs
	@go run ./bench/keeper -keeper $(keeper)

# The function and what it is measured against, all built as for Lambda.
.PHONY: build/programs
build/programs: version
	@for program in function=cmd/handler floor=bench/floor twocalls=bench/twocalls; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$(goarch) go build $(export_flags) -o "$(programs)/$${program%=*}/bootstrap" "./$${program#*=}" || exit 1; \
	done

# For this machine, to be run locally. The tests say where to put theirs, since several build at once.
bootstrap := build/bootstrap
.PHONY: build/bootstrap
build/bootstrap: version
	@CGO_ENABLED=0 go build $(export_flags) -o "$(bootstrap)" ./cmd/handler

# The SDK's client of EC2 is large.
build_keeper = { [ -e $(keeper) ] || echo "Building the keeper. The first time this takes some two minutes on two cores."; } && \
	$(MAKE) --no-print-directory build/bootstrap-keeper

keeper := build/bootstrap-keeper
.PHONY: build/bootstrap-keeper
build/bootstrap-keeper: version
	@CGO_ENABLED=0 go build $(export_flags) -o "$(keeper)" ./cmd/keeper

# The keeper with a clock that is played, for `make year`.
played := build/played-keeper
.PHONY: build/played-keeper
build/played-keeper:
	@CGO_ENABLED=0 go build $(export_flags) -o "$(played)" ./cmd/local/playedkeeper

.PHONY: build
build: ## Build the functions as they are deployed, into build/lambda and build/keeper
	@$(MAKE) --no-print-directory build-ExportFunction ARTIFACTS_DIR=build/lambda
	@$(MAKE) --no-print-directory build-KeeperFunction ARTIFACTS_DIR=build/keeper

# Called by `sam build`: the name is build-<logical id of the function>.
.PHONY: build-ExportFunction
build-ExportFunction: version
	@mkdir -p "$$ARTIFACTS_DIR"
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOFLAGS= go build $(export_flags) -o "$$ARTIFACTS_DIR/bootstrap" ./cmd/handler

# Also called by `sam build`. The first time takes some minutes: the SDK's client of EC2 is large.
.PHONY: build-KeeperFunction
build-KeeperFunction: version
	@mkdir -p "$$ARTIFACTS_DIR"
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOFLAGS= go build $(export_flags) -o "$$ARTIFACTS_DIR/bootstrap" ./cmd/keeper

.PHONY: package
package: build ## Make the files of a release in build/package: zip, template, what is in it with the licences, checksums
	@go run ./cmd/package -version "$$VERSION" -bootstrap build/lambda/bootstrap -keeper build/keeper/bootstrap -directory build/package

# The stack that the targets below are about. The commands take Region and credentials from where they always do; REGION and
# PROFILE choose others.
STACK ?= appstream-ami-exporter
export STACK

.PHONY: deploy
deploy: version ## Build and deploy the stack STACK; asks what it needs to know. Needs AWS SAM
	@./scripts/deploy "$$STACK" "$$REGION" "$$PROFILE"

# The commands for a terminal are a program that is built once, and again when something that it is made of has changed.
build/exporter: go.mod go.sum $(wildcard cmd/exporter/*.go internal/*/*.go)
	@$(if $(wildcard $@),,echo "Building the commands, this once: it takes about a minute on two cores. The first time Go modules are downloaded as well.")
	@go build -o $@ ./cmd/exporter
	@touch $@

exporter = build/exporter -stack "$$STACK" $(if $(REGION),-region "$$REGION") $(if $(PROFILE),-profile "$$PROFILE") $(if $(JSON),-json)

.PHONY: plan
plan: build/exporter ## Show what the deployed stack would export now, or with IMAGES='prod-*,!prod-test' what of these
	@$(exporter) $(if $(IMAGES),-images "$$IMAGES") plan

.PHONY: export
export: build/exporter ## Export IMAGE=<name> now, to the AMI AMI_NAME if given; FOLLOW=1 shows how it goes on until it ends
	@$(exporter) -image "$$IMAGE" $(if $(AMI_NAME),-ami-name "$$AMI_NAME") $(if $(FOLLOW),-follow) export

.PHONY: night
night: build/exporter ## Show what a nightly run would do now, ask, and start one
	@$(exporter) $(if $(YES),-yes) night

.PHONY: status
status: build/exporter ## Show what runs, what has ended and what waits; WATCH=1 shows it again and again
	@$(exporter) $(if $(WATCH),-watch) status

.PHONY: keep
keep: build/exporter ## Show what becomes of each AMI that was exported, in each Region, and why
	@$(exporter) keep

.PHONY: replay
replay: build/exporter ## Send the triggers in the failed-events queue to the function again
	@$(exporter) replay

.PHONY: restore
restore: build/exporter ## Try whether AppStream would import AMI=<id> as the image NAME=<name>, ask, and import it
	@$(exporter) -ami "$$AMI" -name "$$NAME" $(if $(ROLE),-role "$$ROLE") $(if $(YES),-yes) restore

# A program of its own: EC2's client alone takes longer to compile than all of the above.
build/doctor: go.mod go.sum $(wildcard cmd/doctor/*.go internal/*/*.go)
	@$(if $(wildcard $@),,echo "Building the doctor, this once: it speaks with fifteen services, so some three minutes on two cores.")
	@go build -o $@ ./cmd/doctor
	@touch $@

.PHONY: doctor
doctor: build/doctor ## Look at the deployed stack and what it stands on; EXPORT=<image> asks, exports it and reports what AWS does not say
	@build/doctor -stack "$(STACK)" $(if $(REGION),-region "$(REGION)") $(if $(PROFILE),-profile "$(PROFILE)") $(if $(JSON),-json) \
		$(if $(EXPORT),-export "$(EXPORT)") $(if $(TWICE),-twice)

.PHONY: clean
clean: ## Remove what was built
	@rm -rf build .aws-sam
