"""The tables of ``docs/web.md``, from what ``benchmark_web.py`` measured."""

from typing import Any

from benchmark_table import markdown_table, number

AIM = 1.8  # times the native time on one thread that WASM was to take at most
HEADINGS = "ms", "ms, undisturbed"
PARTS = {
    "detect": "detection, spread over the frames",
    "network": "crop, network and map",
    "closerLook": "closer look",
    "expressions": "expression weights",
    "track": "smoothing and the rest",
}


def block(found: dict[str, Any]) -> str:
    """The tables of ``docs/web.md``."""
    alone = "\n\n".join(filter(None, [own_run(found), network_table(found), bound(found)]))
    tables = [alone, frame_table(found), parts_table(found), camera_table(found), size_table(found)]
    return "\n\n".join([conditions(found), *filter(None, tables)])


def conditions(found: dict[str, Any]) -> str:
    """What was measured on, with what, and the times of the page."""
    made = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines = [f"{found['machine']}; {made}; headless, WebGL by the processor; {found['rounds']} rounds."]
    if found["load before"] is not None:
        lines.append(f"Programs that waited for a processor before the run, on average: {found['load before']:.1f}.")
    if found["page"]:
        first, later = (found["page"][name] / 1000 for name in ("first visit, ms", "from the disk cache, ms"))
        lines.append(
            f"The page shows the sample's face after {first:.1f} s, and after {later:.1f} s from the disk cache."
        )
        if "until the face in 3D, ms" in found["page"]:
            more = found["page"]["until the face in 3D, ms"] / 1000
            lines.append(f"The face in 3D, which the processor draws here, comes {more:.1f} s after that.")
    return "\n".join(lines)


def own_run(found: dict[str, Any]) -> str:
    """How the network alone was measured, if not in the run of the rest."""
    run = found.get("network run")
    if not run or all(run[name] == found[name] for name in run):
        return ""
    told = f"The network alone was measured in a later run of {run['rounds']} rounds"
    told += "" if run["machine"] == found["machine"] else f" on {run['machine']}"
    return told + (f", before which {run['load before']:.1f} programs waited." if run["load before"] else ".")


def bound(found: dict[str, Any]) -> str:
    """What the processor does in a nanosecond, in native code, in WebAssembly and in products of matrices."""
    work, matrices = found.get("multiply-adds"), found["matrices"]
    told = ", ".join(f"{rate:.1f} with {bits} bits" for bits, rate in matrices.items())
    lines = [f"Products of matrices in numpy on one thread, multiply-adds in a nanosecond by vector: {told}."]
    if not work or "128" not in matrices:
        return lines[0]
    native, wasm = (found["network"][name]["undisturbed"] for name in ("native, one thread", "one thread"))
    rates = [work / ms / 1e6 for ms in (native, wasm, AIM * native)]
    best = max(matrices.values())
    narrow = max(matrices["128"], matrices.get("256", 0) / 2)
    shares = [100 * rate / most for rate, most in zip(rates, (best, narrow, narrow), strict=True)]
    lines += [
        f"With 128 bits OpenBLAS has no fused multiply-add, which WASM has; half of the rate with 256 bits counts it: "
        f"{narrow:.1f}.",
        f"The network has {work / 1e6:.1f} million multiply-adds. Undisturbed, native code does {rates[0]:.1f} in a "
        f"nanosecond, {shares[0]:.0f} % of the highest of these rates.",
        f"WASM on one thread does {rates[1]:.1f}, {shares[1]:.0f} % of {narrow:.1f}. It takes {wasm / native:.1f} "
        f"times the native time; for {AIM} it would have to do {rates[2]:.1f}, {shares[2]:.0f} %.",
    ]
    return "\n".join(lines)


def network_table(found: dict[str, Any]) -> str:
    """The network alone."""
    rows = [("the network `open` alone", *HEADINGS, "times native, one thread (quartiles)")]
    for name, entry in found["network"].items():
        told = name if name.startswith("native") else f"WASM, {name}"
        rows.append((told, *milliseconds(entry), ratios(entry)))
    return markdown_table(rows)


def frame_table(found: dict[str, Any]) -> str:
    """Whole frames."""
    headings = (*HEADINGS, "frames a second", "times ours on one thread (quartiles)")
    rows = [("a frame of a video, one face", *headings)]
    for name, entry in found["frames"].items():
        rate = number(1000 / entry["ms"]["total"])
        rows.append((name, *milliseconds(entry), rate, ratios(entry)))
    return markdown_table(rows)


def milliseconds(entry: dict[str, Any]) -> tuple[str, str]:
    """The cells of a subject's times."""
    return number(entry["ms"]["total"]), number(entry["undisturbed"])


def ratios(entry: dict[str, Any]) -> str:
    """The cell of a subject's ratios to another."""
    low, high = entry["quartiles of the ratio"]
    return f"{entry['ratio']:.2f} ({low:.2f} to {high:.2f})"


def parts_table(found: dict[str, Any]) -> str:
    """The parts of our frames."""
    subjects = {name: entry["ms"] for name, entry in found["frames"].items() if "network" in entry["ms"]}
    rows = [("part of a frame, ms", *subjects)]
    for part, name in PARTS.items():
        rows.append((name, *(number(ms[part]) for ms in subjects.values())))
    return markdown_table(rows)


def camera_table(found: dict[str, Any]) -> str:
    """The built page with a camera."""
    camera = found.get("camera")
    if not camera:
        return ""
    rate = f"{camera['frames a second']:.0f} frames a second, {camera['runtime']}"
    rows = [(f"the page with a camera, 640 x 480: {rate}", "ms")]
    return markdown_table(rows + [(part, number(ms)) for part, ms in camera["ms"].items()])


def size_table(found: dict[str, Any]) -> str:
    """Bytes that a visitor loads."""
    rows = [("file", "MB", "MB, gzip")]
    groups = {
        "the package": found["package"],
        "MediaPipe": found["mediapipe"],
        "the page": found["page"].get("files", {}),
    }
    for group, files in groups.items():
        if not files:
            continue
        if group == "the package":
            rows += [(f"`{name}`", mb(size["bytes"]), mb(size["gzip"])) for name, size in files.items()]
        whole = [sum(size[key] for size in files.values()) for key in ("bytes", "gzip")]
        rows.append((f"{group}, together", *map(mb, whole)))
    return markdown_table(rows)


def mb(count: int) -> str:
    """Bytes as megabytes."""
    return f"{count / 1e6:.2f}" if count > 1e5 else f"{count / 1e6:.3f}"
