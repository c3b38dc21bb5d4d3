"""Edited photos of synthetic faces with known colours."""

from dataclasses import replace

import cv2
import numpy as np
import PIL.Image
import pytest
from made_faces import made_face, painted_face, stripes

from lprnet_utils.uv.texture import texel_normals
from lprnet_utils.viewer import paint, relight, swap_face
from lprnet_utils.viewer.effects import LIGHT_FADE_WIDTH


def test_an_unchanged_texture_changes_nothing():
    face, _ = painted_face(stripes, 5, 25, 0, scale=1.5, size=400)
    painted = paint(face, face.texture(200))
    assert (painted == face.image).all() and painted is not face.image


def test_paint_changes_the_pixels_of_its_texels_only():
    face, _ = painted_face(stripes, 0, 40, 0, scale=1.5, size=400)
    size = 256
    for middle, visible in (((0.75, 0.6), True), ((0.25, 0.6), False)):  # the right cheek, and the left
        u, v = (np.abs((np.arange(size) + 0.5) / size - m) < 0.04 for m in middle)
        texture = face.texture(size).copy()
        texture[np.ix_(v, u)] = (255, 0, 0)
        painted = paint(face, texture)
        distance = np.abs(face.uv_coordinates()[..., :2] - middle).max(-1)
        near, far = distance < 0.03, distance > 0.06
        assert (painted[far] == face.image[far]).all()
        if visible:
            assert near.sum() > 50 and np.abs(painted[near] - [255.0, 0, 0]).max() < 40
    hidden = face.texture(size).copy()
    hidden[~face.texture_mask(size)] = (0, 255, 0)
    changed = np.abs(paint(face, hidden).astype(int) - face.image).max(2)
    assert (changed[face.region()] > 60).mean() < 0.06, "hidden texels stay hidden, apart from soft edges"


def test_a_coarse_texture_is_painted_where_its_texels_are():
    # texels of a side of eight are wide: a half of one is 12 levels of these ramps
    face, _ = painted_face(lambda u, v: np.full((*u.shape, 3), 128.0), scale=1.5, size=400)
    assert (face.texture(8) == 128).all()
    level = 128 + 24 * (np.arange(8) - 3.5)
    texture = np.stack([*np.meshgrid(level, level), np.full((8, 8), 128)], -1).astype(np.uint8)
    trust, region = face.draw(face.trust)
    places = face.uv_coordinates()[region][trust[..., 0] > 0.999]
    painted = paint(face, texture)[region][trust[..., 0] > 0.999].astype(float)
    inside = (np.abs(places[:, :2] - 0.5) < 0.43).all(1)
    assert inside.sum() > 5000
    for k in (0, 1):
        expected = 128 + 24 * (8 * places[inside, k] - 4)
        assert np.abs(painted[inside, k] - expected).max() < 2
    assert (painted[:, 2] == 128).all()


def test_paint_on_another_picture_and_with_other_arrays_than_textures():
    face, _ = painted_face(stripes, 0, 0, 0)
    grey = np.full_like(face.image, 200)
    assert (paint(face, face.texture(64), grey) == 200).all()
    with pytest.raises(ValueError, match="the photo of this face"):
        paint(face, face.texture(64), grey[:50])

    for texture in (np.zeros((64, 32, 3), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3))):
        with pytest.raises(ValueError, match=r"\(S, S, 3\) uint8"):  # not square, grey, float
            paint(face, texture)


def lit_face(toward, ambient=0.3):
    """A face of one skin colour under a known lamp, in linear light."""
    face, _ = made_face(0, 10, 0, scale=1.5, size=400)
    normals = texel_normals(face.position_map, face.layout)
    shade = ambient + (1 - ambient) * np.clip(normals @ np.divide(toward, np.linalg.norm(toward)), 0, None)
    drawn, region = face.draw(0.5 * shade[..., None] * np.array([1.0, 0.75, 0.6]))
    photo = np.full((400, 400, 3), 128, np.uint8)
    inside = np.isfinite(drawn[..., 0])
    photo[region][inside] = np.rint(255 * drawn[inside] ** (1 / 2.2))
    return replace(face, image=photo)


def test_a_relit_face_looks_as_if_photographed_in_the_new_light():
    face, other = lit_face((1, 0.3, 1)), lit_face((-1, 0.5, 1))
    changed = relight(face, (-1, 0.5, 1), ambient=0.3)
    drawn, region = face.draw(face.trust[..., None])
    inside = np.pad(np.isfinite(drawn[..., 0]).astype(np.uint8), 1)
    inner = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1] > LIGHT_FADE_WIDTH * np.ptp(face.vertices[:, 1])
    new, truth, old = (x[region][inner].astype(float).mean(1) for x in (changed, other.image, face.image))
    assert np.corrcoef(old, truth)[0, 1] < 0.3, "the two lights differ"
    assert np.corrcoef(new, truth)[0, 1] > 0.9
    assert abs((new / 255).mean() - (old / 255).mean()) < 0.1, "as bright as before"
    beside = ~face.region()
    assert (changed[beside] == face.image[beside]).all()
    warm = relight(face, (-1, 0.5, 1), ambient=0.0, color=(1, 0.5, 0.2))
    assert (warm[region][inner].mean(0) / changed[region][inner].mean(0) * [1, 1.2, 1.6]).argmax() == 0


def test_effects_take_any_kind_of_photo(tmp_path):
    face, _ = made_face()
    PIL.Image.fromarray(face.image).save(tmp_path / "photo.png")
    for image in (face.image / 255, tmp_path / "photo.png"):
        assert np.array_equal(relight(face, image=image), relight(face))
        texture = face.texture(64)
        assert np.array_equal(paint(face, texture, image), paint(face, texture))


def test_impossible_lights_are_refused():
    face, _ = made_face()
    for toward in ((0, 0, 0), (1, 2), (np.nan, 0, 1)):
        with pytest.raises(ValueError, match="three numbers"):
            relight(face, toward)
    with pytest.raises(ValueError, match="0 to 1"):
        relight(face, ambient=1.5)
    for color in ((0, 0, 0), (1, -1, 0), (1, np.nan, 1), (1, 1)):
        with pytest.raises(ValueError, match="colour is three numbers"):
            relight(face, color=color)
    with pytest.raises(ValueError, match="lights nothing of the face"):
        relight(face, (0, 0, -1), ambient=0)


def skin(tone, mark):
    """Skin of one tone with regular marks, which identify the person."""

    def color(u, v):
        spots = np.exp(-((((u - 0.5) % 0.1) - 0.05) ** 2 + ((v % mark) - mark / 2) ** 2) / 0.0003)
        return np.array(tone) * (1 - 0.5 * spots[..., None])

    return color


def test_a_face_swapped_with_itself_hardly_changes():
    face, _ = painted_face(skin((200, 160, 140), 0.12), 3, -12, 4, scale=1.5, size=400)
    swapped = swap_face(face, face)
    off = np.abs(swapped.astype(int) - face.image)
    assert off.max() < 40 and off.mean() < 1.5


def test_a_swap_transfers_the_marks_and_keeps_the_tone():
    source, _ = painted_face(skin((120, 80, 60), 0.08), 0, 20, 0, scale=1.5, size=400)
    target, _ = painted_face(skin((220, 180, 160), 0.2), 5, -10, 5, scale=1.7, size=450)
    swapped = swap_face(source, target)
    assert swapped.shape == target.image.shape and (swapped[~target.region()] == target.image[~target.region()]).all()
    x0, y0 = np.rint(target.landmarks[[48, 27], [0, 1]]).astype(int)
    x1, y1 = np.rint(target.landmarks[[54, 8], [0, 1]]).astype(int)
    inner = np.s_[y0:y1, x0:x1]
    transferred = painted_face(skin((120, 80, 60), 0.08), 5, -10, 5, scale=1.7, size=450)[0].image
    detail = [a[inner].astype(float).mean(2).ravel() for a in (swapped, transferred, target.image)]
    assert np.corrcoef(detail[0], detail[1])[0, 1] > 0.8 and np.corrcoef(detail[0], detail[2])[0, 1] < 0.4
    bright = np.median(swapped[inner].reshape(-1, 3), axis=0)
    assert np.abs(bright - [220, 180, 160]).max() < 35, "the colours match their surroundings"


def test_turned_and_small_faces_are_refused():
    good, _ = painted_face(stripes, 0, 0, 0)
    for pose, name in (((0, 60, 0), "yaw 60"), ((0, -55, 0), "yaw -55"), ((40, 0, 0), "pitch 40")):
        turned, _ = made_face(*pose)
        with pytest.raises(ValueError, match=f"source face is too turned.*{name} degrees, at most"):
            swap_face(turned, good)
        with pytest.raises(ValueError, match=f"target face is too turned.*{name} degrees, at most"):
            swap_face(good, turned)
    small, _ = made_face(scale=0.2)
    with pytest.raises(ValueError, match="source face is too small.*at least 40"):
        swap_face(small, good)


def test_a_swap_at_the_edge_of_the_photo():
    source, _ = painted_face(stripes, 0, 0, 0)
    cut = replace(source, position_map=source.position_map - np.float32([110, 60, 0]))
    assert swap_face(source, cut).shape == cut.image.shape
