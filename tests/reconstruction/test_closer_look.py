"""The closer look moves the map to what its networks answer, where they are sure; the rest of the face follows."""

import numpy as np
import pytest

from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.geometry.camera import Camera
from lprnet_utils.morphable_model.seen_expressions import REGION_EXPRESSIONS, SEEN_EXPRESSIONS, join_regions
from lprnet_utils.networks import closer_eye, closer_mouth
from lprnet_utils.networks.export import convert_litert
from lprnet_utils.reconstruction.closer_look import EXTRAS_MIDDLE, EXTRAS_UNIT, FOLLOW, CloserLooker, trust
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
    """Let both networks answer what a function of the grid (P, 3) says: moves (P, 3) and extras (7,).

    Expressions are 0.01, 0.02, ... in the order of the region's names.
    """

    def model_of(region):
        shown = np.arange(1, 1 + len(REGION_EXPRESSIONS[region])) / 100

        def model(crop, grid):
            moves, extras = answer(grid)
            return [np.r_[moves.ravel(), (np.asarray(extras, float) - EXTRAS_MIDDLE) / EXTRAS_UNIT, shown]]

        return model

    looker._eye, looker._mouth = model_of(0), model_of(2)


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


def outside(regions):
    inside = np.zeros(regions.layout.size**2, bool)
    inside[np.concatenate([region.texels for region in regions.all])] = True
    return ~inside & regions.layout.mask.ravel()


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 40, -25)])
def test_the_rest_of_the_face_follows_a_share_of_what_the_regions_do_together(looker, photo, angles):
    layout, regions = looker.regions.layout, looker.regions
    first, turn = posed_map(layout, *angles), 1.03 * rotation_matrix(0, 0, 4)[:2, :2]

    def together(points):
        out = np.array(points, float)
        out[:, :2] = (points[:, :2] - 200) @ turn.T + [203, 198]
        return out

    def look(image, region, frame, flat):
        grid = frame.into(flat[region.grid])
        extras = np.r_[EXTRAS_MIDDLE[:6], SURE]
        shown = np.zeros(len(REGION_EXPRESSIONS[2 if region.name == "mouth" else 0]))
        return frame.into(together(frame.out(grid))) - grid, extras, shown

    looker._look = look
    rest, before = outside(regions), layout.flat(first)
    after = layout.flat(looker(photo, first)[0])
    whole = together(before)[rest, :2] - before[rest, :2]
    np.testing.assert_allclose((after - before)[rest, :2], FOLLOW * whole, atol=0.02)
    assert np.array_equal(after[rest, 2], before[rest, 2])
    assert np.abs(whole).max() > 5


def test_unless_all_regions_are_seen_the_rest_of_the_face_stays_exactly(looker, photo):
    first = posed_map(looker.regions.layout)
    answers(looker, lambda grid: (np.full((len(grid), 3), 0.05), [0, 0, 0.09, 0, 0, 1, SURE]))
    looker._mouth = lambda crop, grid: [np.r_[np.full(grid.size, 0.05), np.zeros(6), -SURE, np.zeros(30)]]
    found, look = looker(photo, first)
    assert look.confidence.tolist() == [1, 1, 0]
    rest, (before, after) = outside(looker.regions), map(looker.regions.layout.flat, (first, found))
    assert np.array_equal(after[rest], before[rest]) and not np.array_equal(after, before)


def test_without_confidence_the_first_map_stays_exactly(looker, photo):
    first = posed_map(looker.regions.layout, 5, 20, 0)
    answers(looker, lambda grid: (np.full((len(grid), 3), 0.1), [0, 0, 0.09, 0, 0, 1, -SURE]))
    found, look = looker(photo, first)
    assert np.array_equal(found, first)
    assert (look.confidence == 0).all()
    assert look.weights == {}


def test_expressions_are_those_of_the_regions_that_are_seen(looker, photo):
    first = posed_map(looker.regions.layout)
    answers(looker, lambda grid: (np.zeros((len(grid), 3)), [0, 0, 0.09, 0, 0, 1, SURE]))
    look = looker(photo, first)[1]
    assert list(look.weights) == list(SEEN_EXPRESSIONS)
    for names in REGION_EXPRESSIONS:
        np.testing.assert_allclose([look.weights[n] for n in names], np.arange(1, 1 + len(names)) / 100, atol=1e-6)
    only_mouth = join_regions([np.full(7, 0.5), np.full(7, 0.5), np.full(30, 1.5)], [0, 0, 0.2])
    assert np.isnan(only_mouth[:13]).all() and (only_mouth[13:] == 1).all()
    both_eyes = join_regions([np.full(7, 0.2), np.full(7, 0.6), np.zeros(30)], [0.3, 0.1, 0])
    assert both_eyes[SEEN_EXPRESSIONS.index("browInnerUp")] == pytest.approx(0.3)
    assert both_eyes[SEEN_EXPRESSIONS.index("eyeBlinkLeft")] == pytest.approx(0.6)


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
    right, left = [*range(17, 22), *range(36, 42)], [*range(22, 27), *range(42, 48)]  # brow and lids
    for eye, iris, side in ((right, look.irises[0], 1), (left, look.irises[1], -1)):
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


def test_no_two_regions_overlap(looker):
    texels = np.concatenate([region.texels for region in looker.regions.all])
    assert len(texels) == len(np.unique(texels))


def test_litert_answers_as_keras_does(networks, looker):
    rng = np.random.default_rng(1)
    for network, model in zip(networks, (looker._eye, looker._mouth), strict=True):
        crop, grid = (rng.random(t.shape[1:], np.float32) for t in network.inputs)
        expected = np.asarray(network([crop[None], grid[None]], training=False))[0]
        np.testing.assert_allclose(model(crop, grid)[0], expected, atol=1e-3)
