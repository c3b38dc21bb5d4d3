"""Lines of code, docstring, comment and blank, counted in a small repository of two commits."""

import subprocess

import count_lines
from count_lines import Lines

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
