"""Dependencies, versions, addresses and data: whatever is stated in two places agrees."""

import json
import re
from hashlib import sha256
from pathlib import Path

import check_colab
import nbformat
import pytest
import yaml
from checkout import NOTEBOOKS, PROJECT, ROOT, committed_files, every_notebook
from clean_environment import bootstrap_cell, published_ref
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import lprnet_utils


def requirements(lines):
    """Requirement lines as {name: bounds}, without those that name the project itself."""
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed if r.name != PROJECT["project"]["name"]}


def project_requirements():
    """All dependencies and extras of pyproject.toml."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    return requirements([*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)])


# ---- dependencies


def test_environment_yml_asks_for_what_pyproject_asks_for():
    # Python comes from conda, all else by pip, with the names and bounds of the dependencies and all extras
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and set(packages) == {"pip"}
    options = [line for line in packages["pip"] if line.startswith("-")]
    assert options == ["-c constraints.txt", "-e ."]
    assert requirements(line for line in packages["pip"] if line not in options) == project_requirements()
    name, version = python.split("=")
    assert name == "python" and SpecifierSet(PROJECT["project"]["requires-python"]).contains(version)


@pytest.mark.parametrize("name", ["environment.yml", "pyproject.toml"])
def test_every_dependency_has_a_comment_with_its_reason(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "environment.yml":
        lines = re.findall(r"^ *- (?!pip:$).*$", text, re.MULTILINE)
    else:
        lines = re.findall(r'^  "[\w.-]+>=.*$', text, re.MULTILINE)
    assert len(lines) >= len(project_requirements())
    silent = [line for line in lines if not re.search(r" # *\w.{5,}$| #\s*\.\.\. \w+", line)]
    assert not silent, f"{name}: no reason in {silent}"


def test_the_lock_pins_every_dependency_within_its_bounds():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = requirements(line for line in lines if not line.startswith("#"))
    for name, bounds in project_requirements().items():
        assert name in pinned, f"constraints.txt does not pin {name}: run make lock"
        (pin,) = pinned[name]
        assert pin.operator == "==" and bounds.contains(pin.version), f"{name}: {pin} is outside {bounds}"


def test_plain_install_is_light():
    core = requirements(PROJECT["project"]["dependencies"])
    assert not {"tensorflow", "keras", "matplotlib", "plotly", "jupyterlab"} & set(core)
    assert all(s.operator == ">=" for bounds in core.values() for s in bounds), "a library's bounds stay loose"


def test_wheel_includes_the_data():
    # `make test-install` tests the installed wheel in a clean environment
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["only-include"]) == {"lprnet_utils", "data"} and wheel["sources"] == {"data": "lprnet_utils/data"}


def test_colabs_packages_are_within_the_bounds_except_moviepy():
    assert all((ROOT / "tests" / name).is_file() for name in check_colab.TESTS)
    lines = check_colab.PACKAGES.read_text(encoding="utf-8").splitlines()
    assert re.search(r"\d{4}-\d\d-\d\d", " ".join(lines[:3])), "no date"
    pinned = requirements(line for line in lines if not line.startswith("#"))
    extras = PROJECT["project"]["optional-dependencies"]
    asked = requirements([*PROJECT["project"]["dependencies"], *extras["train"], *extras["notebooks"]])
    replaced = []
    for name in set(asked) & set(pinned):
        (pin,) = pinned[name]
        replaced += [name] if not asked[name].contains(pin.version) else []
    assert replaced == ["moviepy"], "packages that the bootstrap cell replaces in Colab"


# ---- one version, one address


def test_citation_and_changelog_have_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == lprnet_utils.__version__
    assert f"## {lprnet_utils.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    Version(lprnet_utils.__version__)


ADDRESS = re.compile(
    r"(?:git\+https://github\.com|raw\.githubusercontent\.com|colab\.research\.google\.com/github|nbviewer\.org/github"
    r"|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+?)(?=\.git\b|@|[/\s\"')\]]|$)"
    r"|github\.com/([\w.-]+/[\w.-]+)/(?:actions|blob|tree|raw|issues|releases|archive)\b"
    r"|img\.shields\.io/github/[\w./-]*?/([\w.-]+/[\w.-]+?)(?=[?\s\"')\]])"
)


def addresses(text):
    """OWNER/NAME of each badge, install command, Colab link and link into a GitHub repository."""
    return [next(filter(None, found)) for found in ADDRESS.findall(text)]


def test_addresses_are_found():
    assert addresses('%pip install "x[notebooks] @ git+https://github.com/a/b@v1.0"\n') == ["a/b"]
    assert addresses("pip install git+https://github.com/a/b.git") == ["a/b"]
    assert addresses("[![CI](https://github.com/a/b/actions/workflows/ci.yml/badge.svg)](x)") == ["a/b"]
    assert addresses("(https://colab.research.google.com/github/a/b/blob/main/c.ipynb)") == ["a/b"]
    assert addresses("(https://raw.githubusercontent.com/a/b/main/d.png)") == ["a/b"]
    assert addresses("see https://github.com/someone/else, whose work this cites") == []


def test_all_addresses_are_that_of_pyproject():
    repository = PROJECT["project"]["urls"]["Repository"]
    own = repository.removeprefix("https://github.com/")
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", own), repository
    texts = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CITATION.cff")]
    wrong = {}
    for path in filter(Path.is_file, [*texts, *(ROOT / "docs").glob("*.md"), *NOTEBOOKS]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":  # the sources of the cells, because JSON escapes quotes and outputs do not count
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        others = sorted({found for found in addresses(text) if found != own})
        # links to other repositories are allowed, unless they have this project's name or are install commands
        others = [o for o in others if o.split("/")[1] == own.split("/")[1] or f"git+https://github.com/{o}" in text]
        if others:
            wrong[path.name] = others
    assert not wrong, f"pyproject.toml says {own}"


@every_notebook
def test_a_notebook_installs_the_version_that_its_colab_link_opens(path):
    course = PROJECT["project"]["urls"]["Course"]
    repository, ref = re.fullmatch(r"(.+)/tree/([\w.-]+)/notebooks", course).groups()
    assert repository == PROJECT["project"]["urls"]["Repository"]
    assert ref == "main" or ref == f"v{lprnet_utils.__version__}"
    link = (
        f"{repository.replace('https://github.com', 'https://colab.research.google.com/github')}/blob/{ref}/notebooks"
    )
    assert f"({link}/{path.name})" in nbformat.read(path, as_version=4).cells[0].source
    line = f'    %pip install "lprnet_utils[notebooks] @ git+{repository}@{ref}"'
    assert bootstrap_cell(path).splitlines()[-1] == line
    assert published_ref(path) == ref


def test_readme_links_to_the_course():
    ref = PROJECT["project"]["urls"]["Course"].split("/tree/")[1].split("/")[0]
    assert f"/blob/{ref}/notebooks/00_quickstart.ipynb" in (ROOT / "README.md").read_text(encoding="utf-8")


# ---- data


def test_every_data_file_is_listed_with_licence_and_checksum():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| *`([^`]+)` *\|(.*)\| *`([0-9a-f]{64})` *\|\s*$", text, re.MULTILINE)
    listed = {name: digest for name, _, digest in rows}
    assert len(listed) == len(rows), "a file is listed twice"
    # the two lists cannot hold their own checksum; the model cards are README.md files too
    files = {
        path.relative_to(ROOT / "data").as_posix(): path
        for path in committed_files()
        if path.is_relative_to(ROOT / "data") and path.name not in ("README.md", "checksums.json")
    }
    assert set(files) - set(listed) == set(), "not listed in data/README.md"
    assert set(listed) - set(files) == set(), "listed in data/README.md, but not there"
    changed = [name for name, path in files.items() if sha256(path.read_bytes()).hexdigest() != listed[name]]
    assert not changed, "their SHA-256 is not the one in data/README.md"
    unclear = [name for name, middle, _ in rows if not all(cell.strip() for cell in middle.split("|"))]
    assert not unclear, "without origin or licence in data/README.md"
    checked = json.loads((ROOT / "data" / "checksums.json").read_text(encoding="utf-8"))
    assert {name: listed[name] for name in checked} == checked, "data/checksums.json and data/README.md differ"
