"""The repository itself: what stands in two places agrees, and nothing is committed that should not be."""

import ast
import graphlib
import importlib
import json
import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest
import run_notebooks
import yaml
from clean_environment import bootstrap_cell, published_ref
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import lprnet_utils

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def requirements(lines):
    """Requirement lines as {name: bounds}, without those that name the project itself."""
    parsed = [Requirement(line) for line in lines]
    table = {canonicalize_name(r.name): r.specifier for r in parsed if r.name != PROJECT["project"]["name"]}
    return table


def project_requirements():
    extras = PROJECT["project"]["optional-dependencies"].values()
    return requirements([*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)])


def committed_files():
    """Files of the repository, new ones included, that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


# ---- dependencies


def test_environment_yml_asks_for_what_pyproject_asks_for():
    # the rule: Python from conda, all else by pip, with the very names and bounds of the dependencies and all extras
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and set(packages) == {"pip"}
    options = [line for line in packages["pip"] if line.startswith("-")]
    assert options == ["-c constraints.txt", "-e ."]
    assert requirements(line for line in packages["pip"] if line not in options) == project_requirements()
    name, version = python.split("=")
    assert name == "python" and SpecifierSet(PROJECT["project"]["requires-python"]).contains(version)


@pytest.mark.parametrize("name", ["environment.yml", "pyproject.toml"])
def test_every_dependency_says_why_it_is_there(name):
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


def test_wheel_takes_the_data_along():
    # that it does, `make test-install` tries in a clean environment
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["only-include"]) == {"lprnet_utils", "data"} and wheel["sources"] == {"data": "lprnet_utils/data"}


# ---- one version, one address


def test_one_version():
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


def test_one_repository_address():
    repository = PROJECT["project"]["urls"]["Repository"]
    own = repository.removeprefix("https://github.com/")
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", own), repository
    texts = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CITATION.cff")]
    wrong = {}
    for path in filter(Path.is_file, [*texts, *(ROOT / "docs").glob("*.md"), *NOTEBOOKS]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":  # the sources alone: escaped quotes and outputs would confuse
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        others = sorted({found for found in addresses(text) if found != own})
        # a link to a page of someone else's repository is no address of ours, unless it has our name
        others = [o for o in others if o.split("/")[1] == own.split("/")[1] or f"git+https://github.com/{o}" in text]
        if others:
            wrong[path.name] = others
    assert not wrong, f"pyproject.toml says {own}"


@every_notebook
def test_a_notebook_installs_what_its_link_opens(path):
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


def test_colabs_packages_are_within_our_bounds():
    lines = (ROOT / "scripts" / "course" / "colab_packages.txt").read_text(encoding="utf-8").splitlines()
    assert re.search(r"\d{4}-\d\d-\d\d", " ".join(lines[:3])), "no date"
    pinned = requirements(line for line in lines if not line.startswith("#"))
    extras = PROJECT["project"]["optional-dependencies"]
    asked = requirements([*PROJECT["project"]["dependencies"], *extras["train"], *extras["notebooks"]])
    replaced = []
    for name in set(asked) & set(pinned):
        (pin,) = pinned[name]
        replaced += [name] if not asked[name].contains(pin.version) else []
    assert replaced == ["moviepy"], "what the bootstrap cell replaces in Colab"


# ---- data


def test_every_data_file_is_listed_with_licence_and_checksum():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| *`([^`]+)` *\|(.*)\| *`([0-9a-f]{64})` *\|\s*$", text, re.MULTILINE)
    listed = {name: digest for name, _, digest in rows}
    assert len(listed) == len(rows), "a file is listed twice"
    # all but the two lists, which cannot hold their own checksum, and the model cards, which are lists of this kind too
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


# ---- code


# The floors of the house, the lowest first. A folder imports from its own modules and from floors below it, no others.
FLOORS = """
common
geometry
morphable_model
uv
reconstruction networks datasets evaluation
synthetic training viewer video body
commands
"""
PACKAGE = ROOT / "lprnet_utils"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_modules_stay_short(record_property):
    lines = {str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    record_property("package_lines", sum(lines.values()))
    print(f"lprnet_utils: {sum(lines.values())} lines in {len(lines)} modules")
    assert {name: n for name, n in lines.items() if n > 400} == {}


def imported_modules(path):
    """(module of the package, line) that a module imports, those for type checkers alone left out."""
    here = path.relative_to(ROOT).with_suffix("").parts

    def visit(node):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*here[: len(here) - node.level], *filter(None, [node.module])])
            for alias in node.names:  # a name of a module, or a module of a folder
                place = ROOT / base.replace(".", "/") / alias.name
                module = place.with_suffix(".py").is_file() or place.is_dir()
                yield f"{base}.{alias.name}" if module else base, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    return list(visit(ast.parse(path.read_text(encoding="utf-8"))))


def test_folders_import_only_from_floors_below():
    floor = {folder: number for number, line in enumerate(FLOORS.strip().splitlines()) for folder in line.split()}
    arrows = set()
    for path in MODULES:
        parts = path.relative_to(PACKAGE).parts
        if len(parts) < 2:
            continue
        assert parts[0] in floor, f"{parts[0]} stands on no floor"
        for name, line in imported_modules(path):
            other = name.split(".")[1]
            if other != parts[0]:
                arrows.add((parts[0], other))
                assert floor[other] < floor[parts[0]], f"{path.relative_to(ROOT)} line {line} imports {name}, not below"
    print(f"{len(arrows)} arrows between {len({p.parent for p in MODULES}) - 1} folders")


def test_no_circle_of_imports():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    imports = {name: {other for other, _ in imported_modules(path)} for name, path in names.items()}
    order = graphlib.TopologicalSorter({name: others & set(names) for name, others in imports.items()})
    order.prepare()  # raises CycleError, naming the circle


@pytest.mark.parametrize("folder", ["", *sorted(p.parent.name for p in PACKAGE.glob("*/__init__.pyi"))])
def test_a_folder_hands_on_its_public_names(folder):
    module = importlib.import_module(".".join(filter(None, ["lprnet_utils", folder])))
    stub = ast.parse((PACKAGE / folder / "__init__.pyi").read_text(encoding="utf-8"))
    (listed,) = [ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign)]
    imported = [alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(listed) == sorted(imported) == sorted(module.__all__)
    for name in listed:
        assert getattr(module, name) is not None
        assert not (PACKAGE / folder / f"{name}.py").exists(), f"{name} is a module and a name"
    with pytest.raises(AttributeError):
        _ = module.PRNet


def test_importing_the_package_is_light():
    heavy = ("numpy", "cv2", "scipy", "tensorflow", "numba")
    code = f"import sys, lprnet_utils; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names():
    assert set(lprnet_utils.__all__) == {"LPRNet", "MorphableModel", "UVLayout", "Face"}


def machine_path(text):
    """The first absolute path of somebody's machine in a text."""
    folders = "|".join(["work", "tmp", "root", "home", "Users"])  # joined here, so that this file has none
    return re.search(rf"(?<![\w.*~)}}\-])/(?:{folders})\b[\w.~/-]*", text)


def test_machine_paths_are_found():
    for folder in ("tmp", "root", "home"):
        assert machine_path(f'open("/{folder}/x.png")')
    assert not machine_path("../tmp/x and https://example.org/home/x")


def test_no_file_names_a_path_of_a_machine():
    found = {}
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text
        if match := machine_path(text):
            found[path.relative_to(ROOT).as_posix()] = match[0]
    assert found == {}


# ---- notebooks


def test_there_is_a_quickstart():
    assert "00_quickstart" in [path.stem for path in NOTEBOOKS]


@every_notebook
def test_notebook_carries_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1)), "not run from top to bottom in one go: make notebooks"
    outputs = [output for cell in code for output in cell.outputs]
    assert any({"image/png", "image/jpeg"} & set(output.get("data", {})) for output in outputs), "no figure"
    noise = [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not noise, f"errors or warnings in the outputs: {noise[0]}"
    checked = [cell for cell in code if cell.source.startswith("# NBVAL_CHECK_OUTPUT")]
    assert checked and all(cell.outputs for cell in checked), "no cell whose output is compared"


@every_notebook
def test_notebook_is_small_and_the_same_after_every_run(path):
    assert path.stat().st_size < 3e6
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    state = json.dumps(notebook.metadata.get("widgets", {}))
    assert len(state) < 300_000, f"{len(state) / 1e3:.0f} kB of widget state"
    assert not re.search(r" at 0x[0-9a-f]{6,}", text), "an object's address is printed"
    raw = json.loads(text)
    assert all("id" in cell for cell in raw["cells"]), "a cell without an id gets a new one each time"
    assert raw == json.loads(nbformat.writes(run_notebooks.strip(notebook))), "times or versions inside: make notebooks"


@every_notebook
def test_every_picture_can_be_read_aloud(path):
    """Alternative text: what there is to see, in the output's metadata, where notebooks and their HTML look for it."""
    silent = []
    for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "markdown":
            silent += [
                f"cell {index}: {found}"
                for found in re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*\balt=)[^>]*>", cell.source)
            ]
            continue
        for output in cell.outputs:
            for kind in (k for k in output.get("data", {}) if k.startswith("image/")):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if len(alt) < 20:
                    silent.append(f"cell {index}: {kind} says {alt!r}")
    assert not silent, "show figures by lprnet_utils.viewer.show, which asks for a description"


@every_notebook
def test_a_chapter_says_what_it_needs_and_how_long_it_takes(path):
    head = nbformat.read(path, as_version=4).cells[0].source
    assert re.match(r"# \S.+", head)
    for part in ("What you'll make", "What you'll learn", "What you'll need"):
        assert re.search(rf"\*\*{part}:\*\* \S.{{20,}}", head), part
    assert re.search(r"\*\*[A-Z][a-z]+(-[a-z]+)? minutes\*?\*?", head), "minutes"


# ---- documents


FOREIGN = """
ERROR: Package 'lprnet_utils' requires a different Python: ... not in '>=3.11'
ERROR: No matching distribution found for tensorflow>=2.18
OSError: [Errno 28] No space left on device
'make' is not recognized as an internal or external command
ModuleNotFoundError: No module named 'lprnet_utils'
"""


def test_troubleshooting_quotes_what_is_really_said():
    """Of a bold message each part between the dots stands in a source; what others say is listed above."""
    sources = [*MODULES, ROOT / "Makefile"]
    said = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    said = re.sub(r'"\s*\n\s*f?"', "", said)  # strings that go on in the next line
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\*\*`.*", text, re.MULTILINE)))
    assert len(quoted) > 15
    wrong = []
    for message in quoted:
        if message in FOREIGN:
            continue
        parts = [part.strip(" '():,") for part in message.split("...")]
        missing = [part for part in parts if len(part) > 5 and part not in said]
        wrong += [f"{message}: {missing}"] if missing or not any(len(part) > 5 for part in parts) else []
    assert not wrong


def test_documents_link_to_what_is_there():
    broken = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in link and not (path.parent / link).exists():
                broken.append(f"{path.name}: {link}")
    assert not broken


@every_notebook
def test_the_glossary_and_the_readme_know_every_chapter(path):
    number = int(path.stem[:2])
    for name in ("README.md", "docs/teaching.md", "docs/glossary.md"):
        assert path.name in (ROOT / name).read_text(encoding="utf-8"), f"{name} has no link to chapter {number}"


def test_volatile_parts_of_a_notebook_are_stripped():
    cell = nbformat.v4.new_code_cell("1", id="a", metadata={"tags": ["keep"], "execution": {"shell.reply": "now"}})
    view = {run_notebooks.WIDGET: {"model_id": "3f"}, "text/plain": "slider"}
    greeting = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    cell.outputs = [
        nbformat.v4.new_output("display_data", data=view),
        nbformat.v4.new_output("stream", name="stderr", text=greeting),
        nbformat.v4.new_output("stream", name="stderr", text=greeting + "a warning\n"),
    ]
    metadata = {"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}}
    stripped = run_notebooks.strip(nbformat.v4.new_notebook(cells=[cell], metadata=metadata))
    assert stripped.cells[0].metadata == {"tags": ["keep"]}
    widget, warning = stripped.cells[0].outputs
    assert widget.data == {"text/plain": "slider"} and warning.text == "a warning\n"
    assert stripped.metadata == {"kernelspec": run_notebooks.KERNEL, "language_info": {"name": "python"}}
