"""Train on several machines, or in several processes of one; docs/distributed.md explains it.

    python distributed.py SHARDS OUTPUT --address HOST:PORT --processes 2 --process 0

SHARDS is a folder of ``lprnet synthesize``; each machine needs a copy of it. HOST is the machine of process 0, PORT a
free one there. Start all processes: they wait for each other. If one is lost, the others stop. Start all of them again
with the same commands: they go on from the checkpoint in the OUTPUT of process 0.
"""

import argparse
import os
import time
import traceback
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
import jax
import numpy as np


def network():
    """What is trained."""
    from lprnet_utils.networks import lprnet_lite

    return lprnet_lite()


def connect(given: argparse.Namespace) -> None:
    """Wait for the other processes, and let Keras train with all of them."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # how CPUs talk; GPUs have their own way
    jax.distributed.initialize(given.address, given.processes, given.process, heartbeat_timeout_seconds=given.timeout)
    import keras  # not earlier: it starts JAX

    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    keras.utils.set_random_seed(0)


def restore(variables: list, checkpoint: Path) -> int:
    """Give all processes the checkpoint of process 0, or its first weights, and return how many batches are done."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    from lprnet_utils.common.files import read_checked

    state = [np.int32(0), *(v.numpy() for v in variables)]
    if jax.process_index() == 0 and checkpoint.exists():
        saved = read_checked(checkpoint)
        state = [saved[str(k)] for k in range(len(state))]
    done, *values = broadcast_one_to_all(state)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return int(done)


def train(given: argparse.Namespace) -> None:
    """Train from the checkpoint on, and write checkpoints and the last weights."""
    from lprnet_utils import UVLayout
    from lprnet_utils.common.files import write_checked
    from lprnet_utils.datasets import Shards
    from lprnet_utils.training import Batches, TrainingConfig, map_loss
    from lprnet_utils.training.batches import prefetch

    given.output.mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(samples=given.samples, batch_size=given.batch_size)
    batches = Batches(Shards(given.shards), config, given.process, given.processes)
    model = network()
    model.compile("adam", map_loss(UVLayout(128), landmark_weight=6.0))
    model.optimizer.build(model.trainable_variables)
    variables, checkpoint = [*model.variables, *model.optimizer.variables], given.output / "checkpoint.bin"
    first = restore(variables, checkpoint)
    print(f"process {given.process} begins at batch {first} of {len(batches)}", flush=True)
    losses, times = [], []
    for done, batch in enumerate(prefetch(batches.__getitem__, range(first, len(batches)), workers=1), first + 1):
        losses.append(model.train_on_batch(*batch))
        times.append(time.perf_counter())
        if done % given.checkpoint_every and done < len(batches):
            continue
        if given.process == 0:
            state = [np.int32(done), *(v.numpy() for v in variables)]
            write_checked(checkpoint, {str(k): values for k, values in enumerate(state)})
        seconds = (times[-1] - times[0]) / max(len(times) - 1, 1)  # without the first one, which compiles the network
        speed = f", {given.batch_size / seconds:.2f} photos a second" if seconds else ""
        loss = np.mean(losses[-given.checkpoint_every :])
        print(f"process {given.process}: {done} batches, loss {loss:.8g}{speed}", flush=True)
    model.save_weights(given.output / f"process-{given.process}.weights.h5")


def main() -> None:
    """Read the command line, connect and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("shards", type=Path)
    add("output", type=Path)
    add("--address", required=True, metavar="HOST:PORT", help="of process 0")
    add("--processes", type=int, required=True, help="how many there are")
    add("--process", type=int, required=True, help="the number of this one, from 0")
    add("--samples", type=int, default=51_200)
    add("--batch-size", type=int, default=16, help="of all processes together")
    add("--checkpoint-every", type=int, default=200, metavar="BATCHES")
    add("--timeout", type=int, default=60, help="seconds of silence after which a process counts as lost")
    given = parser.parse_args()
    connect(given)
    try:
        train(given)
    except Exception as error:  # what JAX raises depends on what it was doing
        traceback.print_exc()
        print(f"process {given.process} stops: {str(error).splitlines()[0]}", flush=True)
        print("If another process was lost, start all of them again with the same commands.", flush=True)
        os._exit(1)  # Python's own end would wait for the others


if __name__ == "__main__":
    main()
