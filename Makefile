# Everything runs in .venv, which each target sets up as it needs. `make` lists the targets.

PYTHON ?= python3
CORES ?= all
READY := .venv/.ready
SNAKEMAKE := .venv/bin/snakemake --cores $(CORES)

export VIDEOS CONFIG FPS

.PHONY: help demo run named test lint bench

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(READY) ## run the pipeline on a small set of clips [CORES=n]
	.venv/bin/python scripts/make_demo_videos.py demo
	$(SNAKEMAKE) --configfile config/demo.yaml
	@echo "Report: $(CURDIR)/results/demo/report/index.html"

run: named $(READY) ## run it on a folder of videos: VIDEOS=folder/ [CONFIG=my.yaml] [FPS=24] [CORES=n]
	@overlay="$$(.venv/bin/python scripts/survey_folder.py "$$VIDEOS" \
		$${FPS:+--fps "$$FPS"} $${CONFIG:+--config "$$CONFIG"})" && \
	$(SNAKEMAKE) --configfile $${CONFIG:+"$$CONFIG"} "$$overlay" && \
	echo "Report: $(CURDIR)/$${overlay%/*}/report/index.html"

named:
	@: "$${VIDEOS:?name the folder of videos: make run VIDEOS=folder/}"

test: $(READY) ## run the tests
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY) ## check style and workflow
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/python scripts/make_demo_videos.py demo
	.venv/bin/snakemake --lint --configfile config/demo.yaml

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
