# Each target sets up what it needs in .venv and installs again only when the requirements change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PIP := $(INSTALL) -c constraints.txt
RUNTIME := $(VENV)/.installed
DEVELOPMENT := $(VENV)/.installed-dev
OLD := $(VENV)/old-spikingjelly

.PHONY: demo test lint docs bench package clean

demo: $(RUNTIME)
	$(BIN)/landscape demo -o reports/demo --force

# What the demonstration does not measure itself: made anew when budgets, measures or networks change.
checkpoints/demo/measured.tar.xz: $(RUNTIME)
	$(BIN)/landscape analyze checkpoints/demo/*.safetensors --data fashion-mnist-embedded --examples 250 \
	    --budget quick -o build/measured
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude='*-s10' -C build/measured \
	    -cJf $@ results

# A file's tests stay in one process, and in order: they share fixtures. Each process takes 1 GB.
test: $(DEVELOPMENT)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(DEVELOPMENT)
	$(BIN)/mkdocs build --strict

bench: $(DEVELOPMENT)
	$(BIN)/python -m benchmarks

# The wheel is built from the sdist, and used from a folder where nothing else of the project is.
package: | $(VENV)/bin/python
	rm -rf dist build/clean
	$(INSTALL) build
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv build/clean
	build/clean/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt dist/*.whl
	cd build/clean && bin/landscape env && bin/landscape look lib/python*/site-packages/landscape/shipped/ikun_v1-sgd-s10.safetensors \
	    --data fashion-mnist-embedded --examples 64 --quiet --fail-if 'train_accuracy < 0.6'

clean:
	rm -rf $(VENV) build dist site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	touch $@

# The references are installed without what they ask for: torchvision and torchaudio, which they
# need only for parts that are not used here, have no build that fits a CPU-only torch.
$(DEVELOPMENT): pyproject.toml constraints.txt tests/references.txt $(OLD) | $(VENV)/bin/python
	$(PIP) -e '.[test,dev,docs,bench]'
	$(PIP) --no-deps -r tests/references.txt
	touch $(RUNTIME) $@

# Beside the new version, not in its place: constraints.txt, which pins that one, is left out.
$(OLD): tests/old-spikingjelly.txt | $(VENV)/bin/python
	rm -rf $@
	$(INSTALL) --no-deps --target $@ -r $<
	touch $@
