"""Exercises have three cells each, and the check fails until the exercise is solved (nbval runs the solved ones)."""

import symtable

import nbformat
import pytest
from checkout import NOTEBOOKS, ROOT
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from student_notebooks import without_solutions

TAGS = "exercise", "solution", "check"


def tag(cell):
    """The tag of an exercise that a cell has, or None."""
    return next((t for t in cell.metadata.get("tags", ()) if t in TAGS), None)


def notebooks_with_exercises():
    every = {path: nbformat.read(path, as_version=4) for path in NOTEBOOKS}
    return [pytest.param(n, id=p.stem) for p, n in every.items() if any(map(tag, n.cells))]


@pytest.mark.parametrize("notebook", notebooks_with_exercises())
def test_an_exercise_is_three_cells(notebook):
    tagged = [tag(cell) for cell in notebook.cells if cell.cell_type == "code" and tag(cell)]
    assert len(tagged) >= 6 and tagged == [*TAGS] * (len(tagged) // 3), "at least two, each complete and in order"
    for cell in notebook.cells:
        if tag(cell) == "solution":
            assert cell.source.startswith('# @title Solution { display-mode: "form" }\n'), "folded in Colab"
            assert cell.metadata.jupyter.source_hidden, "folded in JupyterLab"
    student = without_solutions(notebook)
    assert [tag(c) for c in student.cells if tag(c)] == ["exercise", "check"] * (len(tagged) // 3)
    assert not any(cell.get("outputs") for cell in student.cells)


def names(source):
    """The names that a cell binds, and the names that it reads."""
    top = symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used, tables = set(), [top]
    while tables:
        table = tables.pop()
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
        tables += table.get_children()
    return bound, used


def only_exercises(notebook):
    """Keep the exercises, the cells that use names bound in them, and the earlier cells that these need.

    So the long computations of a chapter are left out; nbval runs them.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    written = set().union(*(names(cell.source)[0] for cell in code if tag(cell) == "exercise"))
    first = min(k for k, cell in enumerate(code) if tag(cell))
    wanted, kept = set(), []
    for k, cell in reversed(list(enumerate(code))):
        bound, used = names(cell.source)
        if tag(cell) or (k > first and used & written) or bound & wanted:
            kept.insert(0, cell)
            wanted = (wanted - bound) | used
    notebook.cells = kept


@pytest.mark.slow
@pytest.mark.parametrize("notebook", notebooks_with_exercises())
def test_a_check_fails_on_the_starting_cell(notebook):
    student = without_solutions(notebook)
    only_exercises(student)
    NotebookClient(
        student,
        timeout=600,
        kernel_name="python3",
        allow_errors=True,
        store_widget_state=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    ).execute()
    for cell in student.cells:
        errors = [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]
        wanted = ["AssertionError"] if tag(cell) == "check" else []
        assert errors == wanted, f"{errors or 'no error'} in the cell\n{cell.source}"
