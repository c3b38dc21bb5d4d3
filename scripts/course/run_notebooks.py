"""Execute notebooks in place, top to bottom, and remove the parts of them that change from run to run.

    python scripts/course/run_notebooks.py notebooks/*.ipynb        (or: make notebooks)

A notebook that fails stays as it was. All notebooks take a few minutes.
"""

import argparse
import os
import re
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_METADATA = {"tags", "jupyter", "slideshow", "editable", "deletable"}
WIDGET = "application/vnd.jupyter.widget-view+json"
# LiteRT prints this, and no setting turns it off
LITERT_GREETING = re.compile(r"^INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.\n?", re.MULTILINE)


def strip(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove what differs between runs or machines: times, versions, widget models, LiteRT's greeting."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for index, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{index:02d}")
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_METADATA})
        for output in cell.get("outputs", []):
            # a widget's view refers to a model inside the kernel, which has ended
            output.get("data", {}).pop(WIDGET, None)
            if output.get("name") == "stderr":
                output.text = LITERT_GREETING.sub("", output.text)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
    return notebook


def execute(path: Path) -> None:
    """Run a notebook in its own folder and replace its file."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name=KERNEL["name"],
        extra_arguments=["--log-level=ERROR"],  # no warning about TCP: the kernel is on this machine
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=True,  # an Output widget needs it while it runs; strip() drops it
        coalesce_streams=True,
    ).execute()
    new = path.with_name(f".{path.name}.new")
    nbformat.write(strip(notebook), new)
    os.replace(new, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", type=Path, nargs="+")
    failed = []
    for path in parser.parse_args().notebooks:
        start = time.perf_counter()
        try:
            execute(path)
        except CellExecutionError as error:
            print(f"{path}: failed\n{error}", flush=True)
            failed.append(str(path))
        else:
            print(f"{path}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB", flush=True)
    if failed:
        raise SystemExit(f"not executed to the end, and left as they were: {', '.join(failed)}")


if __name__ == "__main__":
    main()
