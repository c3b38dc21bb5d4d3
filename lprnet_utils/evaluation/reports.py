"""The printed and written reports of ``lprnet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..common.files import write_json
from .protocols import ERROR_NAMES


def write_report(report: dict[str, Any], folder: Path) -> str:
    """Write a report as JSON, and its figures if matplotlib is installed. Returns a note on the figures to print."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(report, folder / "report.json")
    if "ced" not in report:
        return ""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return " (no figures: matplotlib is not installed)"
    from .plots import draw_ced, draw_on_face

    figure = Figure((11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_ced(left, {"2D NME": report["ced"] | {k: report[k] for k in ("area", "failures")}})
    draw_on_face(right, report["landmarks"], "mean error of each landmark, % of the box")
    figure.savefig(folder / "report.png", dpi=100)
    return ", report.png"


def print_synthetic(title: str, report: dict[str, Any]) -> None:
    """Print a report of :func:`lprnet_utils.evaluation.protocols.evaluate_synthetic`."""
    print(title)
    columns = list(report["mm"])
    print(f"{'':18s}" + "".join(f"{c:>18s}" for c in columns))
    for name in ERROR_NAMES:
        print(f"  {name:16s}" + "".join(f"{report[name][c]:18.2f}" for c in columns))
    print("the mean face in the true pose, for comparison")
    for name in ERROR_NAMES:
        print(f"  mean {name:11s}" + "".join(f"{report['mean face'][name][c]:18.2f}" for c in columns))
    rough = report["roughness"]
    print(f"roughness {rough['prediction']:.2f} degrees, of the truth {rough['truth']:.2f}")
    print(f"normals are off by {report['normals']:.1f} degrees")
    print(f"{'':18s}{'photos':>18s}{'mm':>18s}{'nme':>18s}")
    for kind, row in report["people"].items():
        print(f"  {kind:16s}{row['photos']:18d}{row['mm']:18.2f}{row['nme']:18.2f}")


def print_evaluation(report: dict[str, Any]) -> None:
    """Print a report of :func:`lprnet_utils.evaluation.evaluate_aflw2000`."""
    print("2D NME, 68 landmarks, % of sqrt(width x height) of the true landmarks' box")
    for name, value in report["nme"].items():
        print(f"  {name:18s}{value:8.3f}")
    low, high = report["interval"]
    print(f"mean of bins on other photos of this kind: {low:.2f} to {high:.2f} (95 %, bootstrap)")
    if report["missed"]:
        print(f"with {report['missed']} missed at 100 %: mean of bins {report['nme over all']['mean of bins']:.3f}")
    print(f"CED to 10 %: area {report['area']:.4f}, failures {100 * report['failures']:.2f} %")
    for name in (n for n in ("nme 3D, mean z", "nme 3D, minimum z") if n in report):
        bins, photos = report[name]["mean of bins"], report[name]["mean over photos"]
        print(f"{name}: mean of bins {bins:.3f}, over photos {photos:.3f}")
    if "pose" in report:
        angles = ", ".join(f"{name} {value:.2f}" for name, value in report["pose"].items() if name != "photos")
        print(f"pose, degrees, {report['pose']['photos']} photos: {angles}")
    if "flip" in report:
        print(f"photo against its mirror image: {report['flip']:.3f} %")
