"""Dependencies, versions, addresses and data: whatever is stated in two places agrees."""

import json
import re
from hashlib import sha256

import check_colab
import nbformat
import pytest
import yaml
from checkout import DOCUMENTS, NOTEBOOKS, PROJECT, ROOT, committed_files, every_notebook, text_of
from clean_environment import bootstrap_cell, published_ref
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import lprnet_utils

DATA = ROOT / "data"


def requirements(lines):
    """Requirement lines as {name: bounds}, without those that name the project itself."""
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed if r.name != PROJECT["project"]["name"]}


def project_requirements():
    """All dependencies and extras of pyproject.toml."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    return requirements([*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)])


def pinned_versions(path):
    """{name: version} of a file of pip that pins packages."""
    pinned = {}
    for name, bounds in requirements(line for line in text_of(path).splitlines() if not line.startswith("#")).items():
        (pin,) = bounds
        assert pin.operator == "==", f"{path.name}: {name}{pin}"
        pinned[name] = pin.version
    return pinned


def test_environment_yml_asks_for_what_pyproject_asks_for():
    # Python comes from conda, all else by pip, with the names and bounds of the dependencies and all extras
    environment = yaml.safe_load(text_of(ROOT / "environment.yml"))
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and set(packages) == {"pip"}
    options = [line for line in packages["pip"] if line.startswith("-")]
    assert options == ["-c constraints.txt", "-e ."]
    assert requirements(line for line in packages["pip"] if line not in options) == project_requirements()
    name, version = python.split("=")
    assert name == "python" and SpecifierSet(PROJECT["project"]["requires-python"]).contains(version)


@pytest.mark.parametrize(
    ("name", "pattern"), [("environment.yml", r"^ *- (?!pip:$).*$"), ("pyproject.toml", r'^  "[\w.-]+>=.*$')]
)
def test_every_dependency_has_a_comment_with_its_reason(name, pattern):
    lines = re.findall(pattern, text_of(ROOT / name), re.MULTILINE)
    assert len(lines) >= len(project_requirements())
    silent = [line for line in lines if not re.search(r" # *\w.{5,}$| #\s*\.\.\. \w+", line)]
    assert not silent, f"{name}: no reason in {silent}"


def test_the_lock_pins_every_dependency_within_its_bounds():
    pinned = pinned_versions(ROOT / "constraints.txt")
    for name, bounds in project_requirements().items():
        assert name in pinned, f"constraints.txt does not pin {name}: run make lock"
        assert bounds.contains(pinned[name]), f"{name}: {pinned[name]} is outside {bounds}"


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
    dated = text_of(check_colab.PACKAGES).splitlines()[:3]
    assert re.search(r"\d{4}-\d\d-\d\d", " ".join(dated)), "no date"
    pinned = pinned_versions(check_colab.PACKAGES)
    extras = PROJECT["project"]["optional-dependencies"]
    asked = requirements([*PROJECT["project"]["dependencies"], *extras["train"], *extras["notebooks"]])
    replaced = [name for name in asked if name in pinned and not asked[name].contains(pinned[name])]
    assert replaced == ["moviepy"], "packages that the bootstrap cell replaces in Colab"


def test_citation_and_changelog_have_the_version_of_the_package():
    assert yaml.safe_load(text_of(ROOT / "CITATION.cff"))["version"] == lprnet_utils.__version__
    assert f"## {lprnet_utils.__version__}" in text_of(ROOT / "CHANGELOG.md")
    Version(lprnet_utils.__version__)


ADDRESS = re.compile(
    r"(?:git\+https://github\.com|raw\.githubusercontent\.com|colab\.research\.google\.com/github|nbviewer\.org/github"
    r"|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+?)(?=\.git\b|@|[/\s\"'`)\]]|$)"
    r"|github\.com/([\w.-]+/[\w.-]+)/(?:actions|blob|tree|raw|issues|releases|archive)\b"
    r"|img\.shields\.io/github/[\w./-]*?/([\w.-]+/[\w.-]+?)(?=[?\s\"')\]])"
)


def addresses(text):
    """OWNER/NAME of each badge, install command, Colab link and link into a GitHub repository."""
    return [next(filter(None, found)) for found in ADDRESS.findall(text)]


def test_all_addresses_are_that_of_pyproject():
    repository = PROJECT["project"]["urls"]["Repository"]
    own = repository.removeprefix("https://github.com/")
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", own), repository
    assert len(addresses(text_of(ROOT / "README.md"))) >= 4, "the badge, twice, the Colab link, the install command"
    wrong = {}
    for path in [*DOCUMENTS, ROOT / "CITATION.cff", *NOTEBOOKS]:
        text = text_of(path)
        # links to other repositories are allowed, unless they have this project's name or are install commands
        for other in set(addresses(text)) - {own}:
            if other.split("/")[1] == own.split("/")[1] or f"git+https://github.com/{other}" in text:
                wrong.setdefault(path.name, []).append(other)
    assert not wrong, f"pyproject.toml says {own}"


@every_notebook
def test_a_notebook_installs_the_version_that_its_colab_link_opens(path):
    repository, ref = re.fullmatch(r"(.+)/tree/([\w.-]+)/notebooks", PROJECT["project"]["urls"]["Course"]).groups()
    assert repository == PROJECT["project"]["urls"]["Repository"]
    assert ref == "main" or ref == f"v{lprnet_utils.__version__}"
    colab = repository.replace("https://github.com", "https://colab.research.google.com/github")
    assert f"({colab}/blob/{ref}/notebooks/{path.name})" in nbformat.read(path, as_version=4).cells[0].source
    line = f'    %pip install "lprnet_utils[notebooks] @ git+{repository}@{ref}"'
    assert bootstrap_cell(path).splitlines()[-1] == line
    assert published_ref(path) == ref


def test_the_readme_opens_the_quickstart_in_colab():
    ref = PROJECT["project"]["urls"]["Course"].split("/tree/")[1].split("/")[0]
    assert f"/blob/{ref}/notebooks/00_quickstart.ipynb" in text_of(ROOT / "README.md")
    assert ROOT / "notebooks" / "00_quickstart.ipynb" in NOTEBOOKS


def test_every_data_file_is_listed_with_licence_and_checksum():
    text = text_of(DATA / "README.md")
    rows = re.findall(r"^\| *`([^`]+)` *\|(.*)\| *`([0-9a-f]{64})` *\|\s*$", text, re.MULTILINE)
    listed = {name: digest for name, _, digest in rows}
    assert len(listed) == len(rows), "a file is listed twice"
    # the two lists cannot hold their own checksum; the model cards are README.md files too
    paths = [p for p in committed_files() if p.is_relative_to(DATA) and p.name not in ("README.md", "checksums.json")]
    files = {path.relative_to(DATA).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}
    assert set(files) - set(listed) == set(), "not listed in data/README.md"
    assert set(listed) - set(files) == set(), "listed in data/README.md, but not there"
    changed = [name for name, digest in files.items() if digest != listed[name]]
    assert not changed, "their SHA-256 is not the one in data/README.md"
    unclear = [name for name, middle, _ in rows if not all(cell.strip() for cell in middle.split("|"))]
    assert not unclear, "without origin or licence in data/README.md"
    checked = json.loads(text_of(DATA / "checksums.json"))
    assert {name: listed[name] for name in checked} == checked, "data/checksums.json and data/README.md differ"
