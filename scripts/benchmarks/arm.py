"""Run the weights ``open`` on an emulated 64-bit Arm processor, and compare with this machine's.

    apt-get install qemu-user debootstrap       # Debian or Ubuntu; once, as root
    python scripts/benchmarks/arm.py            # as root, because debootstrap needs it; about fifteen minutes
    python scripts/benchmarks/arm.py --cpu neoverse-n1 --faces 24

It makes a folder (``--root``, half a gigabyte) with Debian for arm64, whose Python it runs by ``qemu-aarch64``, and
the wheels for aarch64 of the LiteRT and numpy that are installed here. So it needs Debian's mirror and PyPI, the first
time. LiteRT asks the system what processor it has, by files that emulation does not translate, and crashes on those of
an x86 machine; so the folder has such files of an Arm processor. No container and no kernel support (binfmt) is needed.

Printed for each form of the weights: the largest difference of the network's output, how far the 68 landmarks move, and
the NME on bundled rendered faces on both processors. It fails if the NMEs differ by more than 0.01. Seconds on an
emulated processor say nothing about those on a real one.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from formats import landmark_nme, make_forms, rendered_faces

from lprnet_utils import UVLayout
from lprnet_utils.common.litert import read_metadata, read_weights
from lprnet_utils.uv import decode_map

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("arm_network.py")
FORMS = ("float32", "float16", "int8_weights", "int8")
SUITE = "bookworm"
WHEELS = ("ai-edge-litert", "numpy", "flatbuffers", "protobuf", "tqdm", "typing_extensions", "backports.strenum")
WHEELS_FOR = "2_28", "2_27", "2_17"  # versions of glibc; Debian 12 has 2.36
MAX_NME_DIFFERENCE = 0.01  # percent

# what an Arm processor's Linux says of it, for LiteRT's library cpuinfo
PROCESSOR = """processor\t: 0
BogoMIPS\t: 100.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 1

"""
OLD = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
CPUS = {
    "cortex-a72": (OLD, "0xd08"),
    "neoverse-n1": (f"{OLD} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp", "0xd0c"),
}


def run(*command: str | Path) -> None:
    """Run a program; what it prints is shown only if it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def make_root(root: Path) -> None:
    """Debian's Python for arm64 in a folder, with LiteRT beside it. What is there already stays."""
    debian, site = root / "debian", root / "site"
    if not (debian / "usr/bin/python3").exists():
        print(f"Debian {SUITE} for arm64 into {debian}")
        run(
            "debootstrap",
            "--foreign",
            "--arch=arm64",
            "--variant=minbase",
            "--include=python3,libstdc++6",
            SUITE,
            debian,
        )
        for package in sorted((debian / "var/cache/apt/archives").glob("*.deb")):
            run("dpkg", "-x", package, debian)  # the second stage, which configures them, is not needed
    if not site.exists():
        print("LiteRT for arm64")
        python = (debian / "usr/bin/python3").readlink().name.removeprefix("python")
        platforms = [word for v in WHEELS_FOR for word in ("--platform", f"manylinux_{v}_aarch64")]
        wheels = [f"{name}=={version(name)}" for name in WHEELS]
        only = ["--no-deps", "--only-binary=:all:", "--python-version", python]
        run(sys.executable, "-m", "pip", "install", "--target", site, *only, *platforms, *wheels)


def describe_processor(debian: Path, cpu: str) -> None:
    """Write the files in which LiteRT looks for the processor; the emulator finds them before this machine's."""
    features, part = CPUS[cpu]
    system = debian / "sys/devices/system/cpu"
    system.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online", "kernel_max"):
        (system / name).write_text("0\n")
    (debian / "proc").mkdir(exist_ok=True)
    (debian / "proc/cpuinfo").write_text(PROCESSOR.format(features=features, part=part))


def compute(files: list[Path], crops: np.ndarray, prefix: list[str]) -> dict[str, np.ndarray]:
    """The outputs of each file, computed by the Python that a command line begins with."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "crops.npy", crops)
        command = [*prefix, str(WORKER), f"{folder}/crops.npy", folder, *map(str, files)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(prefix)} failed: {done.returncode}")
        print(done.stdout, end="")
        return {path.stem: np.load(Path(folder) / f"{path.stem}.npy") for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT / "outputs" / "arm", help="folder for Debian (%(default)s)")
    parser.add_argument(
        "--forms", type=Path, default=ROOT / "outputs" / "formats", help="files of formats.py (%(default)s)"
    )
    parser.add_argument("--faces", type=int, default=48, help="bundled rendered faces (%(default)s)")
    parser.add_argument("--cpu", choices=CPUS, default="cortex-a72", help="what is emulated (%(default)s)")
    options = parser.parse_args()
    make_root(options.root)
    debian = options.root / "debian"
    describe_processor(debian, options.cpu)
    options.forms.mkdir(parents=True, exist_ok=True)
    made = make_forms(options.forms)
    files = [made[form] for form in FORMS]
    metadata = read_metadata(read_weights("open")[1], "open")
    layout = UVLayout(metadata["size"], metadata["landmark_uv"])
    faces = rendered_faces(layout)
    rows = np.linspace(0, len(faces.yaw) - 1, options.faces).astype(int)
    crops, truth = faces.crops[rows], faces.landmarks[rows]
    emulator = ["qemu-aarch64", "-cpu", options.cpu, "-L", str(debian), "-E", f"PYTHONPATH={options.root / 'site'}"]
    python = (debian / "usr/bin/python3").readlink().name
    found = {
        "arm": compute(files, crops, [*emulator, "-E", "PYTHONDONTWRITEBYTECODE=1", str(debian / "usr/bin" / python)]),
        "x86": compute(files, crops, [sys.executable]),
    }
    failed = False
    for path in files:
        codes = {machine: outputs[path.stem] for machine, outputs in found.items()}
        points = {m: np.array([layout.landmarks(layout.smooth(decode_map(c))) for c in cs]) for m, cs in codes.items()}
        nme = {machine: float(landmark_nme(p, truth).mean()) for machine, p in points.items()}
        moved = np.linalg.norm((points["arm"] - points["x86"])[..., :2], axis=-1)
        output = np.abs(codes["arm"] - codes["x86"]).max()
        print(
            f"{path.stem} on {options.cpu}, {len(rows)} faces: outputs differ by {output:.2e} at most, landmarks move "
            f"{moved.mean():.4f} pixels of the crop (at most {moved.max():.4f}); NME {nme['arm']:.4f} % there, "
            f"{nme['x86']:.4f} % here"
        )
        failed |= abs(nme["arm"] - nme["x86"]) > MAX_NME_DIFFERENCE
    if failed:
        raise SystemExit(f"an NME differs by more than {MAX_NME_DIFFERENCE}")


if __name__ == "__main__":
    main()
