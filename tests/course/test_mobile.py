"""The steps of docs/mobile.md in plain numpy, as written there, arrive at the vectors that a command writes."""

import json

import mobile_vectors
import numpy as np
import pytest

from lprnet_utils.common.litert import LiteRTModel, read_weights
from lprnet_utils.geometry import warp_image

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
    places = (np.stack([j, i], -1) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    r = s / N
    if r <= 1:
        return np.rint(read(photo.astype(float), places)).astype(np.uint8)
    block = 2 ** int(np.floor(np.log2(r)))
    w = ((r / block) ** 2 - 1) / 3
    first = np.rint(means(photo.astype(float), block))
    squares = (
        read(picture, (places + 0.5) / side - 0.5) for picture, side in ((first, block), (means(first, 2), 2 * block))
    )
    return np.rint((1 - w) * next(squares) + w * next(squares)).astype(np.uint8)


def means(photo, block):
    """Of blocks of pixels; those at the edges have what is left."""
    rows, columns = (np.arange(0, side, block) for side in photo.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(photo, rows, 0), columns, 1)
    counts = (np.diff(np.append(start, side)) for start, side in zip((rows, columns), photo.shape, strict=False))
    return sums / np.multiply.outer(*counts)[..., None]


def read(photo, places):
    """Bilinearly; beyond the edge, its pixels are repeated."""
    low = np.floor(places).astype(int)
    (fx, fy), limit = np.moveaxis(places - low, -1, 0)[..., None], np.array(photo.shape[1::-1]) - 1

    def pixel(dx, dy):
        x, y = np.moveaxis(np.clip(low + [dx, dy], 0, limit), -1, 0)
        return photo[y, x]

    upper = (1 - fx) * pixel(0, 0) + fx * pixel(1, 0)
    lower = (1 - fx) * pixel(0, 1) + fx * pixel(1, 1)
    return (1 - fy) * upper + fy * lower


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
    within = vectors["stated"]["tolerances"]
    assert np.abs(found - vectors[f"{face}/code"]).max() < within["code"]
    position_map = smooth(decode(vectors[f"{face}/code"]), vectors["layout/mask"], vectors["layout/nearest"])
    assert np.abs(position_map - vectors[f"{face}/map"]).max() < within["map"]
    points = landmarks(vectors[f"{face}/map"], vectors)
    assert np.ptp(points[:, :2], axis=0).min() > 30
    assert np.abs(points - vectors[f"{face}/crop_landmarks"]).max() < within["landmarks"]


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6, 2.0, 3.3, 9.0])
def test_a_photo_is_cut_as_the_package_does_it(factor):
    photo = np.random.default_rng(0).integers(0, 256, (301, 343, 3), dtype=np.uint8)
    matrix, s = crop_matrix((170 - factor * 42, 140 - factor * 42, 170 + factor * 42.5, 140 + factor * 42.5), 20)
    off = np.abs(cut(photo, matrix, s).astype(int) - warp_image(photo, matrix))
    assert off.max() <= 1 and off.mean() < 0.15, "means of 2 x 2 pixels that end in a half are rounded in two ways"


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
    within = vectors["stated"]["tolerances"]
    assert np.abs(found - vectors["photo/landmarks"]).max() < within["landmarks from the photo"]
