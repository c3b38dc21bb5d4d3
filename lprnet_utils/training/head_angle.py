"""Training of the head-angle network, on rendered faces alone or together with real photos.

A network that is trained on heads at every angle finds the landmarks of a leaning head twice as badly as those of an
upright one, so L-PRNet is trained on upright heads. :func:`lprnet_utils.networks.head_angle_network` tells by which
angle a crop must be turned, at a hundredth of the cost. Its input is 32 x 32 pixels, so thumbnails are enough, and a
training with millions of samples takes ten minutes on two cores.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.files import check_ending, remove_unfinished
from ..datasets.aflw import AFLWTrain
from ..datasets.shards import Shards
from ..geometry.crop import CROP_SCALE
from ..networks.architectures import head_angle_network
from ..uv.layout import UVLayout
from .batches import prefetch
from .optimizer import Muon
from .trainer import save_weights

BATCH_SIZE = 256
INPUT_SIDE, THUMBNAIL_SIDE = 32, 64  # pixels of the network's input after pooling, and of the stored thumbnails
REAL_SHARE = 0.7  # of real photos in a batch, if there are any
WARMUP_STEPS, LEARNING_RATE = 300, 8e-3


def up_direction(points: Array, mean: Array) -> Array:
    """Directions (n, 2) of the up axis of faces in the photo frame, of length 1.

    ``points`` (n, P, 2) are points of the faces in the photo frame, ``mean`` (P, 3) those of the mean face in the face
    frame. The up axis is the image of y under the linear map that fits the mean face to the points best.
    """
    mean = mean - mean.mean(0)
    axis = np.einsum("l,nld->nd", np.linalg.solve(mean.T @ mean, mean.T)[1], points)
    return axis / np.linalg.norm(axis, axis=1, keepdims=True)


class Thumbnails:
    """Thumbnails of the photos ``rows`` of a source, the landmarks in each, and the up direction of each head."""

    def __init__(self, source: Any, rows: NDArray[np.intp]):
        self.images = np.empty((len(rows), THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), np.uint8)
        self.landmarks = np.empty((len(rows), 68, 2))
        for k, i in enumerate(rows):
            image = source.image(i)
            scale = THUMBNAIL_SIDE / image.shape[0]
            small = cv2.resize(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
            self.images[k] = cv2.GaussianBlur(small, (0, 0), 0.6)  # a batch halves it again
            points = source.landmarks(i) if callable(source.landmarks) else source.landmarks[i]
            self.landmarks[k] = (points[:, :2] + 0.5) * scale - 0.5
        layout = UVLayout()
        self.up = up_direction(self.landmarks, layout.landmarks(layout.mean_map).astype(float))

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Crops (n, 32, 32, 3), 0 to 1, turned by random angles, and sine and cosine (n, 2) of the heads' angles."""
        rows = rng.integers(len(self.up), size=count)
        # a multiple of 90 degrees, which loses nothing at the borders, and usually a small angle
        small = np.where(rng.random(count) < 0.3, rng.uniform(-180, 180, count), rng.normal(0, 25, count))
        angle = np.deg2rad(90 * rng.integers(4, size=count) + small)
        rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
        # the crop around the box of the turned face, as L-PRNet cuts it, with random changes
        turned = self.landmarks[rows] @ rotation.transpose(0, 2, 1)
        low, high = turned.min(1), turned.max(1)
        scale = INPUT_SIDE / (CROP_SCALE * (high - low).mean(1)) * np.exp(rng.uniform(-0.2, 0.2, count))
        shift = (INPUT_SIDE - 1) / 2 - scale[:, None] * (low + high) / 2
        shift = shift + rng.uniform(-0.1, 0.1, (count, 2)) * INPUT_SIDE
        matrices = np.concatenate([scale[:, None, None] * rotation, shift[:, :, None]], 2)  # (n, 2, 3)
        crops = np.empty((count, INPUT_SIDE, INPUT_SIDE, 3), np.float32)
        for k, i in enumerate(rows):
            crops[k] = cv2.warpAffine(
                self.images[i], matrices[k], (INPUT_SIDE, INPUT_SIDE), borderMode=cv2.BORDER_REPLICATE
            )
        up = (rotation @ self.up[rows][:, :, None])[..., 0]
        flip = rng.random(count) < 0.5
        crops[flip], up[flip, 0] = crops[flip, :, ::-1], -up[flip, 0]
        return augment_crops(rng, crops / 255), np.stack([up[:, 0], -up[:, 1]], 1).astype(np.float32)


def augment_crops(rng: np.random.Generator, crops: Array) -> Array:
    """Crops (n, 32, 32, 3), 0 to 1, with random light, colours, occlusions and noise."""
    n = len(crops)
    out = crops ** np.exp(rng.uniform(-0.4, 0.4, (n, 1, 1, 1))).astype(np.float32)
    gain = rng.uniform(0.6, 1.3, (n, 1, 1, 1)) * rng.uniform(0.85, 1.15, (n, 1, 1, 3))
    out *= gain.astype(np.float32)
    out += rng.uniform(-0.15, 0.15, (n, 1, 1, 1)).astype(np.float32)
    grey = rng.random(n) < 0.2
    out[grey] = out[grey].mean(3, keepdims=True)
    for k in np.flatnonzero(rng.random(n) < 0.3):
        (x, y), (w, h) = rng.integers(0, INPUT_SIDE, 2), rng.integers(3, 14, 2)
        out[k, y : y + h, x : x + w] = rng.random(3)
    out += rng.standard_normal(out.shape, np.float32) * rng.uniform(0, 0.05, (n, 1, 1, 1)).astype(np.float32)
    return np.clip(out, 0, 1)


def train_head_angle(shards: Path, output: Path, photos: AFLWTrain | None = None, samples: int = 3_000_000) -> float:
    """Train the head-angle network and save its weights; returns the median error in degrees on held-out photos.

    ``shards`` is a folder that ``lprnet synthesize`` wrote; its last shard is held out. Real photos, if given, make 7
    of 10 samples, and the error is measured on the held-out ones among them. ``output`` ends in ``.weights.h5``.
    ValueError for another ending, or fewer samples than a batch of 256.
    """
    if samples < BATCH_SIZE:
        raise ValueError(f"at least {BATCH_SIZE} samples, one batch, are needed; got {samples}")
    if not check_ending(output, (".h5",)).name.endswith(".weights.h5"):  # Keras' own condition
        raise ValueError(f"{output} should end in .weights.h5")
    remove_unfinished(Path(output).parent)
    rendered, held_out = Shards(shards), Shards(shards, held_out=True)
    sources = [(Thumbnails(rendered, np.arange(len(rendered))), 1 - REAL_SHARE if photos else 1.0)]
    test = Thumbnails(held_out, np.arange(len(held_out)))
    if photos:
        usable = photos.trust > 0.2
        sources.append((Thumbnails(photos, np.flatnonzero(usable & ~photos.held_out)), REAL_SHARE))
        test = Thumbnails(photos, np.flatnonzero(usable & photos.held_out))
    keras.utils.set_random_seed(0)
    cv2.setNumThreads(1)
    network = head_angle_network()
    pooled = next(layer.output for layer in network.layers if isinstance(layer, keras.layers.AveragePooling2D))
    model = keras.Model(pooled, network.output)
    _train(model, sources, samples // BATCH_SIZE)
    save_weights(network, Path(output))

    crops, directions = test.batch(np.random.default_rng(6), 4096)
    found, expected = (np.degrees(np.arctan2(*d.T)) for d in (model.predict(crops, verbose=0), directions))
    errors = np.abs((found - expected + 180) % 360 - 180)
    median, percentile_95 = float(np.median(errors)), np.percentile(errors, 95)
    above_30 = 100 * (errors > 30).mean()
    print(f"held out: median {median:.1f} degrees, 95 % {percentile_95:.1f}, off by over 30: {above_30:.1f} %")
    return median


def _train(model: keras.Model, sources: list[tuple[Thumbnails, float]], steps: int) -> None:
    """Train on batches with a share from each source; prints the loss."""
    warmup = min(WARMUP_STEPS, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps - warmup, 1), warmup_target=LEARNING_RATE, warmup_steps=warmup
    )
    # under absolute differences of (sine, cosine), an answer that is uncertain between two angles gets short
    model.compile(Muon(schedule), lambda true, found: ops.mean(ops.abs(found - true), axis=-1))

    def make_batch(number: int) -> tuple[Array, Array]:
        rng = np.random.default_rng([5, number])
        crops, directions = zip(*(part.batch(rng, round(share * BATCH_SIZE)) for part, share in sources), strict=True)
        return np.concatenate(crops), np.concatenate(directions)

    losses = []
    with closing(prefetch(make_batch, range(steps), workers=2)) as batches:
        for step, (crops, directions) in enumerate(batches, 1):
            losses.append(float(model.train_on_batch(crops, directions)))
            if step % 500 == 0:
                print(f"{step * BATCH_SIZE} samples: loss {np.mean(losses[-500:]):.4f}", flush=True)
