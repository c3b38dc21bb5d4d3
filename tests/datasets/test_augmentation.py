"""Augmentation keeps image and map together."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from toy import ToySource

from lprnet_utils.datasets import AUGMENTATIONS, augment_picture, mirror_crop, sample_matrix
from lprnet_utils.datasets.augmentation import move_matrix, quarter_turn_matrix
from lprnet_utils.datasets.pictures import PictureChange, blur_filter, convolve, draw_covers, resolution_filter
from lprnet_utils.geometry import MIRRORED_LANDMARKS, Camera, crop_matrix, rotation_matrix, transform_points, warp_image
from lprnet_utils.training.batches import cut_out
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
    covered = [np.any([c.mask for c in draw_covers(rng, 128)], axis=0).mean() for _ in range(60)]
    assert 0.02 < np.mean(covered) < 0.4 and max(covered) < 0.7, "never everything"
    assert (augment_picture(rng, crop, AUGMENTATIONS["none"]) == crop).all(), "no setting, no change"


def test_quarter_turns_rotate_the_map_too(layout):
    source = ToySource(1)  # a bright dot at the tip of the nose
    crop, position_map = source.image(0), source.maps([0])[0]
    for turns in range(1, 5):
        matrix = quarter_turn_matrix(turns, len(crop))
        turned, moved = cut_out(crop, matrix, len(crop)), transform_points(matrix, position_map)
        assert np.array_equal(turned, np.rot90(crop, turns)), "no pixel is interpolated"
        x, y, z = layout.landmarks(moved)[30]
        row, column = np.unravel_index(turned[..., 0].argmax(), turned.shape[:2])
        assert abs(column - x) < 0.6 and abs(row - y) < 0.6 and z == layout.landmarks(position_map)[30, 2]
        assert (turns == 4) == np.allclose(moved, position_map)


def test_random_convolutions_keep_shapes_and_change_textures():
    rng = np.random.default_rng(0)
    picture = np.full((128, 128, 3), 60, np.uint8)
    picture[40:90, 30:100] = [200, 150, 120]
    drawn = ((rng.standard_normal((3, 3, 3, 3), np.float32), rng.uniform(0, 0.9)) for _ in range(30))
    outs = [convolve(picture, kernels, share) for kernels, share in drawn]
    assert len({o.tobytes() for o in outs}) == 30
    for out in outs:
        assert out.shape == picture.shape and out.dtype == np.uint8
        flat = out[10:30, 40:80].reshape(-1, 3)
        assert flat.std(0).max() < 1, "what is even stays even: shapes move nowhere"
    assert np.mean([np.abs(o.astype(int) - picture).mean() for o in outs]) > 8


@pytest.mark.parametrize("seed", range(4))
def test_a_moved_crop_takes_its_map_along(seed):
    source, rng = ToySource(1), np.random.default_rng(seed)  # a bright dot at the tip of the nose
    crop, position_map = source.image(0), source.maps([0])[0]
    matrix = move_matrix(rng, AUGMENTATIONS["synthetic"], len(crop))
    moved, moved_map = cut_out(crop, matrix, len(crop)), transform_points(matrix, position_map)
    assert moved.shape == crop.shape and np.abs(moved_map - position_map)[..., :2].max() > 0.5
    before, after = (np.argwhere(p[..., 0] == p[..., 0].max()).mean(0)[::-1] for p in (crop, moved))
    nearest = np.linalg.norm(position_map[..., :2] - before, axis=-1).argmin()
    assert np.linalg.norm(moved_map.reshape(-1, 3)[nearest, :2] - after) < 2.0


def test_filters_are_those_of_opencv():
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8), (0, 0), 1.0)

    def filtered(matrix):
        rows = np.tensordot(matrix, picture.astype(np.float32), (1, 0))
        return np.tensordot(rows, matrix, (1, 1)).transpose(0, 2, 1)

    for small in (8, 33, 64, 102):
        shrunk = cv2.resize(picture.astype(np.float32), (small, small), interpolation=cv2.INTER_AREA)
        expected = cv2.resize(shrunk, (128, 128), interpolation=cv2.INTER_LINEAR)
        assert np.abs(filtered(resolution_filter(128, small)) - expected).max() < 0.1
    for sigma in (0.5, 1.1, 1.8):
        expected = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma)
        assert np.abs(filtered(blur_filter(128, sigma)) - expected).max() < 0.6


def test_each_step_of_a_change_does_what_it_says():
    crop = np.full((128, 128, 3), 100, np.uint8)
    plain = PictureChange.draw(np.random.default_rng(0), AUGMENTATIONS["none"], 128)
    assert np.array_equal(plain.apply(crop), crop)
    noisy = replace(plain, noise=10.0).apply(crop).astype(float)
    assert abs(noisy.std() - 10) < 0.5 and abs(noisy.mean() - 100) < 0.5
    grey = replace(plain, grey=True).apply(np.dstack([crop[..., 0], crop[..., 0] // 2, crop[..., 0] * 2]))
    assert (np.ptp(grey, axis=2) == 0).all() and grey[0, 0, 0] == round(0.299 * 100 + 0.587 * 50 + 0.114 * 200)
    dark = replace(plain, levels=(plain.levels // 2)).apply(crop)
    assert (dark == 50).all()
