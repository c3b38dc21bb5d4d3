"""Train in one, two and four processes of this machine, lose some of them, and go on; see docs/distributed.md.

    python scripts/benchmarks/train_processes.py [table] [lost] [--network lprnet_lite]

``table`` trains on the same generated pairs in one process, in two and in four. It prints losses, photos a second,
whether all processes have the same weights, and how far these are from those of one process. ``lost`` kills one of two
processes, starts both again, freezes one (as if its machine hung), starts both once more, and compares the weights with
those of a run that nobody disturbed. The processes share the cores: the speeds say what it costs to talk to each other,
not how training grows. The network is small, to be compiled in seconds; ``--network lprnet_lite`` trains the page's.
"""

import argparse
import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
PATHS = f"{ROOT}{os.pathsep}{ROOT / 'docs'}{os.pathsep}{ROOT / 'scripts/benchmarks'}"
PROGRAM = "import distributed as d, train_processes as t; d.network = getattr(t, '{}', d.network); d.main()"
SHARDS, SHARD_PAIRS = 2, 32
BATCH, BATCHES, EVERY = 16, 40, 10  # photos in a batch, batches of a training, batches from checkpoint to checkpoint
TIMEOUT, LONGEST = 10, 400  # seconds of silence after which a process counts as lost, and of one training
NETWORKS = "small_network", "lprnet_lite"
Weights = dict[str, NDArray]


def small_network():
    """A network that is compiled in seconds: convolutions down to sides of 16 texels, and back."""
    import keras

    from lprnet_utils.networks import BatchNormalization

    x = inputs = keras.Input((128, 128, 3))
    for width in (16, 32, 64):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(BatchNormalization()(x))
    x = keras.layers.UpSampling2D(8, interpolation="bilinear")(keras.layers.Conv2D(16, 1)(x))
    return keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="sigmoid")(x))


def make_shards(folder: Path) -> None:
    """Generated pairs to train on."""
    from lprnet_utils.common.files import write_checked
    from lprnet_utils.datasets import pack
    from lprnet_utils.synthetic import SyntheticFaces

    faces = SyntheticFaces(3)
    for k in range(SHARDS):
        pairs = pack(faces.sample(SHARD_PAIRS * k + i) for i in range(SHARD_PAIRS))
        write_checked(folder / f"shard-{k:05d}.bin", pairs)


class Training:
    """The processes of one training, which have been started. What each says is in its folder, ``said-NUMBER.txt``."""

    def __init__(self, shards: Path, output: Path, processes: int, network: str = NETWORKS[0]):
        atexit.register(self.kill)
        output.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        options = ["--address", address, "--processes", processes, "--samples", BATCH * BATCHES]
        options += ["--batch-size", BATCH, "--checkpoint-every", EVERY, "--timeout", TIMEOUT]
        environment = os.environ | {"PYTHONPATH": PATHS}
        self.output, self.started = output, []
        for k in range(processes):
            command = [sys.executable, "-c", PROGRAM.format(network), shards, output, *options, "--process", k]
            with open(output / f"said-{k}.txt", "w") as said:
                streams = {"stdout": said, "stderr": subprocess.STDOUT}
                self.started.append(subprocess.Popen(list(map(str, command)), env=environment, **streams))

    def said(self, process: int) -> list[str]:
        """What the program itself has said in one process, without the lines of its libraries."""
        lines = (self.output / f"said-{process}.txt").read_text(errors="replace").splitlines()
        return [line for line in lines if line.startswith(("process ", "If another"))]

    def wait_for(self, process: int, words: str) -> None:
        """Wait until a process says this; RuntimeError if it ends before or takes too long."""
        end = time.monotonic() + LONGEST
        while not any(words in line for line in self.said(process)):
            if self.started[process].poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"{self.output}: process {process} did not say {words}: {self.said(process)}")
            time.sleep(0.1)

    def codes(self) -> list[int]:
        """Wait until all have ended, and return their exit statuses."""
        end = time.monotonic() + LONGEST
        try:
            return [process.wait(max(end - time.monotonic(), 0.1)) for process in self.started]
        finally:
            self.kill()

    def kill(self) -> None:
        """End those that still run."""
        for process in self.started:
            process.kill()
            process.wait()

    def lose(self, process: int, words: str, how: signal.Signals) -> float:
        """Lose a process when it has said some words; return the seconds until all others have ended by themselves."""
        self.wait_for(process, words)
        self.started[process].send_signal(how)
        began = time.monotonic()
        for other in self.started[:process] + self.started[process + 1 :]:
            other.wait(LONGEST)
        ended = time.monotonic()
        self.kill()
        return ended - began

    def losses(self, process: int) -> list[float]:
        """The mean loss of the batches up to each checkpoint."""
        return [float(line.split("loss ")[1].split(",")[0]) for line in self.said(process) if "loss " in line]

    def weights(self) -> list[Weights]:
        """The last weights of each process, by name."""
        return [_numbers(self.output / f"process-{k}.weights.h5") for k in range(len(self.started))]


def _numbers(path: Path) -> Weights:
    found: Weights = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def same(one: Weights, other: Weights) -> bool:
    """Whether two networks have the same weights, to the last bit."""
    return one.keys() == other.keys() and len(one) > 10 and all((one[key] == other[key]).all() for key in one)


def whole(shards: Path, output: Path, processes: int, network: str = NETWORKS[0]) -> Training:
    """A training that nobody disturbs; RuntimeError if it fails."""
    training = Training(shards, output, processes, network)
    if any(training.codes()):
        raise RuntimeError((output / "said-0.txt").read_text(errors="replace")[-2000:])
    return training


def table(shards: Path, folder: Path, network: str = NETWORKS[0]) -> None:
    """Print losses, speeds and weights for several numbers of processes."""
    losses = f"loss of batches 1 to {EVERY} | of the last {EVERY}"
    print(f"| processes | {losses} | photos a second | weights in all processes | from those of one |")
    print("|---|---|---|---|---|---|")
    alone: Weights = {}
    for processes in (1, 2, 4):
        training = whole(shards, folder / f"table-{processes}", processes, network)
        losses, speed = training.losses(0), training.said(0)[-1].split(", ")[-1]
        first, *others = training.weights()
        alone = alone or first
        equal = "the same" if all(same(first, other) for other in others) else "DIFFERENT"
        network_only = [key for key in alone if "optimizer" not in key]
        distance, size = (
            np.sqrt(sum(np.sum((first[key] - other[key]) ** 2.0) for key in network_only))
            for other in (alone, dict.fromkeys(alone, 0.0))
        )
        row = f"| {processes} | {losses[0]:.3f} | {losses[-1]:.3f} | {speed.split()[0]} | {equal} |"
        print(f"{row} {100 * distance / size:.2f} % |", flush=True)


def lost(shards: Path, folder: Path, network: str = NETWORKS[0]) -> tuple[Training, Training]:
    """Lose processes and go on: print what happens, and return the undisturbed training and the one that was."""
    usual, broken = whole(shards, folder / "usual", 2, network), folder / "broken"
    for how, batches in ((signal.SIGKILL, EVERY), (signal.SIGSTOP, 2 * EVERY)):
        training = Training(shards, broken, 2, network)
        seconds = training.lose(1, f": {batches} batches", how)
        print(f"{how.name} of process 1 after {batches} batches: process 0 ended {seconds:.1f} s later and said")
        print("\n".join(f"    {line}" for line in training.said(0)), flush=True)
    training = whole(shards, broken, 2, network)
    print(f"started once more: {training.said(0)[0]}")
    equal = all(same(usual.weights()[0], other) for other in training.weights())
    print(f"weights at the end: {'those of the undisturbed training' if equal else 'OTHERS'}")
    return usual, training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="table, lost; without any, both")
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    given, parts = parser.parse_args(), {"table": table, "lost": lost}
    if unknown := set(given.parts) - set(parts):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(parts)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exit ends the processes that were started
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_shards(folder)
        for part in given.parts or parts:
            parts[part](folder, folder, given.network)


if __name__ == "__main__":
    main()
