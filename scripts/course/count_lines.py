"""Count the lines of the package, the scripts and the tests: code, docstrings, comments and blank lines.

    python scripts/course/count_lines.py                          # the working tree
    python scripts/course/count_lines.py --ref v1.0               # a commit, in whatever folders it has its files
    python scripts/course/count_lines.py --ref v1.0 --ref HEAD    # two commits side by side

Prints a table by folder, then the modules with more than 400 lines, the functions with more than 60 lines of code and
the classes with more than 200 (docstrings, comments and blank lines apart). It takes a few seconds.

A line is code if a token of the program is on it, so a string that is no docstring is code too. A comment after code
does not count, and a blank line in a docstring belongs to the docstring.
"""

import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AREAS = "lprnet_utils", "scripts", "tests"
COLUMNS = "files", "lines", "code", "docstring", "comment", "blank"
MAX_MODULE_LINES, MAX_FUNCTION_CODE, MAX_CLASS_CODE = 400, 60, 200
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Lines:
    """The lines of a module by kind, as sets of line numbers."""

    def __init__(self, source: str):
        self.tree = ast.parse(source)
        self.count = len(source.splitlines())
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Module | DEFINITIONS)]
        self.docstring = {n for node in nodes if ast.get_docstring(node) is not None for n in span(node.body[0])}
        used, comments = set(), set()
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments.add(token.start[0])
            elif token.type not in NO_CODE:
                used |= set(range(token.start[0], token.end[0] + 1))
        self.code = used - self.docstring
        self.comment = comments - used

    def counts(self) -> Counter[str]:
        """Number of lines of each kind."""
        code, docstring, comment = len(self.code), len(self.docstring), len(self.comment)
        blank = self.count - code - docstring - comment
        return Counter(files=1, lines=self.count, code=code, docstring=docstring, comment=comment, blank=blank)

    def code_lines(self, node: ast.AST | None = None, outer: str = "") -> Iterator[tuple[str, ast.stmt, int]]:
        """Dotted name, node and lines of code of each function and class."""
        for child in ast.iter_child_nodes(node or self.tree):
            name = outer
            if isinstance(child, DEFINITIONS):
                name = f"{outer}.{child.name}" if outer else child.name
                yield name, child, len(self.code & set(span(child)))
            yield from self.code_lines(child, name)

    def too_long(self) -> dict[str, int]:
        """Lines of code of the functions and classes that have too many."""
        found = {}
        for name, node, count in self.code_lines():
            if count > (MAX_CLASS_CODE if isinstance(node, ast.ClassDef) else MAX_FUNCTION_CODE):
                found[name] = count
        return found


def span(node: ast.stmt) -> range:
    """The line numbers of a statement, without its decorators."""
    return range(node.lineno, node.end_lineno + 1)


def git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=ROOT, encoding="utf-8")


def sources(ref: str | None) -> dict[str, str]:
    """The Python files of a commit or, without one, of the working tree, by their path."""
    if ref:
        listed = git("ls-tree", "-r", "-z", "--name-only", ref, *AREAS)
    else:
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", *AREAS)
    paths = sorted({path for path in listed.split("\0") if path.endswith(".py")})
    if ref:
        return {path: git("show", f"{ref}:{path}") for path in paths}
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in paths if (ROOT / path).is_file()}


def by_folder(modules: dict[str, Lines]) -> dict[str, Counter[str]]:
    """Counts of each folder, of each area (``AREA/*``) and of all (``total``)."""
    table = defaultdict(Counter)
    for path, lines in modules.items():
        for row in (path.rsplit("/", 1)[0], f"{path.split('/')[0]}/*", "total"):
            table[row].update(lines.counts())
    return table


def long_parts(modules: dict[str, Lines]) -> list[str]:
    """One line of text for each module, function and class that is too long."""
    found = []
    for path, lines in modules.items():
        if lines.count > MAX_MODULE_LINES:
            found.append(f"{path}: {lines.count} lines")
        found += [f"{path}: {name}: {count} lines of code" for name, count in lines.too_long().items()]
    return found


def side_by_side(tables: dict[str, dict[str, Counter[str]]]) -> str:
    """Text of the tables of one or two commits; a folder that one of them lacks has zeros there."""
    folders = {folder for table in tables.values() for folder in table}
    # an area's sum after its folders, and the total last
    folders = sorted(folders, key=lambda folder: (folder == "total", folder.replace("*", "~")))
    lines = [(f"{'':28s}" + "".join(f"  {name[:58]:<58s}" for name in tables)).rstrip()]
    lines.append(f"{'':28s}" + "".join(f"{column:>10s}" for _ in tables for column in COLUMNS))
    for folder in folders:
        counts = [table.get(folder, Counter())[column] for table in tables.values() for column in COLUMNS]
        lines.append(f"{folder:28s}" + "".join(f"{count:10,d}" for count in counts))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ref", action="append", metavar="COMMIT", help="once or twice; default: the working tree")
    trees = {}
    for ref in parser.parse_args().ref or [None]:
        trees[ref or "working tree"] = {path: Lines(source) for path, source in sources(ref).items()}
    print(side_by_side({name: by_folder(modules) for name, modules in trees.items()}))
    for name, modules in trees.items():
        print(f"\nToo long, {name}:")
        print("\n".join(long_parts(modules)) or "none")


if __name__ == "__main__":
    main()
