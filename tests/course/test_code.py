"""The code of the package: length of its parts, imports between folders, public names; and no paths of a machine."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys

import pytest
from checkout import MODULES, PACKAGE, ROOT, committed_files, text_of
from count_lines import Lines, long_parts

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


def test_modules_functions_and_classes_stay_short():
    assert long_parts({path.relative_to(PACKAGE).as_posix(): Lines(text_of(path)) for path in MODULES}) == []


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

    return list(visit(ast.parse(text_of(path))))


def test_folders_import_only_from_lower_layers():
    layer = {folder: number for number, line in enumerate(LAYERS.strip().splitlines()) for folder in line.split()}
    for path in MODULES:
        folder, *names = path.relative_to(PACKAGE).parts
        if not names:
            continue
        assert folder in layer, f"{folder} is in no layer"
        for name, line in imported_modules(path):
            other = name.split(".")[1]
            lower = other == folder or layer[other] < layer[folder]
            assert lower, f"{path.relative_to(ROOT)} line {line} imports {name}, not lower"


def test_there_is_no_circular_import():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    imports = {name: {other for other, _ in imported_modules(path)} for name, path in names.items()}
    order = graphlib.TopologicalSorter({name: others & set(names) for name, others in imports.items()})
    order.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("folder", ["", *sorted(p.parent.name for p in PACKAGE.glob("*/__init__.pyi"))])
def test_a_folder_exports_the_names_in_its_stub(folder):
    module = importlib.import_module(".".join(filter(None, ["lprnet_utils", folder])))
    stub = ast.parse(text_of(PACKAGE / folder / "__init__.pyi"))
    (listed,) = [ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign)]
    imported = [alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(listed) == sorted(imported) == sorted(module.__all__)
    for name in listed:
        assert getattr(module, name) is not None
        assert not (PACKAGE / folder / f"{name}.py").exists(), f"{name} is a module and a name"
    with pytest.raises(AttributeError):
        _ = module.PRNet


def test_the_package_exports_four_names_and_its_import_is_light():
    assert set(lprnet_utils.__all__) == {"LPRNet", "MorphableModel", "UVLayout", "Face"}
    heavy = ("numpy", "cv2", "scipy", "tensorflow", "numba")
    code = f"import sys, lprnet_utils; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_contains_a_path_of_a_machine():
    folders = "work", "tmp", "root", "home", "Users"  # joined below, so that this file contains no path
    machine_path = re.compile(rf"(?<![\w.*~)}}\-])/(?:{'|'.join(folders)})\b[\w.~/-]*")
    assert all(machine_path.search(f'open("/{folder}/x.png")') for folder in folders)
    assert not machine_path.search("../tmp/x and https://example.org/home/x")
    found = {}
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text file
        if match := machine_path.search(text):
            found[path.relative_to(ROOT).as_posix()] = match[0]
    assert found == {}
