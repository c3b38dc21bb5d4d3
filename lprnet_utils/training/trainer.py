"""Training: loss, batches, and a loop that survives being killed. Pure Keras 3, any backend."""

from __future__ import annotations

import csv
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..common.arrays import Array
from ..common.files import CheckpointError, load_checkpoint, remove_unfinished, save_checkpoint, whole_file
from ..datasets.sources import Source
from ..evaluation.metrics import landmark_nme
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, warp_image
from ..uv.encoding import decode_map, fraction_outside
from ..uv.layout import UVLayout
from .batches import make_batch
from .losses import map_loss
from .optimizer import Muon, learning_rate
from .recipes import TrainingConfig


def landmark_errors(model: keras.Model, source: Source, layout: UVLayout, batch: int = 32) -> list[float]:
    """2D NME in % of the 68 landmarks of each photo of a source, one pass, crops around its labelled boxes."""
    errors = []
    for start in range(0, len(source), batch):
        indices = range(start, min(start + batch, len(source)))
        matrices = [crop_matrix(source.box(i), layout.size) for i in indices]
        crops = np.stack([warp_image(source.image(i), m, layout.size) for i, m in zip(indices, matrices, strict=True)])
        codes = np.asarray(model.predict_on_batch(crops.astype(np.float32) / 255))
        for i, matrix, code in zip(indices, matrices, codes, strict=True):
            points = transform_points(invert_similarity(matrix), layout.landmarks(decode_map(code)))
            errors.append(landmark_nme(points, source.landmarks(i)))
    return errors


def validate(model: keras.Model, source: Source, layout: UVLayout) -> float:
    """Mean of :func:`landmark_errors`."""
    return float(np.mean(landmark_errors(model, source, layout)))


class Trainer:
    """A training run in a folder: config, checkpoint, log and best weights. Killed, it goes on where it was.

    Parameters
    ----------
    model : keras.Model
    config : TrainingConfig
    folder : path
        Gets ``checkpoint.bin`` (and the one before), ``log.csv``, ``best.weights.h5``, ``last.weights.h5``.
        The log's ``outside`` is the share of maps that the encoding could not hold.
    tensorboard : bool
        Write the log for TensorBoard too, into ``tensorboard/``.
    origin : dict, optional
        What it learns from and began with, to be told to those who get the weights: kept in the checkpoint.

    Raises
    ------
    CheckpointError
        If the folder holds a run with another recipe or network, or its checkpoints are damaged.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainingConfig,
        folder: str | Path,
        tensorboard: bool = False,
        origin: dict[str, Any] | None = None,
    ):
        self.model, self.config, self.folder = model, config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(self.folder)
        self.layout = UVLayout(model.output_shape[1])
        kind = {"adam": keras.optimizers.Adam, "muon": Muon}[config.optimizer]
        optimizer = kind(config.learning_rate, global_clipnorm=config.gradient_norm or None)
        terms = config.landmark_weight, config.similarity_weight, config.edge_weight, config.gap_weight
        loss = map_loss(self.layout, config.loss, *terms)
        model.compile(optimizer=optimizer, loss=loss, jit_compile=keras.backend.backend() == "jax")
        self.optimizer = model.optimizer  # half precision wraps it, to scale the loss
        self.optimizer.build(model.trainable_variables)
        self._board = None
        if tensorboard:
            from tensorboard.summary import Writer

            self._board = Writer(str(self.folder / "tensorboard"))
        self.step, self.best, self.origin = 0, float("inf"), origin
        self._photos: list[int] | None = None  # how many there are to train on, and held out
        self._since: dict[str, list[float]] = {"losses": [], "outside": []}  # of the steps since the last log
        self.average = [np.array(w) for w in model.get_weights()]
        self._resume()

    @property
    def sample(self) -> int:
        """Samples seen so far."""
        return self.step * self.config.batch_size

    def _state(self) -> dict[str, Array]:
        arrays = {f"weight_{k}": np.asarray(w) for k, w in enumerate(self.model.get_weights())}
        arrays |= {f"average_{k}": w for k, w in enumerate(self.average)}
        return arrays | {f"optimizer_{k}": ops.convert_to_numpy(v) for k, v in enumerate(self.optimizer.variables)}

    def save(self) -> None:
        """Write the checkpoint."""
        info = {"step": self.step, "best": self.best, "config": asdict(self.config), "since": self._since}
        info |= {"photos": self._photos, "origin": self.origin}
        save_checkpoint(self.folder / "checkpoint.bin", self._state(), info)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.bin"
        previous = path.with_name(path.name + ".previous")
        if not path.exists() and not previous.exists():
            self._keep_log(0)
            return
        try:
            arrays, info = load_checkpoint(path)
        except CheckpointError as error:
            if not previous.exists():
                raise
            print(f"{error}; going on from the one before it")
            arrays, info = load_checkpoint(previous)
            if path.exists():  # out of the way, or the next one written would push it into the place of the good one
                os.replace(path, path.with_name(path.name + ".damaged"))
        before = asdict(TrainingConfig()) | info["config"]  # it may be older than a setting
        if changed := sorted(k for k, v in asdict(self.config).items() if before[k] != v):
            raise CheckpointError(
                f"{self.folder} holds a run with another recipe (differs in {', '.join(changed)}); "
                "give another folder, or remove this one"
            )
        state = self._state()
        if {n: a.shape for n, a in arrays.items()} != {n: a.shape for n, a in state.items()}:
            raise CheckpointError(f"{path} holds another network's weights, {len(arrays)} arrays, not {len(state)}")
        count = len(self.model.get_weights())
        self.model.set_weights([arrays[f"weight_{k}"] for k in range(count)])
        self.average = [arrays[f"average_{k}"] for k in range(count)]
        for k, variable in enumerate(self.optimizer.variables):
            variable.assign(arrays[f"optimizer_{k}"])
        self.step, self.best = info["step"], info["best"]
        self._since = info.get("since", self._since)
        self._photos, self.origin = info.get("photos"), info.get("origin")
        self._keep_log(self.sample)

    def _keep_log(self, sample: int) -> None:
        """Leave of the log what is no later than a checkpoint's sample: the rest will be logged again."""
        path = self.folder / "log.csv"
        if not path.exists():
            return
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(float(row["sample"])) <= sample]
        if not rows:
            path.unlink()
            return
        with whole_file(path) as part:
            part.unlink()
            for row in rows:
                self._log(row, part)

    def _log(self, row: dict[str, Any], path: Path | None = None) -> None:
        path = path or self.folder / "log.csv"
        new = not path.exists()
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["sample", "loss", "learning_rate", "images_per_second", "nme", "outside"])
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})

    def _show(self, row: dict[str, float]) -> None:
        """The row for TensorBoard, and written out at once."""
        if self._board:
            for name, value in row.items():
                if name != "sample":
                    self._board.add_scalar(name, float(value), step=int(row["sample"]))
            self._board.flush()

    def _evaluate(self, validation: Source) -> float:
        """NME of the averaged weights; they are saved, and kept as the best if they are."""
        own = self.model.get_weights()
        self.model.set_weights(self.average)
        error = validate(self.model, validation, self.layout)
        last = self.folder / "last.weights.h5"
        with whole_file(last) as part:
            self.model.save_weights(part)
        if error < self.best:
            self.best = error
            with whole_file(self.folder / "best.weights.h5") as part:
                shutil.copyfile(last, part)
        self.model.set_weights(own)
        return error

    def run(self, source: Source, validation: Source, workers: int = 2, stop_after: int | None = None) -> float:
        """Train to the end of the recipe; returns the best validation NME.

        Parameters
        ----------
        source, validation : Source
        workers : int
            Threads that make batches ahead.
        stop_after : int, optional
            Stop, with a checkpoint, after so many steps of this call.

        Raises
        ------
        CheckpointError
            If the run began with another number of photos: its batches, and what it chose by, would not be the same.
        """
        import cv2
        from tqdm import tqdm

        photos = [len(source), len(validation)]
        if self._photos is not None and self._photos != photos:
            raise CheckpointError(
                f"{self.folder} holds a run on {self._photos[0]} photos and {self._photos[1]} held out, not "
                f"{photos[0]} and {photos[1]}: give it the same again, or another folder to a new run"
            )
        self._photos = photos
        cv2.setNumThreads(1)  # the batches are made in threads of their own

        config = self.config
        steps = -(-config.samples // config.batch_size)
        last = steps if stop_after is None else min(steps, self.step + stop_after)
        every = {k: max(getattr(config, f"{k}_every") // config.batch_size, 1) for k in ("checkpoint", "validate")}
        counted, since = 0, time.perf_counter()
        bar = tqdm(total=config.samples, initial=self.sample, unit="img", smoothing=0.02, mininterval=5)
        with ThreadPoolExecutor(workers) as pool:
            ahead = [pool.submit(make_batch, source, config, k) for k in range(self.step, min(self.step + 4, last))]
            while self.step < last:
                x, y = ahead.pop(0).result()
                if self.step + 4 < last:
                    ahead.append(pool.submit(make_batch, source, config, self.step + 4))
                rate = learning_rate(config, self.sample)
                self.optimizer.learning_rate = rate
                loss = float(self.model.train_on_batch(x, y))
                if not np.isfinite(loss):
                    raise RuntimeError(f"the loss is {loss} at step {self.step}: lower the learning rate")
                losses, outside = self._since.values()
                losses.append(loss)
                outside.append(fraction_outside(y))
                self.step += 1
                counted += 1
                # early in the run a long average would mostly hold the random start
                momentum = min(config.average, (1 + self.step) / (10 + self.step))
                for a, w in zip(self.average, self.model.get_weights(), strict=True):
                    a *= momentum
                    a += (1 - momentum) * w
                bar.update(config.batch_size)
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
                if self.step % every["validate"] == 0 or self.step == steps:
                    speed = counted * config.batch_size / (time.perf_counter() - since)
                    error = self._evaluate(validation)
                    row = {"sample": self.sample, "loss": np.mean(losses), "learning_rate": rate}
                    row |= {"images_per_second": speed, "nme": error, "outside": np.mean(outside)}
                    self._log(row)
                    self._show(row)
                    bar.write(f"{self.sample} samples: loss {np.mean(losses):.3f}, held-out NME {error:.3f} %")
                    self._since = {"losses": [], "outside": []}
                    counted, since = 0, time.perf_counter()
                if self.step % every["checkpoint"] == 0 or self.step == last:
                    self.save()
        bar.close()
        return self.best
