"""The code of the package: length of its parts, imports between folders, public names; and how lines are counted."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys

import count_lines
import pytest
from checkout import MODULES, PACKAGE, ROOT, committed_files, text_of
from count_lines import Lines

import lprnet_utils

# The layers of the package, the lowest first. A folder imports from its own modules and from lower layers only.
LAYERS = """
common
geometry
morphable_model
uv
reconstruction networks datasets evaluation
synthetic training
avatar body
viewer video
course
commands
"""


def test_modules_functions_and_classes_stay_short():
    modules = {path.relative_to(PACKAGE).as_posix(): Lines(text_of(path)) for path in MODULES}
    assert count_lines.long_parts(modules) == []


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
            if name == PACKAGE.name:  # its version
                continue
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


# lines of code, docstring, comment and blank, counted by scripts/course/count_lines.py
BEFORE = '''"""A module.

With a docstring of three lines."""

TEXT = """no
docstring"""  # a comment after code


# a comment
@property
def one(x):
    """A docstring."""
    return [x,

            x]


class Two:
    def inner(self): return 1
'''
LONG = "def long():\n" + "    print(1)\n" * 61


def test_each_line_has_one_kind():
    counts = Lines(BEFORE).counts()
    assert counts == {"files": 1, "lines": 19, "code": 8, "docstring": 4, "comment": 1, "blank": 6}


def test_modules_functions_and_classes_are_long_or_not():
    assert {name: count for name, _, count in Lines(BEFORE).code_lines()} == {"one": 3, "Two": 2, "Two.inner": 1}
    short = LONG.replace("    print(1)\n" * 2, '    """A docstring."""\n    # nothing\n', 1)
    class_ = "class Long:\n" + "    a = 1\n" * 200
    assert Lines(BEFORE).too_long() == Lines(short).too_long() == {}
    assert Lines(LONG).too_long() == {"long": 62} and Lines(class_).too_long() == {"Long": 201}
    assert count_lines.long_parts({"a.py": Lines("\n" * 400), "b.py": Lines("\n" * 401)}) == ["b.py: 401 lines"]


def test_the_working_tree_and_a_commit_are_counted(tmp_path, capsys, monkeypatch):
    def git(*arguments):
        identity = "-c", "user.name=test", "-c", "user.email=test@localhost"
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def printed(*options):
        monkeypatch.setattr("sys.argv", ["count_lines.py", *options])
        count_lines.main()
        lines = capsys.readouterr().out.splitlines()
        return lines, {line.split()[0]: line.split()[1:] for line in lines if line[:1].isalpha()}

    monkeypatch.setattr(count_lines, "ROOT", tmp_path)
    git("init", "--quiet")
    package = tmp_path / "lprnet_utils"
    (package / "new").mkdir(parents=True)
    (package / "old.py").write_text(BEFORE)
    (tmp_path / "setup.py").write_text("1\n")  # outside the counted folders
    git("add", ".")
    git("commit", "--quiet", "-m", "before")
    (package / "old.py").unlink()
    (package / "new" / "module.py").write_text(LONG)
    (package / "new" / "notes.md").write_text("no code\n")
    lines, rows = printed()
    assert rows["lprnet_utils/new"] == rows["lprnet_utils/*"] == rows["total"] == ["1", "62", "62", "0", "0", "0"]
    assert "lprnet_utils/new/module.py: long: 62 lines of code" in lines

    git("add", ".")
    git("commit", "--quiet", "-m", "after")
    _, rows = printed("--ref", "HEAD~1", "--ref", "HEAD")
    before, after, none = ["1", "19", "8", "4", "1", "6"], ["1", "62", "62", "0", "0", "0"], ["0"] * 6
    assert rows["lprnet_utils"] == before + none
    assert rows["lprnet_utils/new"] == none + after
    assert rows["total"] == before + after
