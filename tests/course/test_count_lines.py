"""Lines of code, docstring, comment and blank, counted in a small repository of two commits."""

import subprocess

import count_lines
import pytest

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


@pytest.fixture
def repository(tmp_path, monkeypatch):
    def git(*arguments):
        identity = "-c", "user.name=test", "-c", "user.email=test@localhost"
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(count_lines, "ROOT", tmp_path)
    git("init", "--quiet")
    (tmp_path / "lprnet_utils").mkdir()
    (tmp_path / "lprnet_utils" / "old.py").write_text(BEFORE)
    (tmp_path / "setup.py").write_text("1\n")  # outside the counted folders
    git("add", ".")
    git("commit", "--quiet", "-m", "before")
    (tmp_path / "lprnet_utils" / "old.py").unlink()
    (tmp_path / "lprnet_utils" / "new").mkdir()
    (tmp_path / "lprnet_utils" / "new" / "module.py").write_text(LONG)
    (tmp_path / "lprnet_utils" / "new" / "notes.md").write_text("no code\n")
    return git


def test_each_line_has_one_kind():
    counts = count_lines.Lines(BEFORE).counts()
    assert counts == {"files": 1, "lines": 19, "code": 8, "docstring": 4, "comment": 1, "blank": 6}


def test_functions_and_classes_have_lines_of_code():
    lines = count_lines.Lines(BEFORE)
    assert {name: count for name, _, count in lines.code_lines()} == {"one": 3, "Two": 2, "Two.inner": 1}
    assert lines.too_long() == {} and count_lines.Lines(LONG).too_long() == {"long": 62}
    short = LONG.replace("    print(1)\n", '    """A docstring."""\n', 1).replace(
        "    print(1)\n", "    # nothing\n", 1
    )
    assert count_lines.Lines(short).too_long() == {}
    methods = "class Long:\n" + "    a = 1\n" * 200
    assert count_lines.Lines(methods).too_long() == {"Long": 201}


def test_the_working_tree_and_a_commit_are_counted(repository, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["count_lines.py"])
    count_lines.main()
    table, _, long = capsys.readouterr().out.partition("\n\n")
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[2:]}
    assert rows["lprnet_utils/new"] == rows["lprnet_utils/*"] == rows["total"] == ["1", "62", "62", "0", "0", "0"]
    assert "lprnet_utils/new/module.py: long: 62 lines of code" in long

    repository("add", ".")
    repository("commit", "--quiet", "-m", "after")
    monkeypatch.setattr("sys.argv", ["count_lines.py", "--ref", "HEAD~1", "--ref", "HEAD"])
    count_lines.main()
    rows = {
        line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[2:] if line[:1].isalpha()
    }
    before = ["1", "19", "8", "4", "1", "6"]
    assert rows["lprnet_utils"] == before + ["0"] * 6
    assert rows["lprnet_utils/new"] == ["0"] * 6 + ["1", "62", "62", "0", "0", "0"]
    assert rows["total"] == before + ["1", "62", "62", "0", "0", "0"]
