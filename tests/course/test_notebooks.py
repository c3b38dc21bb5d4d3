"""The notebooks as they are committed: executed, small, described, the same after every run, with exercises."""

import json
import re
import symtable

import nbformat
import pytest
import run_notebooks
from checkout import NOTEBOOKS, ROOT, every_notebook, text_of
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from student_notebooks import without_solutions


@every_notebook
def test_a_notebook_is_small_and_has_the_outputs_of_one_run(path):
    text = path.read_text(encoding="utf-8")
    raw, notebook = json.loads(text), nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1)), "not run from top to bottom in one go: make notebooks"
    outputs = [output for cell in code for output in cell.outputs]
    assert any({"image/png", "image/jpeg"} & set(output.get("data", {})) for output in outputs), "no figure"
    noise = [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not noise, f"errors or warnings in the outputs: {noise[0]}"
    checked = [cell for cell in code if cell.source.startswith("# NBVAL_CHECK_OUTPUT")]
    assert checked and all(cell.outputs for cell in checked), "no cell whose output is compared"
    assert path.stat().st_size < 3e6
    state = json.dumps(notebook.metadata.get("widgets", {}))
    assert len(state) < 300_000, f"{len(state) / 1e3:.0f} kB of widget state"
    assert not re.search(r" at 0x[0-9a-f]{6,}", text), "an object's address is printed"
    assert all("id" in cell for cell in raw["cells"]), "a cell without an id gets a new one each time"
    assert raw == json.loads(nbformat.writes(run_notebooks.strip(notebook))), "times or versions inside: make notebooks"


@every_notebook
def test_every_picture_has_a_description(path):
    """Alternative text for screen readers, in the metadata of the output, where notebooks and their HTML read it."""
    silent = []
    for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "markdown":
            for found in re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*\balt=)[^>]*>", cell.source):
                silent.append(f"cell {index}: {found}")
            continue
        for output in cell.outputs:
            for kind in (k for k in output.get("data", {}) if k.startswith("image/")):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if len(alt) < 20:
                    silent.append(f"cell {index}: {kind} says {alt!r}")
    assert not silent, "show figures by lprnet_utils.viewer.show, which asks for a description"


@every_notebook
def test_a_chapter_states_its_aims_needs_and_duration_and_has_links_from_the_documents(path):
    head = nbformat.read(path, as_version=4).cells[0].source
    assert re.match(r"# \S.+", head)
    for part in ("What you'll make", "What you'll learn", "What you'll need"):
        assert re.search(rf"\*\*{part}:\*\* \S.{{20,}}", head), part
    assert re.search(r"\*\*[A-Z][a-z]+(-[a-z]+)? minutes\*?\*?", head), "minutes"
    for name in ("README.md", "docs/teaching.md", "docs/glossary.md"):
        assert path.name in text_of(ROOT / name), f"{name} has no link to {path.name}"


def test_parts_that_change_from_run_to_run_are_stripped():
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


# ---- exercises: three cells each, and the check fails until the exercise is solved (nbval runs the solved ones)

TAGS = "exercise", "solution", "check"


def tag(cell):
    """The tag of an exercise that a cell has, or None."""
    return next((t for t in cell.metadata.get("tags", ()) if t in TAGS), None)


notebooks = {path.stem: nbformat.read(path, as_version=4) for path in NOTEBOOKS}
every_notebook_with_exercises = pytest.mark.parametrize(
    "notebook", [pytest.param(n, id=name) for name, n in notebooks.items() if any(map(tag, n.cells))]
)


@every_notebook_with_exercises
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
@every_notebook_with_exercises
def test_a_check_fails_on_the_starting_cell(notebook):
    student = without_solutions(notebook)
    only_exercises(student)
    options = {"extra_arguments": ["--log-level=ERROR"], "resources": {"metadata": {"path": str(ROOT / "notebooks")}}}
    client = NotebookClient(student, timeout=600, kernel_name="python3", allow_errors=True, **options)
    client.store_widget_state = True  # an Output widget needs it
    client.execute()
    for cell in student.cells:
        errors = [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]
        wanted = ["AssertionError"] if tag(cell) == "check" else []
        assert errors == wanted, f"{errors or 'no error'} in the cell\n{cell.source}"
