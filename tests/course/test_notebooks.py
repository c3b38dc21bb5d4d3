"""The notebooks as they are committed: executed, small, described, the same after every run."""

import json
import re

import nbformat
import run_notebooks
from checkout import ROOT, every_notebook, text_of


def compared(cell):
    """Whether nbval compares the output of a cell with the committed one: by a tag, or by a comment as in old cells."""
    return "nbval-check-output" in cell.metadata.get("tags", ()) or cell.source.startswith("# NBVAL_CHECK_OUTPUT")


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
    checked = [cell for cell in code if compared(cell)]
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
