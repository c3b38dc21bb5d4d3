"""Training of the network that tells how far a head leans, on rendered faces alone or with real ones among them.

A network that has seen heads at every angle finds landmarks on those that lie on their side twice as badly as on
upright ones: its work is better spent on one angle. :func:`lprnet_utils.networks.head_angle_network` says by which
angle a crop is to be turned, for a hundredth of the cost. It looks at 32 x 32 pixels, so thumbnails do, and millions of
samples take ten minutes on two cores.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..datasets.aflw import AFLWTrain
from ..datasets.shards import Shards
from ..geometry.crop import CROP
from ..networks.lite import head_angle_network
from ..uv.layout import UVLayout
from .optimizer import Muon

BATCH = 256
SIDE, THUMBNAIL = 32, 64  # pixels that the network looks at, and that are kept of each picture
REAL = 0.7  # share of real photos, where there are some
WARMUP, LEARNING_RATE = 300, 8e-3  # steps
AHEAD = 4  # batches that are made while one is learned


class Thumbnails:
    """Small pictures, the landmarks in each, and where up is.

    Parameters
    ----------
    source : Shards or AFLWTrain
    rows : (n,) int
        Which of its pictures.
    """

    def __init__(self, source: Any, rows: NDArray[np.intp]):
        self.pictures = np.empty((len(rows), THUMBNAIL, THUMBNAIL, 3), np.uint8)
        self.landmarks = np.empty((len(rows), 68, 2))
        for k, i in enumerate(rows):
            image = source.image(i)
            shrink = THUMBNAIL / image.shape[0]
            small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
            self.pictures[k] = cv2.GaussianBlur(small, (0, 0), 0.6)  # it will be halved again
            points = source.landmarks(i) if callable(source.landmarks) else source.landmarks[i]
            self.landmarks[k] = (points[:, :2] + 0.5) * shrink - 0.5
        layout = UVLayout()
        mean = layout.landmarks(layout.mean_map).astype(float)
        mean -= mean.mean(0)
        axis = np.einsum("l,nld->nd", np.linalg.solve(mean.T @ mean, mean.T)[1], self.landmarks)
        self.up = axis / np.linalg.norm(axis, axis=1, keepdims=True)  # x right, y down

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Pictures (n, 32, 32, 3) in 0 to 1 at every angle, and sine and cosine (n, 2) of it."""
        rows = rng.integers(len(self.up), size=count)
        # a quarter turn loses nothing at the borders, so most of the angle is one
        rest = np.where(rng.random(count) < 0.3, rng.uniform(-180, 180, count), rng.normal(0, 25, count))
        angle = np.deg2rad(90 * rng.integers(4, size=count) + rest)
        turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
        # the network's crop, around the box that somebody gives: that of the turned face
        turned = self.landmarks[rows] @ turn.transpose(0, 2, 1)
        low, high = turned.min(1), turned.max(1)
        scale = SIDE / (CROP * (high - low).mean(1)) * np.exp(rng.uniform(-0.2, 0.2, count))
        shift = (SIDE - 1) / 2 - scale[:, None] * (low + high) / 2 + rng.uniform(-0.1, 0.1, (count, 2)) * SIDE
        matrices = np.concatenate([scale[:, None, None] * turn, shift[:, :, None]], 2)
        out = np.empty((count, SIDE, SIDE, 3), np.float32)
        for k, i in enumerate(rows):
            out[k] = cv2.warpAffine(self.pictures[i], matrices[k], (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        up = (turn @ self.up[rows][:, :, None])[..., 0]
        flip = rng.random(count) < 0.5
        out[flip], up[flip, 0] = out[flip, :, ::-1], -up[flip, 0]
        return vary(rng, out / 255), np.stack([up[:, 0], -up[:, 1]], 1).astype(np.float32)


def vary(rng: np.random.Generator, pictures: Array) -> Array:
    """Light, colour, noise and something in front of pictures (n, 32, 32, 3) in 0 to 1."""
    n = len(pictures)
    out = pictures ** np.exp(rng.uniform(-0.4, 0.4, (n, 1, 1, 1))).astype(np.float32)
    gain = rng.uniform(0.6, 1.3, (n, 1, 1, 1)) * rng.uniform(0.85, 1.15, (n, 1, 1, 3))
    out *= gain.astype(np.float32)
    out += rng.uniform(-0.15, 0.15, (n, 1, 1, 1)).astype(np.float32)
    grey = rng.random(n) < 0.2
    out[grey] = out[grey].mean(3, keepdims=True)
    for k in np.flatnonzero(rng.random(n) < 0.3):
        (x, y), (w, h) = rng.integers(0, SIDE, 2), rng.integers(3, 14, 2)
        out[k, y : y + h, x : x + w] = rng.random(3)
    out += rng.standard_normal(out.shape, np.float32) * rng.uniform(0, 0.05, (n, 1, 1, 1)).astype(np.float32)
    return np.clip(out, 0, 1)


def train_head_angle(shards: Path, output: Path, photos: AFLWTrain | None = None, samples: int = 3_000_000) -> float:
    """Train the head-angle network and save its weights; prints how it gets on.

    Parameters
    ----------
    shards : path
        Of ``lprnet synthesize``; the last shard is held out.
    output : path
        Ends in ``.weights.h5``.
    photos : AFLWTrain, optional
        Real photos, for 7 samples of 10; what is held out of them is then what is measured on.
    samples : int

    Returns
    -------
    float
        Median error in degrees on what was held out.
    """
    made, held_out = Shards(shards), Shards(shards, held_out=True)
    sources = [(Thumbnails(made, np.arange(len(made))), 1 - REAL if photos else 1.0)]
    test = Thumbnails(held_out, np.arange(len(held_out)))
    if photos:
        rows = [np.flatnonzero((photos.held_out == side) & (photos.trust > 0.2)) for side in (False, True)]
        sources.append((Thumbnails(photos, rows[0]), REAL))
        test = Thumbnails(photos, rows[1])
    keras.utils.set_random_seed(0)
    cv2.setNumThreads(1)
    whole = head_angle_network()
    pooled = next(layer.output for layer in whole.layers if isinstance(layer, keras.layers.AveragePooling2D))
    model = keras.Model(pooled, whole.output)
    _run(model, sources, samples // BATCH)
    whole.save_weights(output)
    pictures, directions = test.batch(np.random.default_rng(6), 4096)
    off = np.abs((_angles(model.predict(pictures, verbose=0)) - _angles(directions) + 180) % 360 - 180)
    print(f"held out: median {np.median(off):.1f} degrees, 95 % {np.percentile(off, 95):.1f}, "
          f"off by over 30: {100 * (off > 30).mean():.1f} %")  # fmt: skip
    return float(np.median(off))


def _run(model: keras.Model, sources: list[tuple[Thumbnails, float]], steps: int) -> None:
    warmup = min(WARMUP, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps - warmup, 1), warmup_target=LEARNING_RATE, warmup_steps=warmup
    )
    # absolute differences on the plane of the circle: an answer in doubt between two angles comes out short
    model.compile(Muon(schedule), lambda true, found: ops.mean(ops.abs(found - true), axis=-1))

    def batch(number: int) -> tuple[Image, Array]:
        rng = np.random.default_rng([5, number])
        parts = [source.batch(rng, round(share * BATCH)) for source, share in sources]
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    losses = []
    with ThreadPoolExecutor(2) as pool:
        ahead = [pool.submit(batch, k) for k in range(AHEAD)]
        for step in range(steps):
            pictures, directions = ahead.pop(0).result()
            ahead.append(pool.submit(batch, step + AHEAD))
            losses.append(float(model.train_on_batch(pictures, directions)))
            if (step + 1) % 500 == 0:
                print(f"{(step + 1) * BATCH} samples: loss {np.mean(losses[-500:]):.4f}", flush=True)


def _angles(directions: Array) -> Array:
    """Degrees (n,) clockwise of directions (n, 2) = (sine, cosine)."""
    return np.degrees(np.arctan2(directions[:, 0], directions[:, 1]))
