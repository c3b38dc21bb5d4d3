"""Check the checks: each exercise's start and wrong answers must fail, its solution must pass.

    python scripts/course/check_exercises.py                    # all chapters, about a minute
    python scripts/course/check_exercises.py 01 04 --verbose    # two chapters, with what learners are told

It runs only those statements of a notebook that the exercises need, then, each time from there: the starting cell and
the check; the solution; every answer of tests/course/wrong_answers and the check. It prints a table, and ends with an
error if an answer is judged wrongly.
"""

import argparse
import ast
import contextlib
import io
import os
import re
import symtable
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from lprnet_utils.course import NotYet

ROOT = Path(__file__).resolve().parents[2]
WRONG_ANSWERS = ROOT / "tests" / "course" / "wrong_answers"
TAGS = "exercise", "check", "solution"
KINDS = "constant", "no-op", "hard-coded"  # wrong answers that every exercise has, besides two of its own
LEAST_WRONG = 5
CHANGES = {
    "append",
    "extend",
    "insert",
    "add",
    "update",
    "sort",
    "fill",
    "set_weights",
    "load_weights",
    "fit",
}  # methods


@dataclass
class Exercise:
    """The three cells of an exercise, and where they are."""

    name: str
    start: str
    check: str
    solution: str
    position: int
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        return [self.start, self.check, self.solution, *self.wrong.values()]


@dataclass
class Result:
    """What came of an answer: "passes", "fails" or, for an error outside the check, "breaks"; and what was said."""

    exercise: str
    answer: str
    outcome: str
    message: str
    seconds: float

    @property
    def as_wanted(self) -> bool:
        return self.outcome == ("passes" if self.answer == "solution" else "fails")


def tag(cell: nbformat.NotebookNode) -> str | None:
    """The tag of an exercise that a cell has."""
    return next((t for t in cell.metadata.get("tags", ()) if t in TAGS), None)


def exercises_of(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """The exercises with a check, in order. A cell's position counts all cells."""
    tagged = [(k, cell) for k, cell in enumerate(notebook.cells) if cell.cell_type == "code" and tag(cell)]
    if [tag(cell) for _, cell in tagged] != [*TAGS] * (len(tagged) // 3):
        raise ValueError(f"an exercise is three cells with the tags {', '.join(TAGS)}, in this order")
    found = []
    for (k, start), (_, check), (_, solution) in zip(tagged[::3], tagged[1::3], tagged[2::3], strict=True):
        (name,) = re.findall(r"""\bcheck\(["'](\d\d-\d+)["']""", check.source)
        found.append(Exercise(name, start.source, check.source, solution.source, k))
    return found


def wrong_answers(chapter: str) -> dict[str, dict[str, str]]:
    """The wrong answers of a chapter, by exercise and label: sections below lines such as ``# 01-2 no-op``."""
    path = WRONG_ANSWERS / f"chapter_{chapter}.py"
    _, *parts = re.split(r"^# (\d\d-\d+) (.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, dict[str, str]] = {}
    for name, label, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if label in found.setdefault(name, {}):
            raise ValueError(f"{path.name} has two answers {name} {label}")
        found[name][label] = source.strip() + "\n"
    return found


# ---- the statements that the exercises need


def plain(source: str) -> str:
    """A cell as Python, without IPython's commands."""
    return re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.MULTILINE)


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a piece of code binds or changes at its top level, and the names that it reads."""
    top = symtable.symtable(source, "cell", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    for node in ast.walk(ast.parse(source)):  # table[key] = ... and thing.attribute = ... change table and thing
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            root = node
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            bound |= {root.id} if isinstance(root, ast.Name) else set()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            bound |= {node.func.value.id} if isinstance(node.func.value, ast.Name) else set()
    used, tables = set(), [top]
    while tables:
        table = tables.pop()
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
        tables += table.get_children()
    return bound, used


def needed_statements(notebook: nbformat.NotebookNode, exercises: list[Exercise]) -> dict[int, list[str]]:
    """For each cell the statements that exercises behind it need, found from the last cell to the first."""
    here = {exercise.position: exercise for exercise in exercises}
    wanted: set[str] = set()
    kept: dict[int, list[str]] = {}
    for k in reversed(range(len(notebook.cells))):
        cell = notebook.cells[k]
        if cell.cell_type != "code" or tag(cell) in ("exercise", "check"):
            for source in here[k].sources if k in here else ():
                wanted |= names(source)[1]
            continue
        for statement in reversed(ast.parse(plain(cell.source)).body):
            source = ast.unparse(statement)
            bound, used = names(source)
            if bound & wanted:
                kept.setdefault(k, []).insert(0, source)
                if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                    wanted -= bound
                wanted |= used
    return kept


# ---- running


def judge(exercise: str, answer: str, namespace: dict, *sources: str) -> Result:
    """Run sources in a copy of a namespace and see whether the check among them raises."""
    told, start, scope = io.StringIO(), time.perf_counter(), dict(namespace)
    try:
        with contextlib.redirect_stdout(told), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for source in sources:
                exec(compile(plain(source), f"{exercise} {answer}", "exec"), scope)
    except NotYet as error:
        # an answer with a misspelt name proves nothing
        outcome, message = "breaks" if isinstance(error.__cause__, NameError) else "fails", str(error)
    except Exception as error:
        outcome, message = "breaks", f"{type(error).__name__}: {error}"
    else:
        outcome, message = "passes", told.getvalue().strip()
    return Result(exercise, answer, outcome, message, time.perf_counter() - start)


def check_notebook(path: Path) -> list[Result]:
    """Judge all answers to a notebook's exercises."""
    notebook, chapter = nbformat.read(path, as_version=4), path.name[:2]
    exercises, wrong = exercises_of(notebook), wrong_answers(chapter)
    for exercise in exercises:
        exercise.wrong = wrong.pop(exercise.name, {})
        missing = [kind for kind in KINDS if kind not in exercise.wrong]
        if missing or len(exercise.wrong) < LEAST_WRONG:
            raise ValueError(f"{exercise.name} has {len(exercise.wrong)} wrong answers, without {missing}")
    if wrong:
        raise ValueError(f"wrong answers to exercises that {path.name} does not have: {', '.join(wrong)}")
    needed = needed_statements(notebook, exercises)
    here = {exercise.position: exercise for exercise in exercises}
    namespace, results = {"__name__": "__main__"}, []
    with contextlib.chdir(path.parent), strictly():
        for k in range(len(notebook.cells)):
            if statements := needed.get(k):
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile("\n".join(statements), f"cell {k} of {path.name}", "exec"), namespace)
            if exercise := here.get(k):
                answers = {"start": exercise.start} | exercise.wrong
                results.append(judge(exercise.name, "solution", namespace, exercise.solution))
                for label, source in answers.items():
                    results.append(judge(exercise.name, label, namespace, source, exercise.check))
    return results


@contextlib.contextmanager
def strictly():
    """Let checks raise, and draw figures in memory alone."""
    before = {key: os.environ.get(key) for key in ("LPRNET_STRICT", "MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL")}
    os.environ.update(LPRNET_STRICT="1", MPLBACKEND="agg", TF_CPP_MIN_LOG_LEVEL="3")
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


def table(results: list[Result]) -> str:
    """One line for each exercise: the start, the solution, the wrong answers, and the seconds that all took."""
    lines = ["exercise   start   solution   wrong answers that fail   seconds"]
    for name in dict.fromkeys(result.exercise for result in results):
        of = {result.answer: result for result in results if result.exercise == name}
        start, solution, *wrong = of.pop("start"), of.pop("solution"), *of.values()
        caught = f"{sum(result.as_wanted for result in wrong)} of {len(wrong)}"
        seconds = sum(result.seconds for result in (start, solution, *wrong))
        lines.append(f"{name:8s}   {start.outcome:7s} {solution.outcome:10s} {caught:25s} {seconds:7.1f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="numbers such as 01; without any, all")
    parser.add_argument("--verbose", action="store_true", help="print what each answer is told")
    options = parser.parse_args()
    start, results = time.perf_counter(), []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not options.chapters or path.name[:2] in options.chapters:
            results += check_notebook(path)
    if options.verbose:
        for result in results:
            print(f"{result.exercise} {result.answer}: {result.outcome}. {result.message}")
        print()
    print(table(results))
    wrong = [result for result in results if result.answer not in ("start", "solution")]
    count = len({result.exercise for result in results})
    print(f"{count} exercises, {len(wrong)} wrong answers; {time.perf_counter() - start:.0f} s")
    bad = [f"{r.exercise} {r.answer} {r.outcome}: {r.message}" for r in results if not r.as_wanted]
    if bad:
        raise SystemExit("\njudged wrongly:\n" + "\n".join(bad))


if __name__ == "__main__":
    main()
