# Makes everything with only make and a Python (3.9 or later). `make help` lists the targets.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# Splunk's dashboard framework, from npm.
WEB := lab/dashboards/web
PAGE := $(WEB)/dist/page.js

# The renderer of the diagrams in the documentation, from npm.
MERMAID := tools/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js

BROWSER := .venv/dashboards
BUILD := .venv/build
DOCS := .venv/docs
FUZZ := .venv/fuzz
INSPECT := .venv/inspect
LAB := .venv/lab
LINT := .venv/lint
MUTATION := .venv/mutation
UV := $(BUILD)/bin/uv
TEST := .venv/test-$(VERSION)
LIB := bin/lib/VENDORED.txt
# The series of splunk-sdk in the package: make package SDK=3
SDK ?= 2
LIB3 := build/sdk3/lib/VENDORED.txt
FLAVOUR_LIB := $(if $(filter 3,$(SDK)),$(LIB3),$(LIB))
# The app that is tested with SDK=3, and the tests of what touches the SDK.
APP3 := build/sdk3/tsidenrich
TESTS3 := tests/tsidsplunk tests/app/test_package.py tests/app/test_appcheck.py
# Tests are many small processes, some of which wait: one worker more than cores, but four at most.
PARALLEL = -n $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 4))')

LOCKED := $(basename $(notdir $(wildcard requirements/*.in)))

.DEFAULT_GOAL := help
.PHONY: help demo refresh-demo dashboards screenshots bench fuzz endurance test test-dashboards docs test-docs \
  splunk-check readme lint format package inspect release mutate nightly vendor lock clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 26

# An environment for each job, rebuilt when its requirements change.
.venv/%/.made: requirements/%.txt | $(BUILD)/.made
	$(environment)

$(TEST)/.made: requirements/test.txt | $(BUILD)/.made
	$(environment)

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || \
  { echo 'error: $(PYTHON) is older than 3.9; what to do: make PYTHON=python3.11, or another one' >&2; exit 1; }
@echo 'making $(@D) from $<'
@$(PYTHON) -m venv --clear --without-pip $(@D)
@$(UV) pip install --quiet --python $(@D)/bin/python --require-hashes -r $<
@touch $@
endef

define need_npm
@command -v npm >/dev/null || \
  { echo 'error: npm is missing; what to do: install Node.js 18 or later with npm (Debian 12: apt install nodejs npm)' >&2; exit 1; }
endef

# Its uv installs the other environments, in a fraction of pip's time.
$(BUILD)/.made: requirements/build.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'error: $(PYTHON) cannot make environments; what to do: apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

demo: $(LIB) $(LAB)/.made ## show the app at work, without Splunk, on one screen; everything: make demo ARGS=--full
	@$(LAB)/bin/python -m lab.cli.demo $(ARGS)

refresh-demo: $(LIB) $(LAB)/.made ## show the refresh at work with servers on loopback; needs the DNS server NSD
	@$(LAB)/bin/python -m lab.cli.refresh_demo

dashboards: $(LIB) $(LAB)/.made $(PAGE) ## serve the dashboards over made-up data on 127.0.0.1; needs Node.js with npm
	@$(LAB)/bin/python -m lab.dashboards

screenshots: $(LIB) $(BROWSER)/.made $(PAGE) ## take the pictures of README; needs Node.js with npm and Chromium
	@$(BROWSER)/bin/python -m lab.dashboards.screenshots

bench: package $(LAB)/.made ## compare the command's speed with others, about 25 minutes; shorter: make bench ARGS=--quick
	@pythons=$$($(PYTHON) -m tools.interpreters 3.9 3.13) && \
	  $(LAB)/bin/python -m lab.bench --app "$$(ls -t dist/*.tgz | head -1)" --python $$pythons $(ARGS)

fuzz: $(LIB) $(FUZZ)/.made ## fuzz the app, 60 s a target; Linux, Python 3.11 to 3.13
	@$(FUZZ)/bin/python -m lab.fuzz $(ARGS)

endurance: package $(LAB)/.made ## send 10 million events through one process; shorter: make endurance ARGS='--events 1000000'
	@pythons=$$($(PYTHON) -m tools.interpreters 3.9 3.13) && \
	  $(LAB)/bin/python -m lab.bench.endurance --app "$$(ls -t dist/*.tgz | head -1)" --python $$pythons $(ARGS)

test: $(LIB) $(FLAVOUR_LIB) $(TEST)/.made ## run the tests; make test PYTHON=python3.9; make test ARGS='-k vendor'; make test SDK=3
ifeq ($(SDK),3)
	@rm -rf $(APP3) && $(PYTHON) -m tools.package --sdk 3 --unpack $(dir $(APP3))
	@TSID_SDK=3 $(TEST)/bin/python -m pytest $(PARALLEL) --dist loadscope -o pythonpath='$(APP3)/bin $(APP3)/bin/lib .' $(TESTS3) $(ARGS)
else
	@$(TEST)/bin/python -m pytest $(PARALLEL) --dist loadscope $(ARGS)
endif

# Each process starts a browser: not more of them than cores.
test-dashboards: $(LIB) $(BROWSER)/.made $(PAGE) ## check the dashboards in a browser; needs Node.js with npm and Chromium
	@$(BROWSER)/bin/python -m pytest -n auto --maxprocesses 4 tests/dashboards $(ARGS)

$(PAGE): $(WEB)/package-lock.json $(WEB)/build.mjs $(WEB)/page.jsx
	$(need_npm)
	@echo 'building the page of the dashboards with npm; the first time takes a minute or more'
	@cd $(WEB) && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

docs: $(MERMAID) $(DOCS)/.made ## build the documentation into build/site; needs Node.js with npm
	@$(DOCS)/bin/python -m tools.site

test-docs: $(MERMAID) $(DOCS)/.made ## check the documentation and its pictures; needs Node.js with npm and Chromium
	@$(DOCS)/bin/python -m pytest tests/docs $(ARGS)

$(MERMAID): tools/site/package-lock.json
	$(need_npm)
	@cd tools/site && npm ci --no-audit --no-fund --loglevel=error

splunk-check: $(LIB) $(BUILD)/.made ## check what only a real Splunk shows; says what to set (SPLUNK_URL, SPLUNK_TOKEN)
	@$(BUILD)/bin/python -m tools.splunk_check

readme: ## run the shell commands of README in a bare Debian; needs root and mmdebstrap
	@$(PYTHON) -m tools.readme

lint: $(LIB) $(LINT)/.made ## check style, wording, and types for Linux and Windows
	$(LINT)/bin/ruff check
	$(LINT)/bin/ruff format --check
	$(LINT)/bin/python -m tools.prose
	$(LINT)/bin/mypy
	$(LINT)/bin/mypy --platform win32 --cache-dir .mypy_cache/win32 bin

format: $(LINT)/.made ## format the code as lint expects it
	$(LINT)/bin/ruff check --fix-only
	$(LINT)/bin/ruff format

package: $(FLAVOUR_LIB) ## make dist/tsidenrich-<version>.tgz for Splunk; with splunk-sdk 3, for Splunk 10.2: make package SDK=3
	@$(PYTHON) -m tools.package --sdk $(SDK)

inspect: package $(INSPECT)/.made ## check the package with Splunk's AppInspect
	@$(INSPECT)/bin/python -m tools.appinspect --sdk $(SDK)

release: $(FLAVOUR_LIB) $(INSPECT)/.made ## make the package with its SHA-256 and AppInspect's report
	@$(INSPECT)/bin/python -m tools.release --sdk $(SDK)

mutate: $(LIB) $(MUTATION)/.made ## run mutation tests; make mutate ARGS='tsid.text.names*'
	@mkdir -p mutants && ln -sfn bin src && ln -sfn src mutants/bin
	@$(MUTATION)/bin/mutmut run $(ARGS) && $(MUTATION)/bin/mutmut results

nightly: ## run the slow checks: many examples, long fuzzing, AppInspect and tests with SDK 3, README in a bare Debian, bench, endurance
	$(MAKE) test ARGS=--hypothesis-profile=nightly
	$(MAKE) fuzz
	$(MAKE) inspect test SDK=3
	$(MAKE) readme
	$(MAKE) bench
	$(MAKE) endurance

vendor: $(FLAVOUR_LIB) ## build bin/lib, the app's libraries

$(LIB): requirements/vendor.txt tools/vendor.py $(BUILD)/.made
	@$(BUILD)/bin/python -m tools.vendor

$(LIB3): requirements/vendor-sdk3.txt tools/vendor.py $(BUILD)/.made
	@$(BUILD)/bin/python -m tools.vendor --sdk 3

lock: $(BUILD)/.made ## pin the newest versions that requirements/*.in allow
	@for name in $(LOCKED); do \
	  $(UV) pip compile --quiet --upgrade --universal --fork-strategy fewest \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	    --python-version $$(test $$name = vendor-sdk3 && echo 3.13 || echo 3.9) \
	    $$(case $$name in vendor*) echo --no-deps;; esac) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

clean: ## remove everything that make has made
	rm -rf .venv build dist mutants src bin/lib $(WEB)/node_modules $(WEB)/dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find bin lab tools tests -name __pycache__ -prune -exec rm -rf {} +
