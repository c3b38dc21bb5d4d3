"""Write copies of the notebooks without solutions and outputs for a class, and the solutions apart.

    python scripts/course/student_notebooks.py outputs/student notebooks/*.ipynb        (or: make student)

An exercise is three code cells with the tags ``exercise``, ``check`` and ``solution``. The notebooks in the folder lack
the last, so a check says "Not yet" until the student has done the exercise. The solutions, with the exercises' texts,
go into the folder of the same name with ``-solutions`` behind it, one page for each chapter. It takes a second.
"""

import argparse
import re
from pathlib import Path

import nbformat


def has_tag(cell: nbformat.NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", ())


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without the cells tagged ``solution``, and without any output."""
    notebook = nbformat.from_dict(notebook)
    notebook.cells = [cell for cell in notebook.cells if not has_tag(cell, "solution")]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def solutions(notebook: nbformat.NotebookNode) -> str:
    """A page in Markdown with the text and the solution of each exercise."""
    parts, text = [notebook.cells[0].source.splitlines()[0] + ": solutions"], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = cell.source
        elif has_tag(cell, "exercise"):
            parts.append(text[text.index("**Exercise") :] if "**Exercise" in text else text)
        elif has_tag(cell, "solution"):
            parts.append(f"```python\n{re.sub(r'^# @title.*', '', cell.source).strip()}\n```")
    return "\n\n".join(parts) + "\n"


def write_notebooks(notebooks: list[Path], folder: Path, apart: Path) -> None:
    """Write the notebooks without solutions into a folder, and their solutions into another."""
    for made in (folder, apart):
        made.mkdir(parents=True, exist_ok=True)
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(without_solutions(notebook), folder / path.name)
        (apart / f"{path.stem}.md").write_text(solutions(notebook), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("notebooks", type=Path, nargs="+")
    options = parser.parse_args()
    apart = options.folder.with_name(f"{options.folder.name}-solutions")
    write_notebooks(options.notebooks, options.folder, apart)
    print(f"{len(options.notebooks)} notebooks without solutions in {options.folder}, their solutions in {apart}")


if __name__ == "__main__":
    main()
