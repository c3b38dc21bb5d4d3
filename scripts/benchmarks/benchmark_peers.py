"""Time this project and packages that find the face in the same photo, each in separate processes on one core.

    python scripts/benchmarks/benchmark_peers.py lprnet data/samples/astronaut.jpg

This times one of them in this process and prints JSON; it takes a few seconds. ``benchmark.py`` runs it several times:
with its own Python for L-PRNet, with that of ``.venv-peers`` for packages of others, which are installed there on the
first run. So a package that only one of the two environments has is imported inside its function.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PEERS = Path(__file__).resolve().parents[2] / ".venv-peers"
PEER_PYTHON = PEERS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# this wheel of MediaPipe includes the models of its face mesh; dlib comes as a wheel, because it takes long to compile
REQUIREMENTS = {"mediapipe": ["mediapipe==0.10.14"], "dlib": ["dlib-bin", "face_recognition_models==0.3.0"]}
INSTALL_SECONDS = 300  # after that the installation counts as failed

Numbers = dict[str, Any]
Steps = Iterator[Any]


def lprnet() -> Steps:
    """This project: BlazeFace, the network, the closer look, the dense map; 68 landmarks in 3D."""
    import cv2

    from lprnet_utils import LPRNet
    from lprnet_utils.common import read_image
    from lprnet_utils.common.assets import data_root

    yield
    cv2.setNumThreads(1)
    net = LPRNet("open")
    _ = net.detector  # it is made on first use, and loading it counts
    names = "weights/open", "detection/blazeface_back", "closer_look/eye", "closer_look/mouth"
    files = [data_root() / f"{name}.tflite" for name in names]
    yield read_image, lambda image: net.reconstruct(image, max_faces=1)[0].landmarks, files


def mediapipe() -> Steps:
    """MediaPipe's face mesh for single photos: BlazeFace (short range), 468 points in 3D."""
    import cv2
    from mediapipe.python.solutions.face_mesh import FaceMesh

    yield
    cv2.setNumThreads(1)
    mesh = FaceMesh(static_image_mode=True, max_num_faces=1)

    def points(image: Any) -> list:
        return list(mesh.process(image).multi_face_landmarks[0].landmark)

    modules = Path(find_spec("mediapipe").submodule_search_locations[0]) / "modules"
    names = "face_landmark/face_landmark.tflite", "face_detection/face_detection_short_range.tflite"
    files = [modules / name for name in names]
    yield lambda path: cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), points, files


def dlib() -> Steps:
    """dlib's HOG detector, the photo not enlarged, and its 68 landmarks in 2D, with the models of face_recognition."""
    import dlib

    yield
    # the package of the models imports pkg_resources, which newer environments lack: only its folder is needed
    package = find_spec("face_recognition_models")
    if package is None:
        raise ModuleNotFoundError("No module named 'face_recognition_models'", name="face_recognition_models")
    models = Path(package.submodule_search_locations[0]) / "models"
    file = models / "shape_predictor_68_face_landmarks.dat"
    detect, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(file))

    def points(image: Any) -> list:
        largest = max(detect(image), key=lambda box: box.area())
        return predict(image, largest).parts()

    yield dlib.load_rgb_image, points, [file]


# the steps of each subject, and the distribution that has its version
SUBJECTS: dict[str, tuple[Callable[[], Steps], str]] = {
    "lprnet": (lprnet, "lprnet_utils"),
    "mediapipe": (mediapipe, "mediapipe"),
    "dlib": (dlib, "dlib-bin"),
}


def peak_megabytes() -> float | None:
    """Largest resident memory of this process so far; None where the system does not report it.

    Linux includes the parent's memory at the fork in ``ru_maxrss``, and the benchmark's own process is large.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def measure(steps: Steps, photo: str, repeats: int) -> Numbers:
    """Times of the import, of loading, of the first photo from its file, and of the same photo from memory."""
    clock = [time.perf_counter()]
    next(steps)
    clock.append(time.perf_counter())
    read, run, files = next(steps)
    clock.append(time.perf_counter())
    image = read(photo)
    points = run(image)
    clock.append(time.perf_counter())
    peak = peak_megabytes()
    imported, loaded, first = (1000 * (b - a) for a, b in zip(clock, clock[1:], strict=False))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(image)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "import, ms": imported,
        "load, ms": loaded,
        "first photo, ms": first,
        "peak memory, MB": peak,
        "photo, ms": statistics.median(times),
        "model files, MB": sum(f.stat().st_size for f in files) / 1e6,
        "points": len(points),
    }


# ---- in the benchmark's own process


def median_numbers(runs: list[Numbers]) -> Numbers:
    """Median of each number over several runs with the same keys; texts are taken from the first run."""
    return {
        key: statistics.median_low(run[key] for run in runs) if isinstance(first, (int, float)) else first
        for key, first in runs[0].items()
    }


def in_processes(python: Path | str, subject: str, photo: Path, processes: int) -> Numbers:
    """Medians of the numbers that this script prints in new processes; a ``status`` where it cannot be run."""
    command, runs = [str(python), str(Path(__file__).resolve()), subject, str(photo)], []
    for _ in range(processes):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            return {"status": "not installed" if isinstance(error, FileNotFoundError) else "too slow"}
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return {"status": "does not run here"}
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        if "missing" in runs[-1]:
            return {"status": "not installed"}
    return median_numbers(runs)


def install(requirements: list[str]) -> None:
    """Install packages into the peers' environment, or print why that failed."""
    try:
        if not PEER_PYTHON.is_file():
            venv.create(PEERS, with_pip=True)
        # a package that would have to be compiled counts as not installable; the models need no compilation
        options = ["--quiet", "--no-compile", "--only-binary=mediapipe,dlib-bin"]
        command = [str(PEER_PYTHON), "-m", "pip", "install", *options, *requirements]
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{', '.join(requirements)}: not installed ({error})", file=sys.stderr)


def compare_packages(photo: Path, processes: int) -> dict[str, Numbers]:
    """Numbers of this project and its peers, each in new processes on one core."""
    found = {"lprnet": in_processes(sys.executable, "lprnet", photo, processes)}
    for subject, requirements in REQUIREMENTS.items():
        found[subject] = in_processes(PEER_PYTHON, subject, photo, processes)
        if found[subject].get("status") == "not installed":
            install(requirements)
            found[subject] = in_processes(PEER_PYTHON, subject, photo, processes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("photo")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # one core for all, also for packages that start threads as they like
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        steps, distribution = SUBJECTS[options.subject]
        found = {"version": version(distribution)} | measure(steps(), options.photo, options.repeats)
    except ModuleNotFoundError as error:  # PackageNotFoundError is one too
        found = {"missing": error.name}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
