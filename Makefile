# Two commands matter: `make rehearse` runs the main job on this machine, `make test` checks everything.
PYTHON ?= python3
BIN     = .venv/bin
SOURCES ?= standins
PACKAGES = __main__.py fabfile.py gpurig infra provision rehearsal examples tests bench scripts/setup.py scripts/hashes.py templates/recipes/datasets/program
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin:/sbin

# A folder in place of the network: docs/rehearsal.md.
ifdef OFFLINE
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(OFFLINE))/wheels
endif

.PHONY: help setup rehearse gpu-check shell test lint types unit test-standins test-recipes test-gpu-builds test-life test-faults test-nightly bench pages dist lock clean

help:
	@echo "make rehearse              create, provision, use, destroy and restore a box on this machine; no account, no bill"
	@echo "make rehearse SOURCES=upstream [GIT_MIRROR=URL]   the same with the real caffe and DIGITS (half an hour)"
	@echo "make rehearse LIFE=1       a box's whole life: doctor, offers, up, a run, spot taken, resume, the ceiling, start, destroy"
	@echo "make rehearse GPU=1        the same on this machine's NVIDIA card: the stack asks for one like it, and PyTorch trains on it"
	@echo "make rehearse KEEP=1       leave the rehearsal cloud running at the end, and say how to use it"
	@echo "make gpu-check CHECK=…     on a machine with an NVIDIA card: try every recipe that can run on it; CHECK=--help"
	@echo "make test                  linters, types, all tests"
	@echo "make test-standins         what stands in for the Pulumi engine and its AWS plugin, in depth (ten minutes)"
	@echo "make test-recipes          install the catalogue for real on boxes of this machine, and run its examples (up to an hour)"
	@echo "make test-gpu-builds GIT_MIRROR=FOLDER|URL   compile all CUDA code from the pinned sources, for four kinds of GPU (hours)"
	@echo "make test-life             whole lives of volumes, hosts, images and data sets on boxes of this machine (half an hour)"
	@echo "make test-faults           everything that can go wrong, in the middle of every command, on boxes of this machine (half an hour)"
	@echo "make test-nightly          long random walks, many made-up inputs, scans of the rehearsal cloud (an hour)"
	@echo "make bench                 how fast it is, beside plain ssh, Ansible, pyinfra, Fabric and ImageMagick"
	@echo "make clean                 switch a rehearsal cloud off and remove what it left here"
	@echo "make pages                 write again what is made of recipes, settings and verbs: docs, Pulumi.yaml, README"
	@echo "make dist                  a wheel and a source archive in dist/, the same bytes each time"
	@echo "make lock                  pin the newest packages again, and the hashes of those that recipes pin (needs uv)"

setup:
	@$(PYTHON) scripts/setup.py

rehearse: setup
	@SOURCES="$(SOURCES)" $(BIN)/python -m rehearsal story $(if $(LIFE),--life) $(if $(GPU),--gpu) $(if $(KEEP),--keep) $(if $(OFFLINE),--offline "$(abspath $(OFFLINE))")

gpu-check: setup
	@$(BIN)/python -m rehearsal gpu-check $(if $(OFFLINE),--offline "$(abspath $(OFFLINE))") $(CHECK)

test: setup lint types unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: setup
	$(BIN)/mypy $(PACKAGES)

unit: setup
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test-standins: setup
	$(BIN)/pytest -n 2 --dist loadfile -m standins

test-recipes: setup
	$(BIN)/pytest -n 2 --dist loadfile -m installs tests/installs

test-gpu-builds: setup
	$(BIN)/pytest -m builds tests/builds

test-life: setup
	$(BIN)/pytest -n 2 --dist loadfile -m life

test-faults: setup
	$(BIN)/pytest -n 2 --dist loadfile -m faults tests/faults

# A scanner with a hundred packages of its own, which the rest has nothing to do with.
.venv-prowler: requirements/prowler.txt
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --require-hashes -r $<
	@touch $@

test-nightly: setup .venv-prowler
	$(BIN)/pytest -n 2 --dist loadfile -m 'nightly or hypothesis' --hypothesis-profile nightly

bench: setup
	@$(BIN)/python -m bench

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m rehearsal clean; fi

pages: setup
	@$(BIN)/python -m provision.pages
	@$(BIN)/python -m provision.pages.api
	@$(BIN)/python -m infra.pages
	@$(BIN)/python -m provision.tasks.readme

dist: setup
	@$(BIN)/python -m hatchling build --clean

lock:
	$(PYTHON) scripts/hashes.py
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --quiet --upgrade pyproject.toml -o requirements/run.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --quiet --upgrade pyproject.toml requirements/dev.in -o requirements/dev.txt
