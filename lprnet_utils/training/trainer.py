"""The training loop, which survives being killed. Pure Keras 3 for any backend."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..common.arrays import Array
from ..common.files import (
    CheckpointError,
    atomic_write,
    load_checkpoint,
    make_folder,
    only_process,
    remove_unfinished,
    save_checkpoint,
    temporary_folder,
)
from ..datasets.shard_stream import ShardStream
from ..datasets.sources import Source
from .batches import prefetch
from .compiled import explain_full_memory
from .optimizer import Muon, learning_rate
from .plan import sources_of
from .recipes import TrainingConfig
from .tasks import MapTask, Task
from .training_log import TrainingLog, duration

SECONDS_TO_TELL = 10  # after which the run says how long it will take
FETCH_EVERY = 50  # steps, after which losses are fetched from a device


class Trainer:
    """A training run in a folder. A run that was killed resumes from its last checkpoint.

    Parameters
    ----------
    model : keras.Model, config : TrainingConfig
    folder : path
        Gets ``checkpoint.bin`` and the checkpoint before it, ``log.csv``, ``best.weights.h5`` and ``last.weights.h5``.
        The column ``outside`` of the log is the share of maps that the encoding cannot hold.
    tensorboard : bool
        Write the log for TensorBoard too, into ``tensorboard/``.
    origin : dict, optional
        Training data and initial weights of the run. The checkpoint keeps it for the description of the weights.
    on_device : bool
        Keep the photos in the memory of the accelerator and make the batches there.
    task : Task, optional
        What the network learns; by default maps, see :class:`lprnet_utils.training.tasks.MapTask`.

    Attributes
    ----------
    step : int
        Steps done so far.
    best : float
        Lowest error on held-out photos in %.

    Raises
    ------
    CheckpointError
        If the folder holds a run with another recipe or network, or its checkpoints are damaged.
    InUseError
        If another process trains in this folder.
    """

    def __init__(
        self, model: keras.Model, config: TrainingConfig, folder: str | Path, tensorboard: bool = False,
        origin: dict[str, Any] | None = None, on_device: bool = False, task: Task | None = None,
    ):  # fmt: skip
        self.on_device = on_device
        self.model, self.config, self.folder = model, config, Path(folder)
        make_folder(self.folder)
        self.task = task or MapTask(model.output_shape[1], config)
        optimizer_class = {"adam": keras.optimizers.Adam, "muon": Muon}[config.optimizer]
        optimizer = optimizer_class(config.learning_rate, global_clipnorm=config.gradient_norm or None)
        loss = self.task.loss()
        model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        self.optimizer = model.optimizer  # half precision wraps the optimizer to scale the loss
        self.optimizer.build(model.trainable_variables)
        self.step, self.best, self.origin = 0, float("inf"), origin
        self._average, self._step_on_torch = [np.array(w) for w in model.get_weights()], None
        if on_device and keras.backend.backend() == "torch" and type(self.optimizer) is optimizer_class:
            from .torch_step import TorchStep

            self._step_on_torch = TorchStep(model, loss)
            self._average = self._step_on_torch.average
        self._photo_counts: list[int] | None = None  # to train on, and held out
        self._since_log: dict[str, list[float]] = {"losses": [], "outside": []}  # since the last line of the log
        with only_process(self.folder):
            remove_unfinished(self.folder)
            self.log = TrainingLog(self.folder, tensorboard)
            self._resume()
            self._stamp = self._checkpoint_stamp()  # of the checkpoint that this object goes on from

    @property
    def average(self) -> list[Array]:
        """Running average of the weights. It is validated and saved; the optimizer does not see it."""
        return [np.asarray(ops.convert_to_numpy(a)) for a in self._average]

    @property
    def sample(self) -> int:
        """Samples seen so far."""
        return self.step * self.config.batch_size

    def run(self, source: Source, validation: Source, workers: int = 2, stop_after: int | None = None) -> float:
        """Train to the end of the recipe, and return the best error on held-out photos in %: of maps, the NME.

        Parameters
        ----------
        source, validation : Source
            Photos to train on and held-out photos.
        workers : int
            Threads that make batches ahead.
        stop_after : int, optional
            Stop after this number of steps, with a checkpoint.

        Raises
        ------
        CheckpointError
            If the run began with another number of photos: its batches and validation errors would not be comparable.
            If another process has gone on with the run since this object was made.
        InUseError
            If another process trains in this folder.
        RuntimeError
            If the loss is not finite, or the device's memory is full.
        """
        import cv2
        from tqdm import tqdm

        self._check_photos(source, validation)
        cv2.setNumThreads(1)  # the batches are made in several threads already
        config = self.config
        steps = -(-config.samples // config.batch_size)
        last = steps if stop_after is None else min(steps, self.step + stop_after)
        steps_per_checkpoint = max(config.checkpoint_every // config.batch_size, 1)
        steps_per_validation = max(config.validate_every // config.batch_size, 1)
        losses, outside = self._since_log["losses"], self._since_log["outside"]
        waiting: list[Any] = []  # losses that are still on the device
        log_step, log_time = self.step, time.perf_counter()  # of the last log in this call
        make = partial(self.task.make_batch, source)
        if self.on_device:
            from .device import DeviceMixture

            with explain_full_memory():
                make, workers = DeviceMixture(source, config, self.model.output_shape[1]), 1
        batches = prefetch(make, range(self.step, last), workers)
        bar = partial(tqdm, total=config.samples, unit="img", smoothing=0.02, mininterval=5)
        begun: tuple[int, float] | None = None
        told = False
        with only_process(self.folder), closing(batches), explain_full_memory(), bar(initial=self.sample) as progress:
            self._check_unchanged()
            for crops, codes in batches:  # (B, N, N, 3) in 0 to 1, and (B, N, N, 3) encoded maps
                # 1. the learning rate of this step
                rate = learning_rate(config, self.sample)

                # 2. the prediction (B, N, N, 3), the loss and its gradients; they update the weights and their average
                waiting.append(self._train(crops, codes, rate))
                self.step += 1

                # 3. statistics for the log and the progress bar; from a device they are fetched at some steps only
                validates = self.step % steps_per_validation == 0 or self.step == steps
                saves = self.step % steps_per_checkpoint == 0 or self.step == last
                if not self.on_device or self.step % FETCH_EVERY == 0 or validates or saves:
                    losses.extend(self._finite(waiting))
                    waiting.clear()
                    outside.append(self.task.outside(codes))
                    progress.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
                progress.update(config.batch_size)
                if begun is None:
                    begun = self.step, time.perf_counter()  # without the first step, in which functions are compiled
                elif not told and time.perf_counter() - begun[1] > SECONDS_TO_TELL:
                    seconds, told = (time.perf_counter() - begun[1]) / (self.step - begun[0]), True  # a step
                    left = duration((last - self.step) * seconds)
                    progress.write(f"{config.batch_size / seconds:.0f} images a second: {left} to go")

                # 4. validation, and a line of the log
                if validates:
                    speed = (self.step - log_step) * config.batch_size / (time.perf_counter() - log_time)
                    row = {"learning_rate": rate, "images_per_second": speed, "nme": self._validate(validation)}
                    progress.write(self._log(row))
                    log_step, log_time = self.step, time.perf_counter()

                # 5. a checkpoint
                if saves:
                    self.save()
        return self.best

    def _log(self, row: dict[str, float]) -> str:
        """Write a line of the log, with means since the last one; returns it in words."""
        losses, outside = self._since_log["losses"], self._since_log["outside"]
        row |= {"sample": self.sample, "loss": float(np.mean(losses)), "outside": float(np.mean(outside))}
        self.log.append(row)
        losses.clear()
        outside.clear()
        return f"{self.sample} samples: loss {row['loss']:.3f}, held-out {self.task.error_name} {row['nme']:.3f} %"

    def save(self) -> None:
        """Write the checkpoint. RuntimeError if a weight is not finite: the one before is kept."""
        info = {"step": self.step, "best": self.best, "config": asdict(self.config), "since": self._since_log}
        info |= {"photos": self._photo_counts, "origin": self.origin}
        if self._step_on_torch:  # it counts for itself
            self.optimizer.iterations.assign(self.step)
        arrays = self._state()
        self._check_finite(arrays.values())
        save_checkpoint(self.folder / "checkpoint.bin", arrays, info)
        self._stamp = self._checkpoint_stamp()

    def _checkpoint_stamp(self) -> int | None:
        """The time of the checkpoint in the folder, which tells it from others; None without one."""
        path = self.folder / "checkpoint.bin"
        return path.stat().st_mtime_ns if path.exists() else None

    def _check_unchanged(self) -> None:
        if self._checkpoint_stamp() != self._stamp:
            raise CheckpointError(f"another process has gone on with the run in {self.folder}: run the command again")

    def _check_photos(self, source: Source, validation: Source) -> None:
        # a stream may grow, and is not counted
        count = sum(len(s) for s in sources_of(source) if not isinstance(s, ShardStream))
        before, counts = self._photo_counts, [count, len(validation)]
        if before is not None and (before[0] == 0) != (count == 0):
            how = "with" if before[0] == 0 else "without"
            raise CheckpointError(f"{self.folder} holds a run that began {how} --stream: go on with it in the same way")
        if before is not None and before != counts:
            raise CheckpointError(
                f"{self.folder} holds a run on other photos: {before[0]} to train on and {before[1]} held out, not "
                f"{counts[0]} and {counts[1]}. Give it the same photos again, or start a new run in another folder"
            )
        self._photo_counts = counts

    def _train(self, crops: Any, codes: Any, rate: float) -> Any:
        """One step of the optimizer and of the average; the loss, perhaps on the device."""
        # early in the run, a long average would consist mostly of the random initial weights
        momentum = min(self.config.average, (2 + self.step) / (11 + self.step))
        if self._step_on_torch:
            return self._step_on_torch(crops, codes, rate, momentum, self.step)
        self.optimizer.learning_rate = rate
        loss = self.model.train_on_batch(crops, codes)
        for average, weight in zip(self._average, self.model.get_weights(), strict=True):
            average *= momentum
            average += (1 - momentum) * weight
        return loss

    def _finite(self, losses: list[Any]) -> list[float]:
        """Losses as numbers. RuntimeError if one is not finite."""
        values = [float(loss) for loss in losses]
        for k, value in enumerate(values):
            if not np.isfinite(value):
                step = self.step - len(values) + k
                raise RuntimeError(f"the loss is {value} at step {step}: lower the learning rate; {self._kept()}")
        return values

    def _check_finite(self, arrays: Iterable[Array]) -> None:
        if not all(np.isfinite(array).all() for array in arrays):
            raise RuntimeError(
                f"weights are not finite after step {self.step}: lower the learning rate; {self._kept()}"
            )

    def _kept(self) -> str:
        return "the last good checkpoint is kept" if self._stamp else "there is no checkpoint yet"

    def _validate(self, validation: Source) -> float:
        """Held-out error of the averaged weights, which become ``last.weights.h5`` and perhaps ``best.weights.h5``."""
        average, trained = self.average, self.model.get_weights()
        self._check_finite(average)
        self.model.set_weights(average)
        error = self.task.error(self.model, validation)
        last = self.folder / "last.weights.h5"
        save_weights(self.model, last)
        if error < self.best:
            self.best = error
            with atomic_write(self.folder / "best.weights.h5") as part:
                shutil.copyfile(last, part)
        self.model.set_weights(trained)
        return error

    def _state(self) -> dict[str, Array]:
        """The arrays of a checkpoint: weights, their running average, and the optimizer's variables."""
        arrays = {f"weight_{k}": np.asarray(w) for k, w in enumerate(self.model.get_weights())}
        arrays |= {f"average_{k}": w for k, w in enumerate(self.average)}
        return arrays | {f"optimizer_{k}": ops.convert_to_numpy(v) for k, v in enumerate(self.optimizer.variables)}

    def _resume(self) -> None:
        """Continue from the checkpoint in the folder, if there is one."""
        path = self.folder / "checkpoint.bin"
        if checkpoint := _load_newest_checkpoint(path):
            arrays, info = checkpoint
            self._check_recipe(info["config"])
            state = self._state()
            if {n: a.shape for n, a in arrays.items()} != {n: a.shape for n, a in state.items()}:
                raise CheckpointError(f"{path} holds another network's weights, {len(arrays)} arrays, not {len(state)}")
            count = len(self._average)
            self.model.set_weights([arrays[f"weight_{k}"] for k in range(count)])
            for k, average in enumerate(self._average):
                array = arrays[f"average_{k}"]
                average[...] = ops.convert_to_tensor(array) if self._step_on_torch else array
            for k, variable in enumerate(self.optimizer.variables):
                variable.assign(arrays[f"optimizer_{k}"])
            self.step, self.best = info["step"], info["best"]
            self._since_log = info.get("since", self._since_log)
            self._photo_counts, self.origin = info.get("photos"), info.get("origin")
        self.log.truncate(self.sample)

    def _check_recipe(self, saved: dict[str, Any]) -> None:
        before = asdict(TrainingConfig()) | saved  # an old checkpoint may lack newer settings
        if changed := sorted(k for k, v in asdict(self.config).items() if before[k] != v):
            raise CheckpointError(
                f"{self.folder} holds a run with another recipe (differs in {', '.join(changed)}); "
                "give another folder, or remove this one"
            )


def _load_newest_checkpoint(path: Path) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """Arrays and info of the checkpoint at a path, or of the one before it if that is damaged; None without any."""
    previous = path.with_name(path.name + ".previous")
    if not path.exists() and not previous.exists():
        return None
    try:
        return load_checkpoint(path)
    except CheckpointError as error:
        if not previous.exists():
            raise
        print(f"{error}; going on from the one before it")
    checkpoint = load_checkpoint(previous)
    if path.exists():  # move it away, or the next checkpoint would replace the good one with it
        os.replace(path, path.with_name(path.name + ".damaged"))
    return checkpoint


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of a network, ``.weights.h5``; the file is complete or absent."""
    with temporary_folder(path.parent) as folder:  # HDF5 would not write into a file that atomic_write has locked
        model.save_weights(folder / path.name)
        os.replace(folder / path.name, path)
