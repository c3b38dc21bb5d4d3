"""Augmentation keeps image and map together."""

import numpy as np
import pytest
from toy import ToySource

from lprnet_utils.datasets import AUGMENTATIONS, augment_picture, mirror_crop, sample_matrix
from lprnet_utils.datasets.augmentation import occlude, rotate_quarter_turns
from lprnet_utils.geometry import MIRRORED_LANDMARKS, Camera, crop_matrix, rotation_matrix, transform_points, warp_image
from lprnet_utils.uv import mirror_map

BOX = np.array([60.0, 50.0, 150.0, 160.0])


@pytest.mark.parametrize("seed", range(4))
def test_landmarks_of_the_augmented_map_are_the_transformed_landmarks(layout, model, seed):
    rng = np.random.default_rng(seed)
    camera = Camera(rotation_matrix(10, 30, -5), 0.8, np.array([105.0, 105.0, 0.0]))
    position = layout.vertices_to_map(camera.project(model.vertices(rng.normal(size=80))))
    matrix, flip = sample_matrix(rng, BOX, AUGMENTATIONS["wide"])
    expected = transform_points(matrix, layout.landmarks(position))
    moved = transform_points(matrix, position)
    if flip:
        moved = mirror_map(moved, 128)
        expected = (expected * [-1, 1, 1] + [127, 0, 0])[MIRRORED_LANDMARKS]
    assert np.abs(layout.landmarks(moved) - expected).max() < 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_the_picture_follows_the_same_transform(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:220, 0:220]
    dot = rng.uniform([80, 70], [130, 140])
    photo = (255 * np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / 18))[..., None].repeat(3, 2).astype(np.uint8)
    matrix, flip = sample_matrix(rng, BOX, AUGMENTATIONS["wide"])
    crop = warp_image(photo, matrix)
    expected = transform_points(matrix, dot)
    if flip:
        crop, expected = mirror_crop(crop), np.array([127 - expected[0], expected[1]])
    weight = crop[..., 0].astype(float)
    y, x = np.mgrid[0:128, 0:128]
    centroid = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    assert np.abs(centroid - expected).max() < 0.1


def test_ranges_of_the_settings():
    rng = np.random.default_rng(0)
    plain = crop_matrix(BOX)
    for name, limit, scales in (("prnet", 45, (0.9, 1.2)), ("wide", 180, (0.85, 1.2))):
        angles, sizes, flips = [], [], []
        for _ in range(1500):
            matrix, flip = sample_matrix(rng, BOX, AUGMENTATIONS[name])
            relative = matrix[:, :2] @ np.linalg.inv(plain[:, :2])
            angles.append(np.degrees(np.arctan2(relative[1, 0], relative[0, 0])))
            sizes.append(np.hypot(*relative[0]))
            flips.append(flip)
        assert np.abs(angles).max() <= limit + 1e-6 and np.abs(angles).max() > 0.95 * limit
        assert scales[0] - 1e-6 <= min(sizes) < scales[0] + 0.02 and scales[1] - 0.02 < max(sizes) <= scales[1] + 1e-6
        assert np.mean(flips) == pytest.approx(AUGMENTATIONS[name].flip, abs=0.05)
    beyond = np.abs(angles) > 60
    assert 0.04 < beyond.mean() < 0.1, "a tenth is turned by any angle, two thirds of that beyond 60 degrees"
    assert np.allclose(sample_matrix(rng, BOX, AUGMENTATIONS["none"])[0], plain)


def test_pictures_stay_pictures_and_vary():
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (128, 128, 3), np.uint8)
    before = crop.copy()
    outs = [augment_picture(rng, crop, AUGMENTATIONS["wide"]) for _ in range(40)]
    assert (crop == before).all(), "the input is left alone"
    assert all(o.shape == crop.shape and o.dtype == np.uint8 for o in outs)
    assert len({o.tobytes() for o in outs}) == 40
    covered = [(occlude(rng, crop) != crop).any(2).mean() for _ in range(60)]
    assert 0.02 < np.mean(covered) < 0.4 and max(covered) < 0.7, "never everything"
    assert (augment_picture(rng, crop, AUGMENTATIONS["none"]) == crop).all(), "no setting, no change"


def test_quarter_turns_rotate_the_map_too(layout):
    source = ToySource(1)  # a bright dot at the tip of the nose
    crop, position_map = source.image(0), source.maps([0])[0]
    for turns in range(1, 5):
        turned, moved = rotate_quarter_turns(crop, position_map, turns)
        x, y, z = layout.landmarks(moved)[30]
        row, column = np.unravel_index(turned[..., 0].argmax(), turned.shape[:2])
        assert abs(column - x) < 0.6 and abs(row - y) < 0.6 and z == layout.landmarks(position_map)[30, 2]
        assert (turns == 4) == np.allclose(moved, position_map)
