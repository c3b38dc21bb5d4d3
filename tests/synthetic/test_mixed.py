"""The generator with scanned shapes and real places: whole heads, exact maps, light that fits the place."""

import numpy as np
from scipy.spatial import cKDTree

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.evaluation.identity import aligned_error
from lprnet_utils.geometry import border_loops
from lprnet_utils.geometry.camera import rotation_matrix
from lprnet_utils.geometry.shading import sh_basis
from lprnet_utils.morphable_model.model import LEFT_OUT_INTERVAL
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.synthetic.mixed import FreeFaces, MixedFaces
from lprnet_utils.synthetic.mixed_people import FreePeople, MixedPeople
from lprnet_utils.synthetic.scans import MixedHead
from lprnet_utils.synthetic.surroundings import Surroundings, panoramas


def test_the_mixed_model_keeps_ours_and_leaves_scans_for_evaluation():
    base, scanned, mixed = MorphableModel.load(), MorphableModel.load("ict"), MorphableModel.load("mixed")
    own, (difference, *added) = len(base.identity), mixed.identity[len(base.identity) :]
    assert np.array_equal(mixed.identity[:own], base.identity) and np.array_equal(mixed.mean, base.mean)
    assert len(added) == len(scanned.identity) * (LEFT_OUT_INTERVAL - 1) // LEFT_OUT_INTERVAL
    assert aligned_error(base.mean + difference, scanned.mean) < 1e-3 < aligned_error(base.mean, scanned.mean) - 1
    # most of a left-out mode cannot be mixed from the kept ones
    left_out = scanned.identity[LEFT_OUT_INTERVAL - 1].ravel().astype(float)
    kept = np.reshape(added, (len(added), -1)).T.astype(float)
    rest = left_out - kept @ np.linalg.lstsq(kept, left_out, rcond=None)[0]
    assert np.linalg.norm(rest) > 0.6 * np.linalg.norm(left_out)


def test_mixed_people_are_ours_and_scanned_ones():
    people, own = MixedPeople(), 80
    drawn = [people.sample(np.random.default_rng(k)) for k in range(200)]
    scanned = np.array(["scan" in labels for _, labels in drawn])
    assert 0.35 < scanned.mean() < 0.65
    added = np.array([c[own : own + 91] for c, _ in drawn])
    assert (added[~scanned] == 0).all() and 0.7 < added[scanned, 1:].std() < 1.1
    shares = added[scanned, 0]
    assert 0 <= shares.min() < 0.2 and 1 < shares.max() < 1.2, "between the two means, and a little beyond"
    assert {len(c) for c, _ in drawn} == {own + 91 + 51}


def test_free_people_have_nothing_of_photos():
    people, own = FreePeople(), 80
    people.mean = people.statistics = None  # nothing may read them
    drawn = [people.sample(np.random.default_rng(k)) for k in range(200)]
    shares, scanned = np.array([c[own] for c, _ in drawn]), np.array(["scan" in labels for _, labels in drawn])
    assert 0.35 < scanned.mean() < 0.65
    for part in (shares[scanned], shares[~scanned]):
        assert 0 <= part.min() < 0.2 and 1 < part.max() < 1.2, "all lie between the two means, and a little beyond"
    settings = [labels for _, labels in drawn if "male" in labels]
    assert 25 < len(settings) < 75
    assert all(
        (c[own + 1 : own + 91] == 0).all() for (c, _), is_scan in zip(drawn, scanned, strict=True) if not is_scan
    )
    assert isinstance(FreeFaces(seed=1).people, FreePeople)


def test_a_mixed_face_sits_in_its_head():
    head, model = MixedHead(), MorphableModel.load("mixed")
    people = MixedPeople()
    drawn = (people.sample(np.random.default_rng(k)) for k in range(40))
    coefficients = np.array([c for c, labels in drawn if "scan" in labels][:8])  # the others are MakeHuman's own heads
    coefficients[:, 171:] = 0
    found = head.vertices(coefficients, np.zeros((8, 2)))
    border = max(border_loops(model.triangles[~model.membrane]), key=len)

    def gap(vertices):
        return cKDTree(vertices[head.kind["head"]]).query(vertices[border])[0].max()

    for vertices, c in zip(found, coefficients, strict=True):
        assert np.abs(vertices[head.kind["face"]] - model.vertices(c[:171])).max() < 1e-3
        assert gap(vertices) < gap(head.mean) + 2.5, "no tear"
        for eye in ("right eye", "left eye"):
            ball = vertices[head.kind[eye]]
            radius = np.linalg.norm(ball - ball.mean(0), axis=1)
            mean_ball = head.mean[head.kind[eye]]
            assert np.abs(radius - np.linalg.norm(mean_ball - mean_ball.mean(0), axis=1)).max() < 0.01, "it stays round"


def test_mixed_photos_have_exact_maps_and_differ_from_the_plain_ones():
    made, layout = MixedFaces(seed=3), UVLayout()
    mean, basis = layout.position_basis(MorphableModel.load("mixed"))
    for k in range(4):
        sample = made.sample(k)
        shape = mean + np.tensordot(sample.coefficients, basis, 1)
        expected = layout.centre_depth(sample.camera.project(shape).reshape(1, 128, 128, 3))[0]
        assert np.abs(expected - sample.position_map)[layout.mask].max() < 0.01
        assert np.array_equal(sample.image, MixedFaces(seed=3).sample(k).image), "the same on every call"
    assert not np.array_equal(made.sample(0).image, SyntheticFaces(seed=3).sample(0).image)


def test_light_and_background_are_of_one_place():
    rng = np.random.default_rng(0)
    assert panoramas().ndim == 4 and panoramas().min() >= 0 and np.isfinite(panoramas()).all()
    for number in (0, 7, 15):
        upright = Surroundings(number, np.eye(3))
        up, down = (upright.harmonics().mean(1) @ sh_basis(np.array([[0.0, y, 0.0]]))[0] for y in (1, -1))
        top, bottom = panoramas()[number][:20].mean(), panoramas()[number][-20:].mean()
        if max(top, bottom) > 3 * min(top, bottom):
            assert (up > down) == (top > bottom), "light comes from the bright side"
        # turned by half a circle about the vertical axis, left is right
        turned = Surroundings(number, rotation_matrix(0, 180, 0))
        sides = [s.harmonics().mean(1)[3] for s in (upright, turned)]
        assert np.isclose(sides[0], -sides[1], rtol=1e-3, atol=1e-4)
        seen = upright.background(rng, 64)
        assert seen.shape == (64, 64, 3) and seen.dtype == np.float32 and 0 <= seen.min() and seen.max() <= 1.2


def test_lids_follow_the_gaze_and_half_of_the_people_look_into_the_camera():
    made = MixedFaces(seed=5)
    people, rest = made.people, np.zeros(171 + 51, np.float32)
    rim = [37, 38, 43, 44]  # the upper lids

    def heights(pitch, yaw=0.0):
        vertices = made.model.vertices(np.zeros(171), people.look(rest, [pitch, yaw])[171:])
        return (made.landmark_weights @ vertices)[rim, 1].mean()

    assert heights(-25) < heights(0) - 1 and heights(20) > heights(0) + 0.3, "mm"
    assert np.array_equal(people.look(rest, [0.0, 0.0]), rest)
    into_camera = 0
    for number in range(100):
        pitch, yaw = made.gaze(np.random.default_rng([5, number, 7]), number)
        assert abs(pitch) <= 25 and abs(yaw) <= 35
        direction = rotation_matrix(pitch, yaw, 0) @ [0, 0, 1]
        pose = made.pose(made.picture_rng(number))[1]
        turned = np.degrees(np.arccos(np.clip(pose[2, 2], -1, 1)))
        if turned < 20:
            into_camera += float((pose @ direction)[2]) > np.cos(np.deg2rad(8))
    near = sum(made.pose(made.picture_rng(n))[1][2, 2] > np.cos(np.deg2rad(20)) for n in range(100))
    assert 0.3 * near < into_camera < 0.95 * near
