"""Batches made on a device are those of the reference: each step, and the whole, on two backends."""

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
from checkout import ROOT
from keras import ops
from toy import tiny_network

from lprnet_utils.common import write_checked
from lprnet_utils.datasets import AUGMENTATIONS, Shards, ShardStream, pack, shard_stream
from lprnet_utils.datasets.pictures import PictureChange
from lprnet_utils.datasets.sources import FittedPhotos, Mixture, fit_photos
from lprnet_utils.geometry.crop import transform_points, view_matrix
from lprnet_utils.morphable_model.fitting import Fits
from lprnet_utils.synthetic import held_out_faces
from lprnet_utils.synthetic.mixed import MixedFaces
from lprnet_utils.training import Trainer, TrainingConfig, store
from lprnet_utils.training.batches import make_batch
from lprnet_utils.training.device import (
    DeviceBatches,
    DeviceMixture,
    transform_maps,
    warp,
)
from lprnet_utils.training.device_pictures import change_pictures, change_tables, pack_changes
from lprnet_utils.training.store import DeviceStore
from lprnet_utils.uv import decode_map

CONFIG = TrainingConfig(network="lprnet_lite", batch_size=8, synthetic=1.0, crop_augmentation="synthetic", seed=3)
MAX_PIXELS, MAX_LEVELS = 0.02, 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, faces = tmp_path_factory.mktemp("shards"), MixedFaces(3)
    for k in range(2):
        pairs = pack(faces.sample(12 * k + i) for i in range(12))
        write_checked(path / f"shard-{k:05d}.bin", pairs | {"model": np.array("mixed")})
    return path


def tensors(arrays):
    return {name: ops.convert_to_tensor(value) for name, value in arrays.items()}


def test_warps_are_those_of_opencv():
    rng = np.random.default_rng(0)
    images = [cv2.GaussianBlur(rng.integers(0, 256, (150, 170, 3), np.uint8), (0, 0), 1.5) for _ in range(5)]
    matrices = [view_matrix([85, 75], rng.uniform(100, 180), 128, rng.uniform(-60, 60)) for _ in images]
    inverse = np.array([np.linalg.inv(np.vstack([m, [0, 0, 1]]))[:2] for m in matrices], np.float32)
    found = np.asarray(warp(ops.convert_to_tensor(np.stack(images)), ops.convert_to_tensor(inverse), 128))
    for picture, image, matrix in zip(found, images, matrices, strict=True):
        options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
        assert np.abs(np.rint(picture) - cv2.warpAffine(image, matrix, (128, 128), **options)).max() <= MAX_LEVELS


def test_maps_move_with_their_crops():
    rng = np.random.default_rng(0)
    maps = rng.uniform(0, 128, (4, 100, 3)).astype(np.float32)
    matrices = np.array([view_matrix([60, 70], 140, 128, angle) for angle in (0, 20, -90, 170)], np.float32)
    found = np.asarray(transform_maps(ops.convert_to_tensor(matrices), ops.convert_to_tensor(maps)))
    for points, matrix, before in zip(found, matrices, maps, strict=True):
        assert np.abs(points - transform_points(matrix, before)).max() < MAX_PIXELS


# a setting that does one thing to every picture
@pytest.mark.parametrize(
    "step", ["occlusion", "random_convolution", "low_resolution", "blur", "grey", "noise", "gamma"]
)
def test_each_change_of_a_picture(step):
    setting = replace(AUGMENTATIONS["none"], **{step: 1.0})
    rng = np.random.default_rng(1)
    faces = MixedFaces(3)
    crops = [faces.sample(k).image for k in range(6)]
    changes = [PictureChange.draw(rng, setting, 128) for _ in crops]
    numbers = tensors(pack_changes(changes, 128, (0.5, 0.5)))
    pictures = ops.convert_to_tensor(np.stack(crops).astype(np.float32))
    found = np.asarray(change_pictures(pictures, numbers, change_tables(128)))
    expected = np.stack([change.apply(crop) for crop, change in zip(crops, changes, strict=True)])
    assert np.abs(found - expected).max() <= MAX_LEVELS and (expected != np.stack(crops)).mean() > 0.02


@pytest.mark.parametrize("augmentation", ["none", "synthetic"])
def test_a_batch_on_the_device_is_the_reference(folder, augmentation):
    source, config = Shards(folder), replace(CONFIG, crop_augmentation=augmentation)
    on_device = DeviceBatches(source, config, 128)
    for number in range(2):
        x, y = make_batch(source, config, number)
        found_x, found_y = (np.asarray(a) for a in on_device(number))
        assert np.abs(decode_map(found_y) - decode_map(y)).max() < MAX_PIXELS
        assert (np.abs(found_x - x) * 255 > MAX_LEVELS + 0.01).mean() < 1e-4, "rounding adds up at single pixels"
        assert np.abs(found_x - x).mean() * 255 < 0.01


@pytest.mark.parametrize("enlarged", [1, 3])
def test_photos_on_the_device_are_those_of_the_reference(enlarged, layout):
    """Small photos exactly; of large ones the part around the face is kept, at a resolution that hardly shows."""
    samples = held_out_faces("makehuman")[:12]
    images = [cv2.resize(s.image, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC) for s in samples]
    landmarks = np.array([layout.landmarks(s.position_map) for s in samples])
    landmarks = (landmarks + [0.5, 0.5, 0]) * enlarged - [0.5, 0.5, 0]
    photos = SimpleNamespace(image=lambda i: images[i], landmarks=landmarks)
    source = FittedPhotos(photos, range(12), fit_photos(landmarks), np.ones(12))
    config = replace(CONFIG, augmentation="light", synthetic=0.0)
    (x, y), (found_x, found_y) = make_batch(source, config, 0), DeviceMixture(source, config, 128)(0)
    assert np.abs(decode_map(np.asarray(found_y)) - decode_map(y)).max() < MAX_PIXELS
    difference = np.abs(np.asarray(found_x) - x) * 255
    assert difference.mean() < (0.05 if enlarged == 1 else 2.5)


def test_one_photo_of_another_size_is_no_reason_to_fail():
    images = [np.full((128, 128, 3), 50, np.uint8)] * 150 + [np.full((128, 140, 3), 90, np.uint8)]

    class Photos:
        fits = Fits(np.zeros((151, 5)), np.tile(np.eye(3), (151, 1, 1)), np.ones(151), np.zeros((151, 3)))

        def __len__(self):
            return len(images)

        def image(self, k):
            return images[k]

        def box(self, k):
            return np.array([30.0, 30.0, 90.0, 90.0])

    stored = DeviceStore(Photos(), 128)
    assert stored.arrays[0].shape == (151, 192, 192, 3) and stored.matrices.shape == (151, 2, 3)
    assert (np.asarray(stored.arrays[0][-1]) == 90).all()


def test_a_mixture_on_the_device(folder):
    shards = Shards(folder)
    both, config = Mixture([shards, Shards(folder, held_out=True)], [3, 1]), CONFIG
    (x, y), (found_x, found_y) = make_batch(both, config, 2), DeviceMixture(both, config, 128)(2)
    assert np.abs(np.asarray(found_x) - x).mean() * 255 < 0.01
    assert np.abs(decode_map(np.asarray(found_y)) - decode_map(y)).max() < MAX_PIXELS


def test_a_training_on_the_device_is_that_of_the_reference(folder, tmp_path):
    losses = []
    for on_device in (False, True):
        keras.utils.set_random_seed(0)
        config = replace(CONFIG, samples=32, validate_every=16, checkpoint_every=16, warmup=8)
        trainer = Trainer(tiny_network(), config, tmp_path / str(on_device), on_device=on_device)
        trainer.run(Shards(folder), Shards(folder, held_out=True))
        rows = (tmp_path / str(on_device) / "log.csv").read_text().splitlines()[1:]
        losses.append([float(row.split(",")[1]) for row in rows])
    assert len(losses[0]) == 2 and losses[0] == pytest.approx(losses[1], rel=0.02), "rounding grows in training"


@pytest.mark.slow
def test_a_stream_on_the_device_is_that_of_the_reference(tmp_path, monkeypatch):
    """Also after new photos have taken the place of the oldest."""
    for module in (shard_stream, store):
        monkeypatch.setattr(module, "SHARD_SIZE", 4)
    monkeypatch.setattr(shard_stream, "PASSES", 4)
    faces = MixedFaces(3)
    for k in range(4):
        pairs = pack(faces.sample(4 * k + i) for i in range(4))
        write_checked(tmp_path / f"shard-{k:05d}.bin", pairs | {"model": np.array("mixed")})
    on_device = DeviceMixture(ShardStream(tmp_path, begin=1, keep=2), CONFIG, 128)
    stream = ShardStream(tmp_path, begin=1, keep=2)
    seen = set()
    for number in range(6):
        (x, y), (found_x, found_y) = make_batch(stream, CONFIG, number), on_device(number)
        assert np.abs(np.asarray(found_x) - x).mean() * 255 < 0.01, number
        assert np.abs(decode_map(np.asarray(found_y)) - decode_map(y)).max() < MAX_PIXELS
        seen.add(stream.window(number, 8))
    assert len(seen) > 2 and max(stop for _, stop in seen) > 12


def test_a_stream_keeps_as_many_shards_as_fit(monkeypatch, tmp_path):
    for free, expected in ((None, 500), (15 * 10**9, 146), (140 * 10**9, 500), (10**6, 1)):
        monkeypatch.setattr(store, "free_device_memory", lambda free=free: free)
        assert store.shards_that_fit(128) == expected
    record = tmp_path / "shards.csv"
    assert ShardStream.kept_before(record) is None
    for text, expected in (("keep 7\n0,1\n", 7), ("", None), ("0,1\n", None)):
        record.write_text(text)
        assert ShardStream.kept_before(record) == expected


def test_few_covers_and_many_have_room():
    setting = replace(AUGMENTATIONS["none"], occlusion=1.0, blur=1.0)
    rng = np.random.default_rng(1)
    changes = [PictureChange.draw(rng, setting, 128) for _ in range(16)]
    assert len(pack_changes(changes, 128, (0.1, 0.0))["covers"]) == 18, "usually room for 9, here for 16"
    assert len(pack_changes([None] * 16, 128, (0.1, 0.0))["covers"]) == 9
    assert len(pack_changes([None] * 16, 128, (0.1, 0.0))["filters"]) == 0


PROGRAM = """
import sys
import keras
import numpy as np
from test_device import CONFIG
from lprnet_utils.datasets import Shards
from lprnet_utils.training.batches import make_batch
from lprnet_utils.training.device import DeviceMixture
assert keras.backend.backend() == sys.argv[2]
source = Shards(sys.argv[1])
(x, y), (a, b) = make_batch(source, CONFIG, 1), map(np.asarray, DeviceMixture(source, CONFIG, 128)(1))
print(abs(a - x).mean() * 255, abs(b - y).max())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_on_other_backends(folder, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed: pip install {backend}")
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers", ROOT / "tests" / "training")))
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", PROGRAM, str(folder), backend]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    levels, codes = map(float, done.stdout.split())
    assert levels < 0.01 and codes < 1e-4
