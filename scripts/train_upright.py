"""Train the network that tells how far a head leans, on rendered faces alone or with real ones among them.

    python scripts/train_upright.py SHARDS runs/upright-open.weights.h5
    LPRNET_AFLW_TRAIN=... python scripts/train_upright.py SHARDS runs/upright-wild.weights.h5 --real

A network that has seen heads at every angle finds landmarks on those that lie on their side twice as badly as on
upright ones: its work is better spent on one angle. ``networks.head_angle_network`` says by which angle a crop is to
be turned, for a hundredth of the cost. It looks at 32 x 32 pixels, so thumbnails do, and millions of samples take ten
minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import keras
import numpy as np
from keras import ops

from lprnet_utils import UVLayout, networks
from lprnet_utils.datasets import AFLWTrain, Shards
from lprnet_utils.geometry.crop import CROP
from lprnet_utils.training.optimizer import Muon

BATCH, SIDE, THUMB = 256, 32, 64


class Thumbnails:
    """Small pictures, the box of the landmarks in each, and where up is."""

    def __init__(self, source, rows: np.ndarray):
        self.pictures = np.empty((len(rows), THUMB, THUMB, 3), np.uint8)
        landmarks = np.empty((len(rows), 68, 2))
        for k, i in enumerate(rows):
            image = source.image(i)
            shrink = THUMB / image.shape[0]
            small = cv2.resize(image, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
            self.pictures[k] = cv2.GaussianBlur(small, (0, 0), 0.6)  # it will be halved again
            points = source.landmarks(i) if callable(source.landmarks) else source.landmarks[i]
            landmarks[k] = (points[:, :2] + 0.5) * shrink - 0.5
        layout = UVLayout()
        mean = layout.landmarks(layout.mean_map).astype(float)
        mean -= mean.mean(0)
        axis = np.einsum("l,nld->nd", np.linalg.solve(mean.T @ mean, mean.T)[1], landmarks)
        self.up = axis / np.linalg.norm(axis, axis=1, keepdims=True)  # x right, y down
        self.landmarks = landmarks

    def batch(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, 32, 32, 3) in 0 to 1 at every angle, and sine and cosine (n, 2) of it."""
        rows = rng.integers(len(self.up), size=count)
        # a quarter turn loses nothing at the borders, so most of the angle is one
        rest = np.where(rng.random(count) < 0.3, rng.uniform(-180, 180, count), rng.normal(0, 25, count))
        angle = np.deg2rad(90 * rng.integers(4, size=count) + rest)
        turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
        # the crop of the design, around the box that somebody gives: that of the turned face
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
        vary(rng, out)
        return out, np.stack([up[:, 0], -up[:, 1]], 1).astype(np.float32)


def vary(rng: np.random.Generator, pictures: np.ndarray) -> None:
    """Light, colour, noise and something in front, in place; 0 to 255 becomes 0 to 1."""
    n = len(pictures)
    pictures /= 255
    np.power(pictures, np.exp(rng.uniform(-0.4, 0.4, (n, 1, 1, 1))).astype(np.float32), out=pictures)
    gain = rng.uniform(0.6, 1.3, (n, 1, 1, 1)) * rng.uniform(0.85, 1.15, (n, 1, 1, 3))
    pictures *= gain.astype(np.float32)
    pictures += rng.uniform(-0.15, 0.15, (n, 1, 1, 1)).astype(np.float32)
    grey = rng.random(n) < 0.2
    pictures[grey] = pictures[grey].mean(3, keepdims=True)
    for k in np.flatnonzero(rng.random(n) < 0.3):
        (x, y), (w, h) = rng.integers(0, SIDE, 2), rng.integers(3, 14, 2)
        pictures[k, y : y + h, x : x + w] = rng.random(3)
    pictures += rng.standard_normal(pictures.shape, np.float32) * rng.uniform(0, 0.05, (n, 1, 1, 1)).astype(np.float32)
    np.clip(pictures, 0, 1, out=pictures)


def angles(directions: np.ndarray) -> np.ndarray:
    """Degrees (n,) clockwise of directions (n, 2) = (sine, cosine)."""
    return np.degrees(np.arctan2(directions[:, 0], directions[:, 1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--real", action="store_true", help="real photos for 7 samples of 10")
    parser.add_argument("--samples", type=int, default=3_000_000)
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    options = parser.parse_args()
    shards, held_out = Shards(options.shards), Shards(options.shards, held_out=True)
    sources = [(Thumbnails(shards, np.arange(len(shards))), 0.3 if options.real else 1.0)]
    test = Thumbnails(held_out, np.arange(len(held_out)))
    if options.real:
        photos = AFLWTrain(options.aflw_train)
        rows = [np.flatnonzero((photos.held_out == side) & (photos.trust > 0.2)) for side in (False, True)]
        sources.append((Thumbnails(photos, rows[0]), 0.7))
        test = Thumbnails(photos, rows[1])
    keras.utils.set_random_seed(0)
    whole = networks.head_angle_network()
    pooled = next(layer.output for layer in whole.layers if isinstance(layer, keras.layers.AveragePooling2D))
    model, steps = keras.Model(pooled, whole.output), options.samples // BATCH
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - 300, warmup_target=8e-3, warmup_steps=300)
    # absolute differences on the plane of the circle: an answer in doubt between two angles comes out short
    model.compile(Muon(schedule), lambda true, found: ops.mean(ops.abs(found - true), axis=-1))
    cv2.setNumThreads(1)

    def batch(number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([5, number])
        parts = [source.batch(rng, round(share * BATCH)) for source, share in sources]
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    losses = []
    with ThreadPoolExecutor(2) as pool:
        ahead = [pool.submit(batch, k) for k in range(4)]
        for step in range(steps):
            pictures, directions = ahead.pop(0).result()
            ahead.append(pool.submit(batch, step + 4))
            losses.append(float(model.train_on_batch(pictures, directions)))
            if (step + 1) % 500 == 0:
                print(f"{(step + 1) * BATCH} samples: loss {np.mean(losses[-500:]):.4f}", flush=True)
    pictures, directions = test.batch(np.random.default_rng(6), 4096)
    off = np.abs((angles(model.predict(pictures, verbose=0)) - angles(directions) + 180) % 360 - 180)
    print(f"held out: median {np.median(off):.1f} degrees, 95 % {np.percentile(off, 95):.1f}, "
          f"off by over 30: {100 * (off > 30).mean():.1f} %")  # fmt: skip
    whole.save_weights(options.output)


if __name__ == "__main__":
    main()
