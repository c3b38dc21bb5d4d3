"""Gaze, irises, and how far eyes and mouth are open, of faces with a known shape."""

from dataclasses import replace

import numpy as np
import pytest
from made_faces import made_face

from lprnet_utils.morphable_model.seen_expressions import SEEN_EXPRESSIONS
from lprnet_utils.reconstruction.closer_look import CloserLook

UNSEEN = np.full(len(SEEN_EXPRESSIONS), np.nan)


def looking(face, camera, gaze, confidence=(1.0, 1.0, 1.0), expressions=UNSEEN):
    """The face with a closer look that saw both eyes look along vectors (2, 3) of the face frame.

    What was seen is the face's as it is, without a share of a fit to the map.
    """
    irises = np.array([[100.0, 140, 6], [200, 140, 6]])
    seen = np.asarray(gaze, float) @ camera.rotation.T
    look = CloserLook(np.array(confidence), irises, seen, face.position_map, expressions, joined=True)
    return replace(face, closer_look=look)


@pytest.mark.parametrize("pose", [(0, 0, 0), (10, 40, -20), (-15, -30, 90)])
def test_gaze_is_in_the_frame_of_the_head(pose):
    face, camera = made_face(*pose)
    directions = np.array([[0.3, 0.1, 0.9], [-0.2, 0, 1]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    face = looking(face, camera, directions)
    np.testing.assert_allclose(face.gaze, directions, atol=1e-3)
    np.testing.assert_array_equal(face.irises, face.closer_look.irises)


def test_the_weights_of_the_gaze_are_those_that_are_seen():
    face, camera = made_face(0, 10, 0)
    up = np.radians(15)
    face = looking(face, camera, [[0, np.sin(up), np.cos(up)]] * 2)
    named = face.coefficients.named()
    for side in ("Left", "Right"):
        assert named[f"eyeLookUp{side}"] == pytest.approx(0.5, abs=0.01)
        assert named[f"eyeLookDown{side}"] == 0
        assert named[f"eyeLookIn{side}"] < 0.02 and named[f"eyeLookOut{side}"] < 0.02


def test_the_weights_that_a_closer_look_saw_are_the_faces():
    face, camera = made_face(expression={"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6})
    seen = np.where([name.startswith("mouth") for name in SEEN_EXPRESSIONS], 0.3, np.nan)
    looked = looking(face, camera, [[0, 0, 1.0]] * 2, expressions=seen)
    found = looked.coefficients
    named = found.named()
    assert named["mouthSmileLeft"] == named["mouthPucker"] == pytest.approx(0.3)
    assert found.seen >= {"mouthSmileLeft", "eyeLookUpLeft"} and "jawOpen" not in found.seen
    assert found.supported[found.names.index("mouthDimpleLeft")], "what is seen counts as found"
    smile = face.coefficients.named()["mouthSmileLeft"]
    assert smile == pytest.approx(0.6, abs=0.1), "without a closer look it is fitted"
    rest = looking(face, camera, [[0, 0, 1.0]] * 2, expressions=seen / 3)
    beside = looked.fit_coefficients(neutral=rest).named()
    assert beside["mouthSmileLeft"] == pytest.approx((0.3 - 0.1) / 0.9, abs=1e-3)
    assert looked.fit_coefficients(neutral=looked).named()["mouthSmileLeft"] == 0


def test_an_eye_that_is_hidden_or_closed_has_no_gaze():
    ahead = [[0, 0, 1.0]] * 2
    hidden = looking(*made_face(), ahead, confidence=(0.0, 0.7, 1.0))
    assert np.isnan(hidden.gaze[0]).all() and np.isfinite(hidden.gaze[1]).all()
    assert np.isnan(hidden.irises[0]).all() and np.isfinite(hidden.irises[1]).all()
    winking = looking(*made_face(expression={"eyeBlinkLeft": 1.0}), ahead)
    assert np.isnan(winking.gaze[1]).all() and np.isfinite(winking.gaze[0]).all()
    face, _ = made_face()
    assert np.isnan(face.gaze).all() and np.isnan(face.irises).all(), "without a closer look"


def test_openness_grows_from_0_for_closed_eyes_and_mouths():
    neutral, _ = made_face(0, 20, 10)
    blinking, _ = made_face(0, 20, 10, expression={"eyeBlinkRight": 1.0, "eyeBlinkLeft": 0.5})
    wide, _ = made_face(0, 20, 10, expression={"eyeWideLeft": 1.0, "jawOpen": 0.7})
    pouting, _ = made_face(0, 20, 10, expression={"jawOpen": 0.5, "mouthClose": 1.0})
    np.testing.assert_allclose(neutral.eye_openness, 0.35, atol=0.03)
    assert blinking.eye_openness[0] == 0 and 0.05 < blinking.eye_openness[1] < 0.2
    assert wide.eye_openness[0] == pytest.approx(neutral.eye_openness[0], abs=0.01)
    assert wide.eye_openness[1] > 0.45
    assert neutral.mouth_openness < 0.03 and wide.mouth_openness > 0.5
    assert pouting.mouth_openness < 0.03
