"""The code of the package: length of its parts, imports between folders, public names; and no paths of a machine."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys

import pytest
from checkout import MODULES, PACKAGE, ROOT, committed_files
from count_lines import Lines

import lprnet_utils

# The layers of the package, the lowest first. A folder imports from its own modules and from lower layers only.
LAYERS = """
common
geometry
morphable_model
uv
reconstruction networks datasets evaluation
synthetic training viewer video body
commands
"""
# functions and classes that may be longer, as "folder/module.py: name", each with the reason
LONG_PARTS: dict[str, str] = {}


def test_modules_stay_short(record_property):
    lines = {str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    record_property("package_lines", sum(lines.values()))
    print(f"lprnet_utils: {sum(lines.values())} lines in {len(lines)} modules")
    assert {name: n for name, n in lines.items() if n > 400} == {}


def test_functions_and_classes_stay_short():
    """Lines of code without docstrings: 60 for a function, 200 for a class, as scripts/course/count_lines.py counts."""
    long = {}
    for path in MODULES:
        for name, count in Lines(path.read_text(encoding="utf-8")).too_long().items():
            long[f"{path.relative_to(PACKAGE).as_posix()}: {name}"] = count
    for part, count in long.items():
        print(f"{part}: {count} lines of code{', allowed' if part in LONG_PARTS else ''}")
    assert {part: count for part, count in long.items() if part not in LONG_PARTS} == {}
    assert set(LONG_PARTS) <= set(long), "no longer too long: delete it from LONG_PARTS"


def imported_modules(path):
    """(module of the package, line) of each import in a module, except those for type checkers."""
    here = path.relative_to(ROOT).with_suffix("").parts

    def visit(node):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*here[: len(here) - node.level], *filter(None, [node.module])])
            for alias in node.names:  # a name in a module, or a module in a folder
                place = ROOT / base.replace(".", "/") / alias.name
                module = place.with_suffix(".py").is_file() or place.is_dir()
                yield f"{base}.{alias.name}" if module else base, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    return list(visit(ast.parse(path.read_text(encoding="utf-8"))))


def test_folders_import_only_from_lower_layers():
    layer = {folder: number for number, line in enumerate(LAYERS.strip().splitlines()) for folder in line.split()}
    imports = set()
    for path in MODULES:
        parts = path.relative_to(PACKAGE).parts
        if len(parts) < 2:
            continue
        assert parts[0] in layer, f"{parts[0]} is in no layer"
        for name, line in imported_modules(path):
            other = name.split(".")[1]
            if other != parts[0]:
                imports.add((parts[0], other))
                assert layer[other] < layer[parts[0]], f"{path.relative_to(ROOT)} line {line} imports {name}, not lower"
    print(f"{len(imports)} imports between {len({p.parent for p in MODULES}) - 1} folders")


def test_there_is_no_circular_import():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    imports = {name: {other for other, _ in imported_modules(path)} for name, path in names.items()}
    order = graphlib.TopologicalSorter({name: others & set(names) for name, others in imports.items()})
    order.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("folder", ["", *sorted(p.parent.name for p in PACKAGE.glob("*/__init__.pyi"))])
def test_a_folder_exports_the_names_in_its_stub(folder):
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


def test_the_package_exports_four_names():
    assert set(lprnet_utils.__all__) == {"LPRNet", "MorphableModel", "UVLayout", "Face"}


def machine_path(text):
    """The first absolute path of a developer's machine in a text."""
    folders = "|".join(["work", "tmp", "root", "home", "Users"])  # joined here, so that this file contains no path
    return re.search(rf"(?<![\w.*~)}}\-])/(?:{folders})\b[\w.~/-]*", text)


def test_machine_paths_are_found():
    for folder in ("tmp", "root", "home"):
        assert machine_path(f'open("/{folder}/x.png")')
    assert not machine_path("../tmp/x and https://example.org/home/x")


def test_no_file_contains_a_path_of_a_machine():
    found = {}
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text file
        if match := machine_path(text):
            found[path.relative_to(ROOT).as_posix()] = match[0]
    assert found == {}
