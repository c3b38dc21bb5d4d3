"""Identity and expression weights, fitted to maps made with known weights."""

import numpy as np
import pytest
from made_faces import made_face
from scipy.optimize import lsq_linear

from lprnet_utils import MorphableModel
from lprnet_utils.geometry import rotation_distance
from lprnet_utils.reconstruction import ShapeFitter
from lprnet_utils.reconstruction.expressions import bounded_minimum

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
