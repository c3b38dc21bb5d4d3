"""The photos for the closer look: eyes that look where the truth says, behind lids that they never come through."""

import numpy as np
import pytest

from lprnet_utils.geometry.camera import Camera
from lprnet_utils.geometry.shading import Light
from lprnet_utils.synthetic.close_faces import EYES, CloseFaces, tongue
from lprnet_utils.synthetic.close_people import ClosePeople
from lprnet_utils.synthetic.eyes import Irises, Lids, lashes, lid_shadow
from lprnet_utils.synthetic.renderer import draw_head


@pytest.fixture(scope="module")
def faces():
    return CloseFaces(seed=4)


@pytest.fixture(scope="module")
def samples(faces):
    return [faces.sample_with_truth(number) for number in range(24)]


def test_pictures_are_larger_than_maps_and_the_same_for_the_same_number(faces, samples):
    sample, truth = samples[3]
    assert sample.image.shape == (256, 256, 3)
    assert sample.position_map.shape == truth.visible.shape + (3,) == (128, 128, 3)
    again = CloseFaces(seed=4).sample(3)
    assert np.array_equal(again.image, sample.image)
    assert 40 < np.ptp(faces.layout.landmarks(sample.position_map)[:, 1]) < 256


def test_eyeballs_touch_their_lids_and_do_not_come_through(faces):
    head = faces.head
    for number in range(2):
        for vertices in faces.block(number)[2]:
            for name, skin, lids in zip(EYES, head.lid_skin, head.lids, strict=True):
                centre = head.eye_centre(vertices[head.kind[name]])
                away = np.linalg.norm(vertices[skin] - centre, axis=1) - head.eye_radius
                assert (away < -0.3).mean() < 0.03, "skin inside of the eyeball"
                rim = np.linalg.norm(vertices[lids.upper] - centre, axis=1) - head.eye_radius
                assert rim.min() < 2.5, "a gap between the eyeball and the whole lid"


def test_the_iris_is_where_the_truth_says(faces):
    """Of a bare head in even light, the pixels around the iris' centre are the darkest of the eye."""
    light = Light(np.r_[[[3.0] * 3], np.zeros((8, 3))], np.array([0.0, 0, 1]), np.zeros(3), 0.0)
    coefficients, labels, heads = faces.block(0)
    checked = 0
    for k in range(12):
        rng, vertices = np.random.default_rng(k), heads[k]
        camera = Camera(np.eye(3), 3.0, np.array([128.0, 200.0, 0.0]))
        surface, _ = faces.appearance.surface(rng, dict(labels[k]))
        drawn = draw_head(faces.head, vertices, surface, light, camera, 256)
        for name in EYES:
            part = faces.head.kind[name]
            centre = faces.head.eye_centre(vertices[part])
            pupil = camera.project(centre + 0.97 * (vertices[part][0] - centre))
            column, row = np.rint(pupil[:2]).astype(int)
            if not (drawn.sees(pupil[None], 3.0)[0] and 3 < column < 252 and 3 < row < 252):
                continue
            triangle = drawn.index[2 * row, 2 * column]
            if not np.isin(faces.head.triangles[triangle], np.arange(part.start, part.stop)).all():
                continue  # behind the lids
            checked += 1
            assert drawn.picture[row, column].max() < 0.06
    assert checked >= 8


def test_gaze_is_that_of_the_eyeballs_and_the_eyes_differ(faces, samples):
    differences = []
    for sample, truth in samples:
        np.testing.assert_allclose(np.linalg.norm(truth.gaze, axis=1), 1, atol=1e-3)
        assert (truth.gaze[:, 2] > 0.5).all()
        differences.append(np.degrees(np.arccos(np.clip(truth.gaze[0] @ truth.gaze[1], -1, 1))))
        middle = faces.layout.landmarks(sample.position_map)[[[36, 39], [42, 45]]].mean(1)
        assert np.abs(truth.iris - middle)[:, :2].max() < 16 * sample.camera.scale
        assert 4.5 < truth.radius / sample.camera.scale < 7  # mm
    assert 0.5 < np.median(differences) < 6


def test_what_is_hidden_is_not_visible(samples):
    free = [(s, t) for s, t in samples if abs(s.labels["yaw"]) > 60 and t.visible.mean() > 0.2]
    assert len(free) > 2
    for sample, truth in free:
        right, left = truth.visible[:, :64].mean(), truth.visible[:, 64:].mean()
        assert (right > left) == (sample.labels["yaw"] < 0), "the far half of a turned face is hidden"


def test_lids_lie_opposite_of_each_other(faces):
    mean = faces.model.mean
    rims = Lids.of(faces.model)
    for rim, open_by in zip(rims, (6, 6, 0.5), strict=True):
        assert rim.upper[0] == rim.lower[0]
        assert rim.upper[-1] == rim.lower[-1]
        assert open_by < rim.gap(mean) < 10


def test_the_lids_keep_light_from_the_eye_near_them(faces):
    vertices, lids = faces.head.mean, faces.head.lids[0]
    ball = vertices[faces.head.kind["right eye"]]
    shadow = lid_shadow(np.random.default_rng(0), ball, vertices[lids.upper], vertices[lids.lower])
    assert 0 < shadow.min() < 0.6
    assert shadow.max() <= 1
    assert shadow[0] > shadow[np.linalg.norm(ball - vertices[lids.upper][15], axis=1).argmin()]


def test_lashes_reach_away_from_the_eye(faces):
    vertices, lids = faces.head.mean, faces.head.lids[1]
    centre = faces.head.eye_centre(vertices[faces.head.kind["left eye"]])
    part = lashes(np.random.default_rng(0), "upper", vertices[lids.upper], centre, np.zeros(3), 0.5, 9.0)
    root, _, tip = part.vertices.reshape(3, -1, 3)
    reach = np.linalg.norm(tip - root, axis=1)
    assert 7 < reach.max() < 12
    assert (tip[:, 1] > root[:, 1]).all()
    assert (tip[:, 2] > root[:, 2]).mean() > 0.9
    assert part.texture[..., 1].max() <= 128


def test_irises_have_a_pupil_a_dark_border_and_a_white_around():
    rng = np.random.default_rng(1)
    irises = Irises.sample(rng, 0.7, False)
    angles = np.array([0.5 * irises.pupil, 0.5 * (irises.pupil + irises.radius), irises.radius * 0.999, 0.9])
    pupil, iris, limbus, white = irises.colors(rng, angles, np.full(4, 1.0)).mean(1)
    assert pupil < 0.01 < limbus < iris < white


def test_a_tongue_stays_behind_closed_lips(faces):
    lips = faces.head.mean[faces.head.rim]
    for seed in range(20):
        part = tongue(np.random.default_rng(seed), lips)
        assert part.vertices[:, 2].max() < lips[:, 2].mean() - 2


def test_a_soft_smile_may_show_teeth_though_its_corners_hardly_move():
    people, rng = ClosePeople(), np.random.default_rng(8)
    people.soft_smile_share = 1.0
    names = people.model.expression_names
    drawn = np.array([people.posed_expression(rng) for _ in range(200)])
    smile, lip, blink = (drawn[:, names.index(n)] for n in ("mouthSmileLeft", "mouthUpperUpLeft", "eyeBlinkLeft"))
    assert (smile > 0.05).all() and smile.max() < 1 and not blink.any()
    assert 0.35 < (lip == 0).mean() < 0.65, "each part is there or not"
    assert ((lip > 0.25) & (smile < 0.3)).any() and ((lip == 0) & (smile > 0.4)).any()
