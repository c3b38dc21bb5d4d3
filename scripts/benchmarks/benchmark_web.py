"""Measure the npm package in a headless Chromium, and write ``docs/web.json`` and the table of ``docs/web.md``.

    make web
    python scripts/benchmarks/benchmark_web.py
    python scripts/benchmarks/benchmark_web.py --table      # writes the table again, in under a second
    python scripts/benchmarks/benchmark_web.py --networks   # measures only the network alone, in a minute

It takes about three minutes and measures, in one run and in turn, so that other work on the machine meets all alike:
the network ``open`` in LiteRT.js (WASM) beside LiteRT on the processor, on one thread; whole frames of a clip in the
package's tracker; the same frames in the same page in MediaPipe's face mesh, which npm installs into a temporary folder
(left out, and said so, if its registry cannot be reached); bytes that a visitor loads; and the time until the built
page shows the face of its sample photo, from the browser's disk cache. There is no graphics card: WebGL, by which
MediaPipe reads pictures, is computed by the processor. What the clip shows is one face that moves, 640 x 480 pixels.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from benchmark_table import with_block
from benchmark_web_browser import BROWSERS, Browser, IsolatedHandler
from benchmark_web_machine import blas_rates, multiply_adds, processor
from benchmark_web_tables import block
from PIL import Image

from lprnet_utils.commands.serve import PageServer, running
from lprnet_utils.common import data_path, read_image

ROOT = Path(__file__).resolve().parents[2]
HERE, WEB = Path(__file__).parent, ROOT / "web"
PAGE = WEB / "dist" / "page"
REPORT, TEXT = ROOT / "docs" / "web.json", ROOT / "docs" / "web.md"
MEDIAPIPE = "@mediapipe/face_mesh@0.4.1657299874"  # the last one; it carries its models
NETWORKS = {"float32": WEB / "networks" / "open.tflite", "float16": ROOT / "data" / "weights" / "open.tflite"}
BUILDS = {  # of LiteRT.js, with threads
    "one thread": ("litert_wasm_internal", 1),
    "one thread, without relaxed SIMD": ("litert_wasm_compat_internal", 1),
    "one thread, JSPI": ("litert_wasm_jspi_internal", 1),
    "two threads": ("litert_wasm_threaded_internal", 2),
}
CALLS, FRAMES, SLOW_FRAMES = 15, 15, 5  # in each round; the last of MediaPipe, which takes long without a graphics card
WARM_UP, SLOW_WARM_UP = 60, 10  # calls of each network and frames of each tracker, in which the browser compiles
VISITS = 3  # of the page: the first, and those from the cache
CAMERA = "camera.mjpeg"
CAMERA_WARM_UP, CAMERA_READINGS, CAMERA_SECONDS = 10, 4, 3  # seconds, readings, and seconds between these
CLIP = 60  # frames, at 30 a second; the last is followed by the first
WIDTH, HEIGHT = 640, 480
SPEED = """Array.from(document.querySelectorAll('.speed-sheet tr'),
  ({ cells }) => [cells[0].textContent, parseFloat(cells[1].textContent)])"""
IN_SPACE = """(async () => {
  const start = performance.now(), shown = document.getElementById('viewer');
  const small = new OffscreenCanvas(16, 16).getContext('2d', { willReadFrequently: true });
  while (performance.now() - start < 60000) {
    small.clearRect(0, 0, 16, 16);
    small.drawImage(shown, 0, 0, 16, 16);
    const [red, , blue, opacity] = small.getImageData(8, 8, 1, 1).data;
    if (opacity && red - blue > 15) return performance.now() - start;  // skin, in the middle
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return null;
})()"""
INDEX = """<!doctype html><link rel=icon href=data:,><title>loading</title>
<script src="mediapipe/face_mesh.js"></script>
<script type="importmap">{"imports": {
  "@litertjs/core": "./litert/dist/index.js", "@litertjs/wasm-utils": "./wasm-utils/dist/index.js"
}}</script>
<script type="module" src="page.js"></script>
"""
Times = dict[str, list[float]]


def install_mediapipe(folder: Path) -> str | None:
    """Install MediaPipe's face mesh in a folder; if that cannot be done, the reason."""
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}')
    command = [shutil.which("npm") or "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", MEDIAPIPE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip().splitlines() or ["npm failed"])[0] if done.returncode else None


def write_clip(folder: Path) -> None:
    """Frames of the sample photo, which moves, turns and changes its size a little."""
    folder.mkdir()
    photo = read_image(data_path("samples/astronaut.jpg"))
    eyes = np.array([225.0, 120.0])
    jpegs = []
    for k in range(CLIP):
        phase = 2 * np.pi * k / CLIP
        matrix = cv2.getRotationMatrix2D(tuple(eyes), 6 * np.sin(phase), 1.5 + 0.06 * np.sin(2 * phase))
        place = (WIDTH / 2 + 40 * np.cos(phase), HEIGHT / 2 + 12 * np.sin(phase))
        matrix[:, 2] += place - eyes
        frame = cv2.warpAffine(photo, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        Image.fromarray(frame).save(folder / f"{k}.png", compress_level=1)
        good, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        if not good:
            raise SystemExit("OpenCV cannot write JPEG")
        jpegs.append(data.tobytes())
    (folder / CAMERA).write_bytes(b"".join(jpegs))  # Chromium repeats it as a camera's pictures


def make_site(site: Path, mediapipe: Path | None) -> None:
    """The measuring page, and all that it loads."""
    modules = WEB / "node_modules" / "@litertjs"
    shutil.copytree(modules / "core", site / "litert")
    shutil.copytree(modules / "wasm-utils", site / "wasm-utils")
    (site / "networks").mkdir()
    for name, path in NETWORKS.items():
        shutil.copy(path, site / "networks" / f"{name}.tflite")
    (site / "package").mkdir()
    shutil.copy(WEB / "dist" / "index.js", site / "package")
    copy = [shutil.which("node"), str(WEB / "bin" / "copy-files.js"), str(site / "package" / "files")]
    subprocess.run(copy, check=True, stdout=subprocess.DEVNULL)
    if mediapipe:
        shutil.copytree(mediapipe / "node_modules" / "@mediapipe" / "face_mesh", site / "mediapipe")
    write_clip(site / "frames")
    shutil.copy(HERE / "benchmark_web_page.js", site / "page.js")
    (site / "index.html").write_text(INDEX)


def native_network(name: str, threads: int) -> Callable[[int], list[float]]:
    """A network in LiteRT for Python, as a function of a number of calls: their milliseconds."""
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_path=str(NETWORKS[name]), num_threads=threads)
    network.allocate_tensors()
    (entry,) = network.get_input_details()
    network.set_tensor(entry["index"], np.random.default_rng(0).random(entry["shape"], np.float32))

    def measure(count: int) -> list[float]:
        spent = []
        for _ in range(count):
            start = time.perf_counter()
            network.invoke()
            spent.append(1000 * (time.perf_counter() - start))
        return spent

    return measure


def network_subjects(browser: Browser, address: str) -> dict[str, Callable[[int], list[float]]]:
    """What runs the network alone, by name."""
    subjects = {"native, one thread": native_network("float32", 1), "native, two threads": native_network("float32", 2)}
    if "int8" in NETWORKS:
        subjects["native, one thread, int8"] = native_network("int8", 1)
    for name, (build, threads) in BUILDS.items():
        browser.open(name, address)
        if not browser.call(name, "start", build=build, threads=threads):
            raise SystemExit("the page is not isolated")
        forms = NETWORKS if name == "one thread" else ["float32"]
        for form in forms:
            browser.call(name, "compile", name=f"{form}.tflite", threads=threads)
            call = functools.partial(browser.call, name, "network", name=f"{form}.tflite", bare=False)
            subjects[name if form == "float32" else f"{name}, {form}"] = lambda n, call=call: call(count=n)
        if name == "one thread":
            call = functools.partial(browser.call, name, "network", name="float32.tflite", bare=True)
            subjects["one thread, tensors in place"] = lambda n, call=call: call(count=n)
    return subjects


def frame_subjects(browser: Browser, address: str, mediapipe: bool) -> dict[str, Callable[[int], dict[str, Any]]]:
    """What finds the face in frames from a number on, by name; all in one page."""
    page = "frames"
    browser.open(page, address)
    browser.call(page, "frames", count=CLIP)
    subjects = {}
    for threads, name in ((1, "lprnet, one thread"), (2, "lprnet, two threads")):
        info = browser.call(page, "tracker", threads=threads)
        if info["threads"] != threads:
            raise SystemExit(f"{info['threads']} threads run in place of {threads}")
        subjects[name] = functools.partial(browser.call, page, "track", threads=threads)
    if mediapipe:
        for refine, name in ((False, "MediaPipe"), (True, "MediaPipe with attention")):
            browser.call(page, "mediapipe", refine=refine)
            subjects[name] = functools.partial(browser.call, page, "mesh", refine=refine)
    return subjects


def measure(networks: dict[str, Callable], trackers: dict[str, Callable], rounds: int) -> dict[str, Any]:
    """All times, taken in turn: medians, and medians of each round's ratios."""
    for call in networks.values():
        call(WARM_UP)
    for name, call in trackers.items():
        start = time.perf_counter()
        count = SLOW_WARM_UP if name.startswith("MediaPipe") else WARM_UP
        call(**{"from": 0, "count": count})
        print(f"{name}: {count} frames in {time.perf_counter() - start:.1f} s", flush=True)
    alone: dict[str, list[Times]] = {name: [] for name in networks}
    frames: dict[str, list[Times]] = {name: [] for name in trackers}
    for k in range(rounds):
        for name, call in networks.items():
            alone[name].append({"total": call(CALLS)})
        for name, call in trackers.items():
            count = SLOW_FRAMES if name.startswith("MediaPipe") else FRAMES
            answer = call(**{"from": WARM_UP + FRAMES * k, "count": count})
            if answer["found"] != count:
                raise SystemExit(f"{name} found {answer['found']} faces in {count} frames")
            frames[name].append(answer["parts"])
        print(f"round {k + 1} of {rounds}", flush=True)
    return {
        "network": {name: summary(alone[name], alone["native, one thread"]) for name in alone},
        "frames": {name: summary(frames[name], frames["lprnet, one thread"]) for name in frames},
    }


def summary(rounds: list[Times], reference: list[Times]) -> dict[str, Any]:
    """Median milliseconds of each part, the mean of the detector's, and the median ratio of the totals' medians.

    `undisturbed` is what one in ten totals is below: other work on the machine may have delayed the rest.
    """
    parts = {part: float(np.median([t for one in rounds for t in one[part]])) for part in rounds[0]}
    if "detect" in parts:  # it looks once a second
        parts["detect"] = float(np.mean([t for one in rounds for t in one["detect"]]))
    pairs = zip(rounds, reference, strict=True)
    ratios = [float(np.median(one["total"]) / np.median(other["total"])) for one, other in pairs]
    low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    undisturbed = np.quantile([t for one in rounds for t in one["total"]], 0.1)
    return {
        "ms": parts,
        "ratio": ratio,
        "quartiles of the ratio": [low, high],
        "undisturbed": float(undisturbed),
    }


def first_picture(folder: Path) -> dict[str, Any]:
    """Milliseconds until the built page shows the sample's face, at first and from the disk cache; what was loaded."""
    if not (PAGE / "index.html").is_file():
        return {}
    profile = folder / "page-profile"
    spent, later = [], []
    asked: list[str] = []
    with running(PageServer(PAGE)) as address:
        for visit in range(VISITS):  # each time the browser starts anew, with the same cache
            with Browser(profile) as browser:
                told = browser.open("page", address, "document.body?.classList.contains('ready')")
                later.append(browser.evaluate("page", IN_SPACE) or float("nan"))
                time.sleep(0 if visit else 8)  # what is loaded when there is nothing else to do
            spent.append(told["milliseconds"])
            asked = asked or told["asked"]
    names = sorted({urlsplit(url).path.lstrip("/") or "index.html" for url in asked if url.startswith(address)})
    return {
        "first visit, ms": spent[0],
        "from the disk cache, ms": float(np.median(spent[1:])),
        "until the face in 3D, ms": float(np.nanmedian(later[1:])),
        "files": {name: sizes(PAGE / name) for name in names if (PAGE / name).is_file()},
    }


def camera_page(site: Path, folder: Path) -> dict[str, Any]:
    """Frames a second of the built page with a camera, milliseconds by part as it tells them, and on what."""
    if not (PAGE / "index.html").is_file():
        return {}
    rates, parts = [], []
    with running(PageServer(PAGE)) as address, Browser(folder / "page-profile", site / "frames" / CAMERA) as browser:
        browser.open("page", address, "document.body?.classList.contains('ready')")
        browser.evaluate("page", "document.getElementById('camera').click()")
        time.sleep(CAMERA_WARM_UP)
        for _ in range(CAMERA_READINGS):
            time.sleep(CAMERA_SECONDS)
            rates.append(browser.evaluate("page", "parseFloat(document.getElementById('speed-summary').textContent)"))
            parts.append(dict(browser.evaluate("page", SPEED)))
        runtime = browser.evaluate("page", "document.getElementById('speed-runtime').textContent")
    return {
        "frames a second": float(np.median(rates)),
        "ms": {part: float(np.median([one[part] for one in parts])) for part in parts[0]},
        "runtime": runtime,
    }


def sizes(path: Path) -> dict[str, int]:
    """Bytes of a file, as it is and compressed."""
    data = path.read_bytes()
    return {"bytes": len(data), "gzip": len(gzip.compress(data, 9))}


def package_files(site: Path) -> dict[str, dict[str, int]]:
    """Bytes of what a page of one's own loads for a tracker on one thread, or on several."""
    folder = site / "package" / "files"
    names = ["worker.js", *json.loads((folder / "manifest.json").read_text())["files"]]
    wanted = [name for name in names if not name.startswith("wasm/") or "litert_wasm_internal" in name]
    return {"index.js": sizes(site / "package" / "index.js")} | {name: sizes(folder / name) for name in wanted}


def mediapipe_files(site: Path) -> dict[str, dict[str, int]]:
    """Bytes of what a page loads for MediaPipe's face mesh."""
    folder = site / "mediapipe"
    return {path.name: sizes(path) for path in sorted(folder.glob("face_mesh*")) if "solution_wasm" not in path.name}


def report(rounds: int, networks_only: bool) -> dict[str, Any]:
    """Measure everything, or only the network alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trouble = "it is not asked for" if networks_only else install_mediapipe(folder / "mediapipe")
        if trouble and not networks_only:
            print(f"MediaPipe is left out: npm cannot install {MEDIAPIPE} ({trouble})")
        site = folder / "site"
        site.mkdir()
        make_site(site, None if trouble else folder / "mediapipe")
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(IsolatedHandler, directory=str(site))
        )
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        with running(server) as address, Browser(folder / "profile") as browser:
            trackers = {} if networks_only else frame_subjects(browser, address, not trouble)
            measured = measure(network_subjects(browser, address), trackers, rounds)
        run = {"load before": load, "rounds": rounds, "machine": processor(), "versions": versions()}
        alone = {"network": measured["network"], "network run": run, "matrices": blas_rates()}
        alone["multiply-adds"] = multiply_adds()
        if networks_only:
            return alone
        return (
            alone
            | run
            | {
                "frames": measured["frames"],
                "package": package_files(site),
                "mediapipe": {} if trouble else mediapipe_files(site),
                "page": first_picture(folder),
                "camera": camera_page(site, folder),
            }
        )


def versions() -> dict[str, str]:
    """What was measured with."""
    core = json.loads((WEB / "node_modules" / "@litertjs" / "core" / "package.json").read_text())["version"]
    program = next(filter(None, map(shutil.which, BROWSERS)))
    told = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
    browser = next((word for word in told if word[0].isdigit()), "?")
    return {"LiteRT.js": core, "LiteRT": version("ai-edge-litert"), "Chromium": browser, "MediaPipe": MEDIAPIPE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="of everything, in turn")
    parser.add_argument("--table", action="store_true", help="only write the table from docs/web.json again")
    parser.add_argument("--networks", action="store_true", help="measure only the network alone, keep the rest")
    parser.add_argument("--int8", type=Path, metavar="FILE", help="of lprnet export --precision int8: measured too")
    arguments = parser.parse_args()
    if arguments.int8:
        NETWORKS["int8"] = arguments.int8
    if not arguments.table:
        if not (WEB / "dist" / "files" / "manifest.json").is_file():
            raise SystemExit("the package is not built: make web")
        kept = json.loads(REPORT.read_text(encoding="utf-8")) if arguments.networks else {}
        found = kept | report(arguments.rounds, arguments.networks)
        REPORT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(REPORT.read_text(encoding="utf-8"))
    text = TEXT.read_text(encoding="utf-8")
    TEXT.write_text(with_block(text, block(found), "web"), encoding="utf-8")


if __name__ == "__main__":
    main()
