"""The training loop, which survives being killed. Pure Keras 3 for any backend."""

from __future__ import annotations

import csv
import os
import shutil
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TextIO

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
from ..datasets.sources import Source
from ..evaluation.metrics import landmark_nme
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, warp_image
from ..uv.encoding import decode_map, fraction_outside
from ..uv.layout import UVLayout
from .batches import make_batch, prefetch
from .losses import map_loss
from .optimizer import Muon, learning_rate
from .recipes import TrainingConfig

COLUMNS = ("sample", "loss", "learning_rate", "images_per_second", "nme", "outside")
VALIDATION_BATCH = 32
OUTSIDE_EVERY = 50  # steps, between two maps from a device that are looked at


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

    Attributes
    ----------
    step : int
        Steps done so far.
    best : float
        Lowest validation NME in %.
    average : list of arrays
        Running average of the weights. It is validated and saved; the optimizer does not see it.

    Raises
    ------
    CheckpointError
        If the folder holds a run with another recipe or network, or its checkpoints are damaged.
    InUseError
        If another process trains in this folder.
    """

    def __init__(
        self, model: keras.Model, config: TrainingConfig, folder: str | Path, tensorboard: bool = False,
        origin: dict[str, Any] | None = None, on_device: bool = False,
    ):  # fmt: skip
        self.on_device = on_device
        self.model, self.config, self.folder = model, config, Path(folder)
        make_folder(self.folder)
        self.layout = UVLayout(model.output_shape[1])
        optimizer_class = {"adam": keras.optimizers.Adam, "muon": Muon}[config.optimizer]
        optimizer = optimizer_class(config.learning_rate, global_clipnorm=config.gradient_norm or None)
        terms = config.landmark_weight, config.similarity_weight, config.edge_weight, config.gap_weight
        terms += (config.shape_weight,)
        loss = map_loss(self.layout, config.loss, *terms)
        model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        self.optimizer = model.optimizer  # half precision wraps the optimizer to scale the loss
        self.optimizer.build(model.trainable_variables)
        self.step, self.best, self.origin = 0, float("inf"), origin
        self.average = [np.array(w) for w in model.get_weights()]
        self._photo_counts: list[int] | None = None  # to train on, and held out
        self._since_log: dict[str, list[float]] = {"losses": [], "outside": []}  # one value per step since the last log
        with only_process(self.folder):
            remove_unfinished(self.folder)
            self.log = TrainingLog(self.folder, tensorboard)
            self._resume()
            self._stamp = self._checkpoint_stamp()  # of the checkpoint that this object goes on from

    @property
    def sample(self) -> int:
        """Samples seen so far."""
        return self.step * self.config.batch_size

    def run(self, source: Source, validation: Source, workers: int = 2, stop_after: int | None = None) -> float:
        """Train to the end of the recipe, and return the best validation NME in %.

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
            If the loss is not finite.
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
        log_step, log_time = self.step, time.perf_counter()  # of the last log in this call
        make = partial(make_batch, source, config)
        if self.on_device:
            from .device import DeviceMixture

            make, workers = DeviceMixture(source, config, self.layout.size), 1
        batches = prefetch(make, range(self.step, last), workers)
        bar = partial(tqdm, total=config.samples, unit="img", smoothing=0.02, mininterval=5)
        with only_process(self.folder), closing(batches), bar(initial=self.sample) as progress:
            self._check_unchanged()
            for crops, codes in batches:  # (B, N, N, 3) in 0 to 1, and (B, N, N, 3) encoded maps
                # 1. the learning rate of this step
                rate = learning_rate(config, self.sample)
                self.optimizer.learning_rate = rate

                # 2. Keras computes the prediction (B, N, N, 3), the loss and its gradients, and updates the weights
                loss = float(self.model.train_on_batch(crops, codes))
                if not np.isfinite(loss):
                    raise RuntimeError(f"the loss is {loss} at step {self.step}: lower the learning rate")
                self.step += 1

                # 3. the running average of the weights
                self._update_average()

                # 4. statistics for the log and the progress bar
                losses.append(loss)
                if not self.on_device or self.step % OUTSIDE_EVERY == 0:  # from there it would have to be fetched
                    outside.append(fraction_outside(ops.convert_to_numpy(codes)))
                progress.update(config.batch_size)
                progress.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)

                # 5. validation, and a line of the log
                if self.step % steps_per_validation == 0 or self.step == steps:
                    speed = (self.step - log_step) * config.batch_size / (time.perf_counter() - log_time)
                    error, mean_loss = self._validate(validation), np.mean(losses)
                    row = {"sample": self.sample, "loss": mean_loss, "learning_rate": rate}
                    row |= {"images_per_second": speed, "nme": error, "outside": np.mean(outside or [0.0])}
                    self.log.append(row)
                    progress.write(f"{self.sample} samples: loss {mean_loss:.3f}, held-out NME {error:.3f} %")
                    losses.clear()
                    outside.clear()
                    log_step, log_time = self.step, time.perf_counter()

                # 6. a checkpoint
                if self.step % steps_per_checkpoint == 0 or self.step == last:
                    self.save()
        return self.best

    def save(self) -> None:
        """Write the checkpoint."""
        info = {"step": self.step, "best": self.best, "config": asdict(self.config), "since": self._since_log}
        info |= {"photos": self._photo_counts, "origin": self.origin}
        save_checkpoint(self.folder / "checkpoint.bin", self._state(), info)
        self._stamp = self._checkpoint_stamp()

    def _checkpoint_stamp(self) -> int | None:
        """The time of the checkpoint in the folder, which tells it from others; None without one."""
        path = self.folder / "checkpoint.bin"
        return path.stat().st_mtime_ns if path.exists() else None

    def _check_unchanged(self) -> None:
        if self._checkpoint_stamp() != self._stamp:
            raise CheckpointError(f"another process has gone on with the run in {self.folder}: run the command again")

    def _check_photos(self, source: Source, validation: Source) -> None:
        before, counts = self._photo_counts, [len(source), len(validation)]
        if before is not None and before != counts:
            raise CheckpointError(
                f"{self.folder} holds a run on other photos: {before[0]} to train on and {before[1]} held out, not "
                f"{counts[0]} and {counts[1]}. Give it the same photos again, or start a new run in another folder"
            )
        self._photo_counts = counts

    def _update_average(self) -> None:
        # early in the run, a long average would consist mostly of the random initial weights
        momentum = min(self.config.average, (1 + self.step) / (10 + self.step))
        for average, weight in zip(self.average, self.model.get_weights(), strict=True):
            average *= momentum
            average += (1 - momentum) * weight

    def _validate(self, validation: Source) -> float:
        """Validation NME of the averaged weights, which become ``last.weights.h5`` and perhaps ``best.weights.h5``."""
        trained = self.model.get_weights()
        self.model.set_weights(self.average)
        error = mean_nme(self.model, validation, self.layout)
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
            count = len(self.average)
            self.model.set_weights([arrays[f"weight_{k}"] for k in range(count)])
            self.average = [arrays[f"average_{k}"] for k in range(count)]
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


class TrainingLog:
    """``log.csv`` in the folder of a run. With ``tensorboard``, the values also go into its folder ``tensorboard``."""

    def __init__(self, folder: Path, tensorboard: bool = False):
        self.path = folder / "log.csv"
        self._board = None
        if tensorboard:
            from tensorboard.summary import Writer

            self._board = Writer(str(folder / "tensorboard"))

    def append(self, row: dict[str, Any]) -> None:
        """Add a line with the values of some or all ``COLUMNS``, and flush it for TensorBoard."""
        new = not self.path.exists()
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            _write_rows(file, [row], header=new)
        if self._board:
            for name, value in row.items():
                if name != "sample":
                    self._board.add_scalar(name, float(value), step=int(row["sample"]))
            self._board.flush()

    def truncate(self, sample: int) -> None:
        """Drop the lines after this sample: a run that resumes from a checkpoint logs them again."""
        if not self.path.exists():
            return
        with open(self.path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(float(row["sample"])) <= sample]
        if not rows:
            self.path.unlink()
            return
        with atomic_write(self.path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            _write_rows(file, rows, header=True)


def _write_rows(file: TextIO, rows: list[dict[str, Any]], header: bool) -> None:
    writer = csv.DictWriter(file, COLUMNS)
    if header:
        writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)


def nme_per_photo(model: keras.Model, source: Source, layout: UVLayout) -> list[float]:
    """2D NME in % of the 68 landmarks of each photo, from one pass over a crop around the labelled box."""
    errors = []
    for start in range(0, len(source), VALIDATION_BATCH):
        indices = range(start, min(start + VALIDATION_BATCH, len(source)))
        matrices = [crop_matrix(source.box(i), layout.size) for i in indices]
        crops = np.stack([warp_image(source.image(i), m, layout.size) for i, m in zip(indices, matrices, strict=True)])
        codes = np.asarray(model.predict_on_batch(crops.astype(np.float32) / 255))  # (B, N, N, 3)
        for i, matrix, code in zip(indices, matrices, codes, strict=True):
            points = transform_points(invert_similarity(matrix), layout.landmarks(decode_map(code)))
            errors.append(landmark_nme(points, source.landmarks(i)))
    return errors


def mean_nme(model: keras.Model, source: Source, layout: UVLayout) -> float:
    """Mean 2D NME, in %, of a network on held-out photos with labelled landmarks; the layout has the network's size."""
    return float(np.mean(nme_per_photo(model, source, layout)))
