"""Exercises: three cells each, and a check that fails until the exercise is done (that it passes then, nbval tests)."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from student_notebooks import without_solutions

ROOT = Path(__file__).resolve().parents[1]
TAGS = "exercise", "solution", "check"


def tag(cell):
    return next((t for t in cell.metadata.get("tags", ()) if t in TAGS), None)


def notebooks_with_exercises():
    every = {path: nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    return [pytest.param(n, id=p.stem) for p, n in every.items() if any(map(tag, n.cells))]


@pytest.mark.parametrize("notebook", notebooks_with_exercises())
def test_an_exercise_is_three_cells(notebook):
    tagged = [tag(cell) for cell in notebook.cells if cell.cell_type == "code" and tag(cell)]
    assert len(tagged) >= 6 and tagged == [*TAGS] * (len(tagged) // 3), "at least two, each whole and in order"
    for cell in notebook.cells:
        if tag(cell) == "solution":
            assert cell.source.startswith('# @title Solution { display-mode: "form" }\n'), "folded in Colab"
            assert cell.metadata.jupyter.source_hidden, "folded in JupyterLab"
    student = without_solutions(notebook)
    assert [tag(c) for c in student.cells if tag(c)] == ["exercise", "check"] * (len(tagged) // 3)
    assert not any(cell.get("outputs") for cell in student.cells)


@pytest.mark.parametrize("notebook", notebooks_with_exercises())
def test_a_check_fails_on_the_starting_cell(notebook):
    student = without_solutions(notebook)
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
