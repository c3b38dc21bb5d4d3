"""Textures of faces that are painted by formulas in the UV layout."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_faces import made_face, painted_face, stripes

from lprnet_utils.uv.texture import fill_from_known, photo_to_texture


def texel_positions(size):
    centre = (np.arange(size) + 0.5) / size
    return np.meshgrid(centre, centre)


@pytest.mark.usefixtures("painted_skin")
@pytest.mark.parametrize("size", [97, 128, 256, 400])
def test_a_texture_of_any_size_shows_what_the_photo_shows(size):
    face, _ = painted_face(stripes, 5, 15, 0, scale=2.0, size=500)
    texture, shown = face.texture(size), face.texture_mask(size)
    assert texture.shape == (size, size, 3) and texture.dtype == np.uint8 and shown.shape == (size, size)
    off = np.abs(texture - stripes(*texel_positions(size)))[shown]
    assert 0.5 < shown.mean() < 0.9 and np.median(off) < 1.5 and np.percentile(off, 98) < 12


@pytest.mark.usefixtures("painted_skin")
def test_hidden_texels_are_black_or_taken_from_the_other_side():
    face, _ = painted_face(stripes, 0, 50, 0, scale=2.0, size=500)
    shown, masked, filled = face.texture_mask(256), face.texture(256, fill=False), face.texture(256)
    other = ~shown & shown[:, ::-1]
    assert shown[:, 128:].mean() > 2 * shown[:, :128].mean(), "the nose points to the left: that side is hidden"
    assert (masked[~shown] == 0).all() and (masked[shown] > 0).any(1).mean() > 0.99
    off = np.abs(filled - stripes(*texel_positions(256)))[other]
    assert other.sum() > 8000 and np.median(off) < 4 and np.percentile(off, 95) < 25
    grey = np.abs(filled.astype(int) - 128).max(-1) < 3
    assert grey[other].mean() < 0.02, "the background is not on the face"


def test_the_filled_side_keeps_its_light():
    def lit(u, v):
        return stripes(u, v) * 0.6 + 60 * np.tanh(6 * (u - 0.5))[..., None] + 40

    face, _ = painted_face(lit, 0, 38, 0, scale=2.0, size=500)
    shown, filled = face.texture_mask(256), face.texture(256).astype(float)
    other = ~shown & shown[:, ::-1]
    truth = lit(*texel_positions(256))
    plain = np.abs(truth[:, ::-1] - truth)[other].mean()
    assert plain > 80, "a plain mirror image has the light of the other side"
    assert np.abs(filled - truth)[other].mean() < plain / 4
    # there is no seam where the photo ends
    step = np.abs(np.diff(filled - truth, axis=1)).max(-1)[60:200, 40:220]
    assert np.percentile(step, 99) < 8


def test_a_slightly_wrong_map_shows_no_background():
    face, _ = painted_face(stripes, 0, 45, 0, scale=2.0, size=500)
    off = replace(face, position_map=face.position_map - np.float32([5, 0, 0]))
    grey = np.abs(off.texture(256).astype(int) - 128).max(-1) < 3
    raw = photo_to_texture(off.image, off.position_map, off.layout, 256)
    face_texels = cv2.resize(off.layout.mask.astype(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST) > 0
    assert (np.abs(raw - 128).max(-1) < 3)[face_texels & off.texture_mask(256)[:, ::-1]].mean() > 0.05
    assert grey[60:220, 25:-25].mean() < 0.004


def test_a_photo_finer_than_the_texture_is_averaged():
    face, _ = made_face(scale=8.0, size=1800)
    y, x = np.mgrid[0:1800, 0:1800]
    face.image[...] = ((x // 5 + y // 5) % 2 * 255)[..., None]
    inside = face.texture(64)[face.texture_mask(64)].astype(float)
    assert abs(inside.mean() - 127) < 3 and inside.std() < 25, "a fine chequerboard is grey"


def test_an_averaged_photo_is_read_at_the_positions_of_the_map():
    face, _ = made_face()
    y, x = np.mgrid[0:300, 0:300].astype(np.float32)
    read = photo_to_texture(np.dstack([x, y]), face.position_map, face.layout, 16)  # each texel shows its own place
    true = face.position_map[..., :2].reshape(16, 8, 16, 8, 2).mean((1, 3))
    off = (read - true)[face.layout.mask.reshape(16, 8, 16, 8).all((1, 3))]
    assert len(off) > 150 and np.abs(off.mean(0)).max() < 0.1, "half a pixel of the averaged photo is 2 more"


def test_a_face_partly_outside_the_photo():
    face, _ = painted_face(stripes, 0, 0, 0, size=300)
    cut = replace(face, position_map=face.position_map - np.float32([130, 0, 0]), image=face.image[:, 130:])
    texture, shown = cut.texture(128), cut.texture_mask(128)
    assert not shown[:, :30].any()
    other = ~shown & shown[:, ::-1]
    off = np.abs(texture - stripes(*texel_positions(128)))[other]
    assert np.median(off) < 8, "symmetry fills the part beyond the edge"


@pytest.mark.parametrize("size", [0, 1, -4, 10_000, 64.5])
def test_bad_sizes_are_refused(size):
    with pytest.raises(ValueError, match="from 2 to 8192"):
        made_face()[0].texture(size)


def test_known_values_stay_and_fill_the_rest():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(37, 37, 2))
    known = rng.random((37, 37)) > 0.7
    out = fill_from_known(values, known)
    assert np.allclose(out[known], values[known], atol=1e-5)
    assert values[known].min() - 1e-5 <= out.min() and out.max() <= values[known].max() + 1e-5
    assert np.allclose(fill_from_known(np.full((64, 64, 1), 5.0), np.arange(64 * 64).reshape(64, 64) == 77), 5)
    assert (fill_from_known(values, np.zeros((37, 37))) == 0).all()


def skin_with(patch, *pose, color=(40, 60, 200)):
    """A face with a plain skin of soft light, and another colour where ``patch(u, v)`` holds."""

    def paint(u, v):
        light = 0.8 + 0.2 * np.cos(4 * (u - 0.4)) * np.cos(2 * (v - 0.4))
        return np.where(patch(u, v)[..., None], color, light[..., None] * np.array([210.0, 160.0, 135.0]))

    return painted_face(paint, *pose, scale=2.0, size=500)[0]


def tone_error(texture, where):
    """Mean difference of the logarithm of red over blue from that of the painted skin."""
    values = np.log(np.maximum(texture.astype(float), 1))[where]
    return np.abs(values[:, 0] - values[:, 2] - np.log(210 / 135)).mean()


def test_hair_and_background_near_the_outline_become_skin():
    u, v = texel_positions(256)
    for patch in (
        lambda u, v: u < 0.1,  # beside one cheek: the other side replaces it
        lambda u, v: np.abs(u - 0.5) > 0.4,  # beside both
        lambda u, v: v < 0.06,  # on the forehead
    ):
        for color in ((40, 60, 200), (25, 20, 18), (250, 60, 230)):
            face = skin_with(patch, color=color)
            texture = face.texture(256)
            inside = patch(u, v) & (np.minimum(np.minimum(u, 1 - u), v) > 0.02) & (v < 0.8)
            assert tone_error(texture, inside) < 0.15, color
            assert np.abs(np.diff(texture.astype(int), axis=1)).max() < 60, "no hard seam"


def test_what_belongs_to_the_face_stays():
    u, v = texel_positions(256)
    mole = lambda u, v: np.hypot(u - 0.3, v - 0.62) < 0.02  # noqa: E731
    beard = lambda u, v: (v > 0.72) & (np.hypot((u - 0.5) / 1.6, v - 0.76) > 0.1)  # noqa: E731
    for patch in (mole, beard):
        face = skin_with(patch, color=(45, 35, 30))
        middle = patch(u, v) & (face.texture_mask(256)) & (np.abs(u - 0.5) < 0.3)
        assert (face.texture(256)[middle].mean(1) < 90).mean() > 0.8


def test_a_grey_photo_and_a_face_without_skin_give_a_texture():
    face = skin_with(lambda u, v: u < 0.1, color=(20, 20, 20))
    grey = face.image.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8)
    for image in (grey, np.zeros_like(grey), np.full_like(grey, 255)):
        texture = replace(face, image=image).texture(128)
        assert np.ptp(texture, axis=-1).max() <= 2
