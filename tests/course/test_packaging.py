"""Dependencies, versions, addresses and data: whatever is stated in two places agrees."""

import json
import re
from hashlib import sha256

import check_colab
import nbformat
import pytest
import yaml
from checkout import DOCUMENTS, FORMS, NOTEBOOKS, PROJECT, ROOT, committed_files, every_notebook, text_of
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


def test_bounds_are_loose_and_the_pinned_versions_are_the_newest_that_they_allow():
    """A lower bound, and at most the next major release as an upper one; none for what must stay free for security."""
    pinned = pinned_versions(ROOT / "constraints.txt")
    for name, bounds in project_requirements().items():
        assert sorted(s.operator for s in bounds) in ([">="], ["<", ">="]), f"{name}{bounds}"
        for upper in (s.version for s in bounds if s.operator == "<"):
            assert upper == str(Version(pinned[name]).major + 1), f"{name}<{upper}, but {pinned[name]} is tested"
    assert not any(s.operator == "<" for s in project_requirements()["pillow"]), (
        "holes are closed in the newest release"
    )


def test_wheel_includes_the_data_and_the_page():
    # `make test-install` tests the installed wheel in a clean environment
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["only-include"]) == {"lprnet_utils", "data", "web/dist/page"}
    assert wheel["sources"] == {"data": "lprnet_utils/data", "web/dist/page": "lprnet_utils/web_page"}


LICENCE_TEXTS = {  # SPDX identifier: file, and words of its text
    "MIT": ("LICENSE", "MIT License"),
    "CC0-1.0": ("data/LICENSE-CC0-1.0.txt", "CC0 1.0 Universal"),
    "Apache-2.0": ("data/detection/LICENSE-Apache-2.0.txt", "Version 2.0, January 2004"),
    "LicenseRef-Research-Only": ("data/weights/LICENSE-Research-Only.txt", "non-commercial research"),
}


def test_the_wheel_has_the_text_of_every_licence():
    # `make test-install` looks for them in an installed package
    project = PROJECT["project"]
    assert set(project["license"].split(" AND ")) == set(LICENCE_TEXTS)
    assert not any("**" in pattern for pattern in project["license-files"]), "hatchling takes ** for exactly one folder"
    taken = {path.relative_to(ROOT).as_posix() for pattern in project["license-files"] for path in ROOT.glob(pattern)}
    assert taken == {path.relative_to(ROOT).as_posix() for path in committed_files() if path.name.startswith("LICENSE")}
    for name, words in LICENCE_TEXTS.values():
        assert name in taken and words in text_of(ROOT / name)
    # whatever data/README.md says is research only is named in its terms
    terms = text_of(ROOT / LICENCE_TEXTS["LicenseRef-Research-Only"][0])
    files = re.findall(r"^\| `weights/(\S+)` .*\*\*research use only\*\*", text_of(DATA / "README.md"), re.MULTILINE)
    assert files and all(f"    {name}\n" in terms for name in files)


def test_the_metadata_name_the_tested_pythons_and_the_addresses():
    project = PROJECT["project"]
    known = [line.split(" :: ")[-1] for line in project["classifiers"] if line.startswith("Programming Language")]
    versions = [version for version in known if re.fullmatch(r"3\.\d+", version)]
    workflow = yaml.safe_load(text_of(ROOT / ".github" / "workflows" / "ci.yml"))
    assert versions == workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert SpecifierSet(project["requires-python"]) == SpecifierSet(f">={versions[0]}")
    assert {"Documentation", "Changelog", "Issues"} <= set(project["urls"])
    repository = project["urls"]["Repository"]
    assert all(address.startswith(repository) for address in project["urls"].values())
    assert yaml.safe_load(text_of(ROOT / "CITATION.cff"))["repository-code"] == repository
    assert "Typing :: Typed" in project["classifiers"] and (ROOT / "lprnet_utils" / "py.typed").is_file()


def test_colabs_packages_are_within_the_bounds():
    assert all((ROOT / "tests" / name).is_file() for name in check_colab.TESTS)
    dated = text_of(check_colab.PACKAGES).splitlines()[:3]
    assert re.search(r"\d{4}-\d\d-\d\d", " ".join(dated)), "no date"
    pinned = pinned_versions(check_colab.PACKAGES)
    extras = PROJECT["project"]["optional-dependencies"]
    asked = requirements([*PROJECT["project"]["dependencies"], *extras["train"], *extras["notebooks"]])
    replaced = [name for name in asked if name in pinned and not asked[name].contains(pinned[name])]
    assert replaced == [], "packages that the bootstrap cell would replace in Colab"


def test_citation_and_changelog_have_the_version_of_the_package():
    citation, changelog = yaml.safe_load(text_of(ROOT / "CITATION.cff")), text_of(ROOT / "CHANGELOG.md")
    assert citation["version"] == lprnet_utils.__version__
    first, *versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.MULTILINE)
    assert first == ("Unreleased", "")
    assert versions[0] == (lprnet_utils.__version__, citation["date-released"].isoformat())
    assert versions == sorted(versions, key=lambda pair: Version(pair[0]), reverse=True)
    # each version is compared with the one before it
    repository, names = PROJECT["project"]["urls"]["Repository"], [name for name, _ in versions]
    links = {"Unreleased": f"compare/v{names[0]}...HEAD", names[-1]: f"releases/tag/v{names[-1]}"}
    links |= {new: f"compare/v{old}...v{new}" for new, old in zip(names, names[1:], strict=False)}
    assert dict(re.findall(rf"^\[(.+)\]: {re.escape(repository)}/(\S+)$", changelog, re.MULTILINE)) == links


ADDRESS = re.compile(
    r"(?:git\+https://github\.com|raw\.githubusercontent\.com|colab\.research\.google\.com/github|nbviewer\.org/github"
    r"|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+?)(?=\.git\b|@|[/\s\"'`)\]]|$)"
    r"|github\.com/([\w.-]+/[\w.-]+)/(?:actions|blob|tree|raw|issues|releases|archive|compare|security)\b"
    r"|img\.shields\.io/github/[\w./-]*?/([\w.-]+/[\w.-]+?)(?=[?\s\"')\]])"
)


def addresses(text):
    """OWNER/NAME of each badge, install command, Colab link and link into a GitHub repository."""
    return [next(filter(None, found)) for found in ADDRESS.findall(text)]


def test_all_addresses_are_that_of_pyproject():
    repository = PROJECT["project"]["urls"]["Repository"]
    own = repository.removeprefix("https://github.com/")
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", own), repository
    assert len(addresses(text_of(ROOT / "README.md"))) >= 3, "the badge, twice, the Colab link"
    assert len(addresses(text_of(ROOT / "docs" / "install.md"))) >= 2, "the install commands"
    wrong = {}
    for path in [*DOCUMENTS, *FORMS, ROOT / "CITATION.cff", *NOTEBOOKS]:
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
