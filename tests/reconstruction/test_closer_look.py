"""The closer look moves the map to what its networks answer, where they are sure, and nothing elsewhere."""

import numpy as np
import pytest

from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.geometry.camera import Camera
from lprnet_utils.networks import closer_eye, closer_mouth
from lprnet_utils.networks.export import convert_litert
from lprnet_utils.reconstruction.closer_look import EXTRAS_MIDDLE, EXTRAS_UNIT, CloserLooker, trust
from lprnet_utils.uv.encoding import mirror_map

SURE = 30.0


@pytest.fixture(scope="module")
def networks():
    return closer_eye(), closer_mouth()


@pytest.fixture(scope="module")
def models(networks):
    return tuple(convert_litert(network, "float32") for network in networks)


@pytest.fixture
def looker(models):
    return CloserLooker(*models)


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (30, 40, 3), np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


def posed_map(layout, pitch=0, yaw=0, roll=0, scale=1.2):
    camera = Camera(rotation_matrix(pitch, yaw, roll), scale, np.array([200.0, 150, 0]))
    return camera.project(layout.mean_map).astype(np.float32)


def answers(looker, answer):
    """Let both networks answer what a function of the grid (P, 3) says: moves (P, 3) and extras (7,)."""

    def model(crop, grid):
        moves, extras = answer(grid)
        return [np.r_[moves.ravel(), (np.asarray(extras, float) - EXTRAS_MIDDLE) / EXTRAS_UNIT]]

    looker._eye = looker._mouth = model


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 40, -25), (0, -60, 150)])
def test_where_it_is_sure_the_map_goes_where_the_answer_says(looker, photo, angles):
    layout = looker.regions.layout
    first = posed_map(layout, *angles)
    # the answer: all points lie 2 % of the crop's side to the right, 1 % further down, 3 % nearer
    answers(looker, lambda grid: (np.tile([0.02, 0.01, 0.03], (len(grid), 1)), [0, 0, 0.09, 0, 0, 1, SURE]))
    found, look = looker(photo, first)
    assert (look.confidence == 1).all()
    camera = layout.camera(first)
    for region in looker.regions.all:
        frame = region.frame(layout.flat(first), camera)
        core = region.texels[region.window == 1]
        moved = frame.into(layout.flat(found)[core]) - frame.into(layout.flat(first)[core])
        np.testing.assert_allclose(moved, np.tile([0.02, 0.01, 0.03], (len(core), 1)), atol=1e-5)
    inside = np.zeros(layout.size**2, bool)
    inside[np.concatenate([region.texels for region in looker.regions.all])] = True
    outside = ~inside & layout.mask.ravel()
    assert np.array_equal(layout.flat(found)[outside], layout.flat(first)[outside])


def test_without_confidence_the_first_map_stays_exactly(looker, photo):
    first = posed_map(looker.regions.layout, 5, 20, 0)
    answers(looker, lambda grid: (np.full((len(grid), 3), 0.1), [0, 0, 0.09, 0, 0, 1, -SURE]))
    found, look = looker(photo, first)
    assert np.array_equal(found, first)
    assert (look.confidence == 0).all()


def test_a_face_too_small_to_look_closer_stays_as_it_is(looker, photo):
    first = posed_map(looker.regions.layout, scale=0.18)  # 19 pixels for the mouth, 13 for an eye
    answers(looker, lambda grid: (np.full((len(grid), 3), 0.1), [0, 0, 0.09, 0, 0, 1, SURE]))
    found, look = looker(photo, first)
    assert np.array_equal(found, first)
    assert (look.confidence == 0).all()


def test_trust_grows_with_the_answer_and_with_the_size():
    assert trust(SURE, 100) == 1
    assert trust(-SURE, 100) == trust(SURE, 19.9) == 0
    assert 0 < trust(0.0, 100) < trust(0.5, 100) < 1
    assert 0 < trust(SURE, 25) < trust(SURE, 30) < 1


@pytest.mark.parametrize("roll", [0, 30, -90])
def test_gaze_and_irises_are_in_the_photos_frame(looker, photo, roll):
    layout = looker.regions.layout
    first = posed_map(layout, 0, 0, roll)
    answers(looker, lambda grid: (np.zeros((len(grid), 3)), [0.1, 0.05, 0.08, 0.6, 0, 0.8, SURE]))
    _, look = looker(photo, first)
    # each crop shows the person's own outer side at the same side: 0.6 to its right is inward for both eyes
    turned = rotation_matrix(0, 0, roll) @ np.array([[0.6, 0, 0.8], [-0.6, 0, 0.8]]).T
    np.testing.assert_allclose(look.gaze, turned.T, atol=1e-5)
    np.testing.assert_allclose(look.irises[:, 2], 0.08 * looker.regions.all[0].side * 1.2, rtol=1e-3)
    landmarks = layout.landmarks(first)
    for eye, iris, side in ((slice(36, 42), look.irises[0], 1), (slice(42, 48), look.irises[1], -1)):
        away = (iris[:2] - landmarks[eye, :2].mean(0)) / (looker.regions.all[0].side * 1.2)
        down = rotation_matrix(0, 0, roll)[:2, :2] @ [side * 0.1, -0.05] * [1, -1]
        np.testing.assert_allclose(away, down, atol=1e-3)


def test_the_mirrored_photo_gives_the_mirrored_answer(looker, photo):
    """With real networks, of random weights: both eyes are seen by one of them, the left one mirrored."""
    layout, width = looker.regions.layout, photo.shape[1]
    first = posed_map(layout, 5, 15, 10)
    mirrored = mirror_map(first, width)
    looker_answers = []
    for picture, position_map in ((photo, first), (np.ascontiguousarray(photo[:, ::-1]), mirrored)):
        looker_answers.append(looker(picture, position_map)[1])
    a, b = looker_answers
    np.testing.assert_allclose(a.irises[:, 0], width - 1 - b.irises[::-1, 0], atol=0.05)
    np.testing.assert_allclose(a.irises[:, 1:], b.irises[::-1, 1:], atol=0.05)
    np.testing.assert_allclose(a.gaze * [-1, 1, 1], b.gaze[::-1], atol=0.01)


def test_litert_answers_as_keras_does(networks, looker):
    rng = np.random.default_rng(1)
    for network, model in zip(networks, (looker._eye, looker._mouth), strict=True):
        crop, grid = (rng.random(t.shape[1:], np.float32) for t in network.inputs)
        expected = np.asarray(network([crop[None], grid[None]], training=False))[0]
        np.testing.assert_allclose(model(crop, grid)[0], expected, atol=1e-3)
