"""The steps of docs/mobile.md in plain numpy, as written there, arrive at the vectors that a command writes."""

import json

import cv2
import mobile_vectors
import numpy as np
import pytest

from lprnet_utils.common.litert import LiteRTModel, read_weights

N = 128
SCALE = 2.2 * N


@pytest.fixture(scope="module")
def vectors():
    files = mobile_vectors.build("open")
    stated = json.loads(files["vectors.json"])
    assert sum(map(len, files.values())) < 4e6 and set(files) == {"vectors.json", *stated["arrays"]}
    return {
        name.removesuffix(".bin"): np.frombuffer(files[name], np.dtype(entry["dtype"]).newbyteorder("<")).reshape(
            entry["shape"]
        )
        for name, entry in stated["arrays"].items()
    } | {"stated": stated}


def crop_matrix(box, angle):
    """Step 3."""
    x0, y0, x1, y1 = box
    s = 1.5 * ((x1 - x0) + (y1 - y0)) / 2
    a, q = np.deg2rad(angle), np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    turn = N / s * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return np.c_[turn, 63.5 - turn @ q], s


def cut(photo, matrix, s):
    """Step 4."""
    j, i = np.meshgrid(np.arange(N), np.arange(N))
    q = (np.stack([j, i], -1) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    if N / s < 1:
        margin, limit = 2 + int(np.ceil(2 * s / N)), np.array(photo.shape[1::-1])
        first = np.clip(np.floor(q.min((0, 1))).astype(int) - margin, 0, limit - 1)
        last = np.clip(np.ceil(q.max((0, 1))).astype(int) + margin + 1, first + 1, limit)
        photo = photo[first[1] : last[1], first[0] : last[0]]
        size = np.maximum(np.rint((last - first) * N / s), 1).astype(int)
        photo = cv2.resize(photo, size.tolist(), interpolation=cv2.INTER_AREA)
        q = (q - first + 0.5) * size / (last - first) - 0.5
    photo = photo.astype(np.float64)
    low = np.floor(q).astype(int)
    (fx, fy), limit = np.moveaxis(q - low, -1, 0)[..., None], np.array(photo.shape[1::-1]) - 1

    def pixel(dx, dy):
        x, y = np.moveaxis(np.clip(low + [dx, dy], 0, limit), -1, 0)
        return photo[y, x]

    upper = (1 - fx) * pixel(0, 0) + fx * pixel(1, 0)
    lower = (1 - fx) * pixel(0, 1) + fx * pixel(1, 1)
    return np.rint((1 - fy) * upper + fy * lower).astype(np.uint8)


def smooth(position_map, mask, nearest):
    """Step 7."""
    g = np.exp(-(np.arange(-3.0, 4) ** 2) / 2)
    g /= g.sum()

    def blur(values):
        padded = np.pad(values, ((3, 3), (3, 3), (0, 0)))
        along = sum(g[k] * padded[k : k + N] for k in range(7))
        return sum(g[k] * along[:, k : k + N] for k in range(7))

    weight = mask[..., None].astype(float)
    mean = blur(position_map * weight) / np.maximum(blur(weight), 1e-6)
    return mean.reshape(-1, 3)[nearest]


def landmarks(position_map, vectors):
    """Step 8."""
    points = np.zeros((68, 3))
    flat = position_map.reshape(-1, 3)
    np.add.at(points, vectors["layout/landmark"], vectors["layout/weight"][:, None] * flat[vectors["layout/texel"]])
    return points


def decode(code):
    """Step 6."""
    return SCALE * (code.astype(float) - 0.5) + [63.5, 63.5, 0]


@pytest.mark.parametrize("face", ["photo", "rendered-0", "rendered-1", "rendered-2"])
def test_from_the_crop_to_the_landmarks(face, vectors):
    name, data = read_weights("open")
    found = LiteRTModel(data, name)(vectors[f"{face}/crop"] / 255)[0]
    assert np.abs(found - vectors[f"{face}/code"]).max() < vectors["stated"]["tolerances"]["code"]
    position_map = smooth(decode(vectors[f"{face}/code"]), vectors["layout/mask"], vectors["layout/nearest"])
    assert np.abs(position_map - vectors[f"{face}/map"]).max() < 0.01
    points = landmarks(vectors[f"{face}/map"], vectors)
    assert np.ptp(points[:, :2], axis=0).min() > 30
    assert np.abs(points - vectors[f"{face}/crop_landmarks"]).max() < 0.01


def test_a_matrix_for_systems_that_count_from_a_pixel_s_corner():
    matrix, _ = crop_matrix((10, 20, 90, 130), 25)
    a, t = matrix[:, :2], matrix[:, 2]
    corner = t + 0.5 - a @ [0.5, 0.5]
    place = np.array([33.0, 71.0])
    assert np.allclose(a @ (place + 0.5) + corner, a @ place + t + 0.5)


def test_from_the_photo_to_its_landmarks(vectors):
    matrix, s = crop_matrix(vectors["photo/box"], vectors["stated"]["photo_angle"])
    assert np.abs(matrix - vectors["photo/matrix"]).max() < 1e-9
    crop = cut(vectors["photo/photo"], matrix, s)
    off = np.abs(crop.astype(int) - vectors["photo/crop"])
    assert (off > 1).mean() < 0.01 and off.max() < 12
    name, data = read_weights("open")
    code = LiteRTModel(data, name)(crop / 255)[0]
    points = landmarks(smooth(decode(code), vectors["layout/mask"], vectors["layout/nearest"]), vectors)
    xy = (points[:, :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    found = np.c_[xy, points[:, 2] * s / N]
    assert np.abs(found - vectors["photo/landmarks"]).max() < vectors["stated"]["tolerances"]["landmarks"]
