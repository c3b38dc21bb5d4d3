"""Identity and expression weights, fitted to maps made with known weights."""

from dataclasses import replace

import numpy as np
import pytest
from made_faces import made_face
from scipy.optimize import lsq_linear

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.geometry import rotation_distance
from lprnet_utils.morphable_model.seen_expressions import SEEN_EXPRESSIONS
from lprnet_utils.reconstruction import ShapeFitter
from lprnet_utils.reconstruction.closer_look import CloserLook
from lprnet_utils.reconstruction.expressions import (
    FIRST_MAP_SHARE,
    bounded_minimum,
    expression_quality,
    unsupported_expressions,
)

# Shapes that move the skin by half a millimetre or more on average. The gaze moves it less than the noise.
STRONG = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthPucker", "cheekPuff", "browDownLeft", "eyeBlinkRight")


def test_bounded_minimum_is_the_minimum():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = rng.normal(size=(60, 25))
        target = rng.normal(size=60) * 3
        x = bounded_minimum(rows.T @ rows, rows.T @ target, rng.uniform(-0.5, 1.5, 25))
        expected = lsq_linear(rows, target, (0, 1), method="bvls").x
        assert np.abs(x - expected).max() < 1e-6 and x.min() >= 0 and x.max() <= 1


def test_a_smile_and_an_open_mouth_are_found():
    face, _ = made_face(0, 15, 5, expression={"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})
    first, second, *_ = face.coefficients.named().items()
    assert {first[0], second[0]} == {"mouthSmileLeft", "mouthSmileRight"} and first[1] == pytest.approx(0.8, abs=0.1)
    face, _ = made_face(-5, -20, 0, expression={"jawOpen": 0.6})
    first, *_ = face.coefficients.named().items()
    assert first == ("jawOpen", pytest.approx(0.6, abs=0.05))
    face, _ = made_face(expression={"eyeBlinkLeft": 1.0})
    first, *_ = face.coefficients.named().items()
    assert first[0] == "eyeBlinkLeft" and first[1] > 0.85, "left and right are told apart"
    neutral, _ = made_face(0, 30, 0)
    assert neutral.coefficients.named(min_weight=0.05) == {} and len(neutral.coefficients.named()) == 51


def test_known_weights_come_back():
    rng = np.random.default_rng(1)
    names = MorphableModel.load().expression_names
    identity_error, expression_error = [], []
    for _ in range(12):
        identity, weights = rng.normal(size=80), np.zeros(51)
        chosen = rng.choice(len(STRONG), 3, replace=False)
        weights[[names.index(STRONG[k]) for k in chosen]] = rng.uniform(0.3, 1.0, 3)
        weights[rng.choice(51, 2, replace=False)] += 0.3
        weights = np.clip(weights, 0, 1)
        face, camera = made_face(*rng.uniform([-15, -50, -15], [15, 50, 15]), identity=identity, expression=weights)
        found = face.coefficients
        assert found.expression.min() >= 0 and found.expression.max() <= 1 and found.error < 0.6
        assert rotation_distance(found.camera.rotation, camera.rotation) < 0.7
        identity_error.append(found.identity - identity)
        expression_error.append(found.expression - weights)
    strong_error = np.array(expression_error)[:, [names.index(n) for n in STRONG]]
    # measured: 0.44 standard deviations of a mode, 0.04, 0.04
    for error, limit in ((identity_error, 0.55), (strong_error, 0.08), (expression_error, 0.1)):
        assert np.sqrt(np.mean(np.square(error))) < limit


def test_noise_causes_no_strong_expression():
    face, _ = made_face(0, 20, 0, identity=np.random.default_rng(2).normal(size=80))
    noisy = face.position_map + np.random.default_rng(3).normal(0, 1.5, face.position_map.shape)
    found = ShapeFitter.load().fit(noisy)
    assert found.expression.max() < 0.25 and found.expression.sum() < 1.0


def test_expressions_of_a_known_person_in_several_frames():
    identity = np.random.default_rng(4).normal(size=80)
    fitter = ShapeFitter.load()
    start, _ = made_face(0, 0, 0, identity=identity)
    known = start.coefficients
    for yaw, opening in ((5, 0.1), (15, 0.5), (25, 0.9), (30, 0.2)):
        face, camera = made_face(0, yaw, 0, identity=identity, expression={"jawOpen": opening})
        known = fitter.fit_expression(face.position_map, known)
        assert known.named()["jawOpen"] == pytest.approx(opening, abs=0.06)
        assert sum(v for n, v in known.named().items() if n != "jawOpen") < 0.3
        assert rotation_distance(known.camera.rotation, camera.rotation) < 1
    assert np.array_equal(known.identity, start.coefficients.identity)


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match="position map"):
        ShapeFitter.load().fit(np.zeros((64, 64, 3)))


def test_beside_the_persons_face_at_rest_their_features_are_no_expression():
    rng = np.random.default_rng(4)
    names = MorphableModel.load().expression_names
    alone, beside = [], []
    for _ in range(6):
        # this person's corners of the mouth are up, and the brows down, at rest
        habits = {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "browDownLeft": 0.4, "browDownRight": 0.4}
        identity, (a, b) = rng.normal(size=80), rng.uniform([-10, -30, -10], [10, 30, 10], (2, 3))
        rest, _ = made_face(*a, identity=identity, expression=habits)
        shown, _ = made_face(*b, identity=identity, expression=habits | {"jawOpen": 0.5})
        true = np.array([0.5 * (name == "jawOpen") for name in names])
        alone.append(np.abs(shown.coefficients.expression - true).max())
        found = shown.fit_coefficients(neutral=rest)
        beside.append(np.abs(found.expression - true).max())
        assert np.abs(rest.fit_coefficients(neutral=rest).expression).max() < 0.02
        assert found.error < 0.3
    assert max(beside) < 0.1 < 0.25 < min(alone)
    small = replace(shown, layout=UVLayout(64), position_map=shown.position_map[::2, ::2])
    with pytest.raises(ValueError, match="maps of 64 and 128 texels"):
        shown.fit_coefficients(neutral=small)


def test_weights_that_are_seen_stay_as_they_are():
    face, _ = made_face(expression={"jawOpen": 0.6})
    fitter = ShapeFitter.load()
    found = fitter.fit(face.position_map, {"eyeLookUpLeft": 0.7, "eyeLookDownLeft": 1.4}).named()
    assert found["eyeLookUpLeft"] == pytest.approx(0.7) and found["eyeLookDownLeft"] == 1
    assert found["jawOpen"] == pytest.approx(0.6, abs=0.05)
    known = fitter.fit_expression(face.position_map, fitter.fit(face.position_map), {"eyeLookUpLeft": 0.2}).named()
    assert known["eyeLookUpLeft"] == pytest.approx(0.2)


def seen_in(face, expressions):
    """The same face after a closer look that left its map as it was, and saw these weights (43,)."""
    ahead = np.tile([0.0, 0.0, 1.0], (2, 1))
    return replace(face, closer_look=CloserLook(np.ones(3), np.ones((2, 3)), ahead, face.position_map, expressions))


def test_what_is_seen_has_a_share_of_the_first_maps_fit():
    face, _ = made_face(0, 15, 5, expression={"jawOpen": 0.6})
    share, jaw = FIRST_MAP_SHARE, SEEN_EXPRESSIONS.index("jawOpen")
    weights = np.where(np.arange(len(SEEN_EXPRESSIONS)) == jaw, 0.2, 0.0)
    weights[SEEN_EXPRESSIONS.index("eyeBlinkLeft")] = np.nan
    seen, fitter = seen_in(face, weights), ShapeFitter.load()
    assert seen.coefficients.named()["jawOpen"] == pytest.approx(0.2 + share * (0.6 - 0.2), abs=0.01)
    assert "eyeBlinkLeft" not in seen.seen_expressions, "an eye that is not seen"
    joined = fitter.join(seen.closer_look)
    assert joined.weights == {n: w for n, w in seen.seen_expressions.items() if not n.startswith("eyeLook")}
    assert fitter.join(joined) is joined, "once is enough"
    assert replace(face, closer_look=joined).seen_expressions == seen.seen_expressions
    blind = seen_in(face, np.full(len(SEEN_EXPRESSIONS), np.nan)).closer_look
    assert fitter.join(blind) is blind


def test_beside_itself_a_face_shows_nothing_of_what_is_seen():
    face, _ = made_face(expression={"jawOpen": 0.6})
    seen = seen_in(face, np.full(len(SEEN_EXPRESSIONS), 0.4))
    found = seen.fit_coefficients(neutral=seen).named()
    assert max(found[name] for name in SEEN_EXPRESSIONS) < 1e-6


@pytest.mark.parametrize("way", ["fit", "closer look"])
def test_weights_that_are_found_badly_are_named(way):
    quality, bad = expression_quality(way), unsupported_expressions(way)
    assert set(quality) == set(MorphableModel.load().expression_names)
    column = "correlation 0-30"
    for name in {name.removesuffix("Left") for name in quality if name.endswith("Left")}:
        both = [quality[f"{name}{side}"][column] for side in ("Left", "Right")]
        assert {f"{name}Left" in bad, f"{name}Right" in bad} == {np.mean(both) < 0.5}, "both sides together"
    assert not {"jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft"} & bad


def test_a_weight_is_judged_by_the_way_in_which_it_was_found():
    bad, bad_if_seen = unsupported_expressions(), unsupported_expressions("closer look")
    face, _ = made_face(expression={"jawOpen": 0.6} | {name: 0.4 for name in sorted(bad)[:3]})
    found = face.coefficients
    assert set(found.named(supported=True)) == set(found.named()) - bad
    assert "eyeLookUpLeft" in bad - bad_if_seen
    seen = ShapeFitter.load().fit(face.position_map, {"eyeLookUpLeft": 0.3})
    assert seen.supported[seen.names.index("eyeLookUpLeft")], "seen in the photo"
    assert not seen.supported[seen.names.index("eyeLookUpRight")]
    with pytest.raises(ValueError, match="by 'fit' or 'closer look', not by 'guess'"):
        expression_quality("guess")
    assert [name for name, kept in zip(found.names, found.supported, strict=True) if not kept] == [
        name for name in found.names if name in bad
    ]
