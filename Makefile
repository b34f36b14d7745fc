# Everything that is made, made with nothing but make and a Python (3.9 or later). `make help` lists the targets.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# Splunk's dashboard framework, from npm.
WEB := lab/dashboards/web
PAGE := $(WEB)/dist/page.js

# What draws the pictures in the documentation, from npm.
MERMAID := tools/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js

# One environment for each job; bootstrap makes it again only when the job's requirements change.
BROWSER := .venv/dashboards
DOCS := .venv/docs
FUZZ := .venv/fuzz
LAB := .venv/lab
LINT := .venv/lint
LOCK := .venv/lock
TEST := .venv/test-$(VERSION)
# Tests are many small processes, some of which wait: one more at a time than there are cores, but four at most.
PARALLEL = -n $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 4))')
BOOTSTRAP := $(PYTHON) -m tools.bootstrap

LOCKED := $(basename $(notdir $(wildcard requirements/*.in)))

.DEFAULT_GOAL := help
.PHONY: help demo refresh-demo dashboards screenshots bench fuzz endurance test test-dashboards docs test-docs \
  readme lint format package inspect release vendor lock clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 26

demo: vendor ## show the app at work, without a Splunk
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m lab.cli.demo

refresh-demo: vendor ## show the refresh at work with servers on loopback; needs the DNS server NSD
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m lab.cli.refresh_demo

dashboards: vendor $(PAGE) ## serve the dashboards over made-up data on 127.0.0.1; needs Node.js with npm
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m lab.dashboards

screenshots: vendor $(PAGE) ## take the pictures of README; needs Node.js with npm and Chromium
	@$(BOOTSTRAP) $(BROWSER) requirements/dashboards.txt
	@$(BROWSER)/bin/python -m lab.dashboards.screenshots

bench: package ## compare the command's speed with others, about 25 minutes; in small: make bench ARGS=--quick
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m lab.bench --app "$$(ls -t dist/*.tgz | head -1)" $(ARGS)

fuzz: vendor ## look for inputs that break the app, 60 s a target; Linux, Python 3.11 to 3.13; make fuzz ARGS=--help
	@$(BOOTSTRAP) $(FUZZ) requirements/fuzz.txt
	@$(FUZZ)/bin/python -m lab.fuzz $(ARGS)

endurance: package ## send 10 million events through one process; in small: make endurance ARGS='--events 1000000'
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m lab.bench.endurance --app "$$(ls -t dist/*.tgz | head -1)" $(ARGS)

test: vendor ## run the tests; another Python: make test PYTHON=python3.9; some of them: make test ARGS='-k vendor'
	@$(BOOTSTRAP) $(TEST) requirements/test.txt
	@$(TEST)/bin/python -m pytest $(PARALLEL) --dist loadscope $(ARGS)

# A browser for each of the processes: not more than there are cores.
test-dashboards: vendor $(PAGE) ## check the dashboards in a browser; needs Node.js with npm and Chromium
	@$(BOOTSTRAP) $(BROWSER) requirements/dashboards.txt
	@$(BROWSER)/bin/python -m pytest -n auto --maxprocesses 4 tests/dashboards $(ARGS)

$(PAGE): $(WEB)/package-lock.json $(WEB)/build.mjs $(WEB)/page.jsx
	cd $(WEB) && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

docs: $(MERMAID) ## build the documentation into build/site; needs Node.js with npm
	@$(BOOTSTRAP) $(DOCS) requirements/docs.txt
	@$(DOCS)/bin/python -m tools.site

test-docs: $(MERMAID) ## check the documentation, and look at its pictures; needs Node.js with npm and Chromium
	@$(BOOTSTRAP) $(DOCS) requirements/docs.txt
	@$(DOCS)/bin/python -m pytest tests/docs $(ARGS)

$(MERMAID): tools/site/package-lock.json
	cd tools/site && npm ci --no-audit --no-fund --loglevel=error

readme: vendor $(PAGE) ## run every command of README in a clean Debian; needs root, mmdebstrap, NSD, Node.js with npm
	@$(BOOTSTRAP) $(LAB) requirements/lab.txt
	@$(LAB)/bin/python -m tools.readme

lint: vendor ## check style, and types on Linux and on Windows
	@$(BOOTSTRAP) $(LINT) requirements/lint.txt
	$(LINT)/bin/ruff check
	$(LINT)/bin/ruff format --check
	$(LINT)/bin/mypy
	$(LINT)/bin/mypy --platform win32 --cache-dir .mypy_cache/win32 bin

format: ## bring the code into the style that lint asks for
	@$(BOOTSTRAP) $(LINT) requirements/lint.txt
	$(LINT)/bin/ruff check --fix-only
	$(LINT)/bin/ruff format

package: vendor ## make dist/tsidenrich-<version>.tgz, which Splunk installs
	@$(PYTHON) -m tools.package

inspect: package ## hold the package against Splunk's AppInspect
	@$(PYTHON) -m tools.appinspect

release: vendor ## make the package with its SHA-256 and AppInspect's report, if the changelog tells of it
	@$(PYTHON) -m tools.release

vendor: ## build bin/lib, the libraries that the app carries
	@$(PYTHON) -m tools.vendor

lock: ## pin the newest versions that requirements/*.in allow
	@$(BOOTSTRAP) $(LOCK) requirements/lock.txt
	@for name in $(LOCKED); do \
	  $(LOCK)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.9 --fork-strategy fewest \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	    $$(test $$name = vendor && echo --no-deps) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

clean: ## remove everything that was made
	rm -rf .venv build dist bin/lib $(WEB)/node_modules $(WEB)/dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find bin lab tools tests -name __pycache__ -prune -exec rm -rf {} +
