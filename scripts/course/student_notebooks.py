"""Write copies of the notebooks without solutions and outputs, for a class.

    python scripts/course/student_notebooks.py outputs/student notebooks/*.ipynb        (or: make student)

An exercise is three code cells with the tags ``exercise``, ``solution`` and ``check``. The solution is left out, so the
check fails until the student has done the exercise. It takes a second.
"""

import argparse
from pathlib import Path

import nbformat


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without the cells tagged ``solution``, and without any output."""
    notebook = nbformat.from_dict(notebook)
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("notebooks", type=Path, nargs="+")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in options.notebooks:
        nbformat.write(without_solutions(nbformat.read(path, as_version=4)), options.folder / path.name)
    print(f"{len(options.notebooks)} notebooks without solutions in {options.folder}")


if __name__ == "__main__":
    main()
