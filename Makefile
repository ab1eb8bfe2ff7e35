# Everything runs in .venv, which each target sets up as it needs. `make` lists the targets.

PYTHON ?= python3
CORES ?= all
READY := .venv/.ready
SNAKEMAKE := .venv/bin/snakemake --cores $(CORES)
# The fixtures of a file are made once. Those that take longest are named at the end.
PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest --durations=15 --durations-min=1 \
	--numprocesses auto --maxprocesses 4 --dist loadfile

# Only from the command line: an exported variable that is left over would consent to a deletion.
# As they were typed: in a name make would take $ for its own syntax, and would run $(shell …).
TYPED := VIDEOS CONFIG FPS STEP REPLACE RESULTS SAMPLE SEED DELETE
$(foreach name,$(TYPED),$(eval override $(name) := \
	$(if $(findstring command line,$(origin $(name))),$$(value $(name)))))
export $(TYPED)

.PHONY: help demo run require-videos verify leftovers require-results
.PHONY: check quick-tests dry-run lint test test-slow test-slurm fuzz bench

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(READY) ## run the pipeline on a small set of clips [CORES=n]
	.venv/bin/python scripts/make_demo_videos.py demo
	$(SNAKEMAKE) --configfile config/demo.yaml
	@! grep -q '"trained": false' results/demo/provenance.json || echo "The network is UNTRAINED;" \
		"to try its weights again: $(SNAKEMAKE) --configfile config/demo.yaml --forcerun fetch_weights"
	@echo "Report: $(CURDIR)/results/demo/report/index.html"

run: require-videos $(READY) ## run it on a folder: VIDEOS=folder/ [CONFIG=my.yaml] [STEP=1/6 | FPS=24] [REPLACE=yes] [CORES=n]
	@case "$$CONFIG" in "~/"*) CONFIG="$$HOME/$${CONFIG#??}";; esac; \
	overlay="$$(.venv/bin/python scripts/survey_folder.py \
		$${FPS:+--fps="$$FPS"} $${STEP:+--step="$$STEP"} $${CONFIG:+--config="$$CONFIG"} \
		$${REPLACE:+--replace="$$REPLACE"} -- "$$VIDEOS")" && \
	$(SNAKEMAKE) --configfile $${CONFIG:+"$$CONFIG"} "$$overlay" && \
	echo "Report: $$(cd -- "$${overlay%/*}" && pwd)/report/index.html"

require-videos:
	@: "$${VIDEOS:?name the folder of videos: make run VIDEOS=folder/}"

verify: require-results $(READY) ## compute numbers again, from the videos: RESULTS=results/demo [SAMPLE=n] [SEED=n] [VIDEOS=folder/]
	@.venv/bin/python scripts/verify_results.py $${SAMPLE:+--sample="$$SAMPLE"} \
		$${SEED:+--seed="$$SEED"} $${VIDEOS:+--videos="$$VIDEOS"} -- "$$RESULTS"

leftovers: require-results $(READY) ## files of videos and settings that are no longer in the set: RESULTS=results/demo [DELETE=yes]
	@.venv/bin/python scripts/list_leftovers.py $${DELETE:+--delete="$$DELETE"} -- "$$RESULTS"

require-results:
	@: "$${RESULTS:?name the results folder: make $(MAKECMDGOALS) RESULTS=results/demo}"

check: $(READY) ## style, types, quick tests and a dry run: a minute
	@$(MAKE) --no-print-directory --jobs=2 quick-tests dry-run

quick-tests:
	$(PYTEST) -m "not moderate and not slow" tests/unit tests/contract

dry-run: lint # which makes the clips
	$(SNAKEMAKE) --dry-run --quiet all --configfile config/demo.yaml

lint: $(READY) ## check style, types and workflow
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/python scripts/make_demo_videos.py demo
	.venv/bin/snakemake --lint --configfile config/demo.yaml

test: $(READY) ## run the tests: ten minutes
	$(PYTEST) tests

test-slow: $(READY) ## run the tests that `make test` leaves out
	$(PYTEST) -m slow tests

test-slurm: $(READY) ## run the tests on a real SLURM, which they start on this machine (as root)
	tests/slurm/install.sh
	.venv/bin/python -m pytest -m slurm tests/slurm

fuzz: $(READY) ## read 200 damaged videos, of which `make test` reads a tenth
	$(PYTEST) -m "fuzz or not fuzz" --dist load tests/fuzz

bench: $(READY) ## measure speed, memory and disk: benchmarks/README.md [PARTS="sets plans"]
	.venv/bin/python benchmarks/bench.py $(PARTS)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: Python 3.11 or newer is needed, but $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1 | head -n 1): name another with" \
			"make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv (several GB, some minutes)"
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --constraint constraints.txt --editable '.[demo,test,lint]'
	@touch $@
