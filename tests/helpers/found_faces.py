"""Faces that the page or the npm package found, beside those that this package finds."""

import numpy as np
import pytest

PIXELS, DEGREES, WEIGHT = 0.1, 0.1, 0.01  # how far the page may be from Python
DOTS = (63, 208, 220)  # RGB of the landmarks on the page's picture


def near(picture, colour, most=60):
    """Where a picture has a colour."""
    return np.abs(picture.astype(int) - colour).max(2) < most


def compare(found, faces, coefficients=None):
    """Compare the faces that the page found in a photo with Python's; its own `coefficients` by default."""
    assert len(found["faces"]) == len(faces)
    height, width = faces[0].image.shape[:2] if faces else (300, 400)
    assert (found["width"], found["height"]) == (width, height)
    coefficients = coefficients or [face.coefficients for face in faces]
    for shown, face, fitted in zip(found["faces"], faces, coefficients, strict=True):
        places = {
            "landmarks": face.landmarks,
            "positionMap": face.position_map,
            "vertices": face.vertices,
        }
        for name, points in places.items():
            assert np.abs(np.array(shown[name]).reshape(-1, 3) - points.reshape(-1, 3)).max() < PIXELS, name
        angles = [shown["pose"][name] for name in ("pitch", "yaw", "roll")]
        assert np.allclose(angles, [face.pose.pitch, face.pose.yaw, face.pose.roll], atol=DEGREES, rtol=0)
        camera = face.pose.camera
        assert np.allclose(shown["pose"]["translation"], camera.translation, atol=PIXELS, rtol=0)
        assert shown["pose"]["scale"] == pytest.approx(camera.scale, rel=1e-3)
        weights = dict(zip(fitted.names, fitted.expression.tolist(), strict=True))
        assert shown["expressions"] == pytest.approx(weights, abs=WEIGHT)
        unsupported = {n for n, good in zip(fitted.names, fitted.supported, strict=True) if not good}
        assert set(shown["unsupported"]) == unsupported
        openness = [*face.eye_openness, face.mouth_openness]
        assert shown["openness"] == pytest.approx(openness, abs=WEIGHT)
        assert shown["confidence"] == pytest.approx(face.confidence, abs=WEIGHT)
        eyes = {name: np.array(values, float).reshape(2, 3) for name, values in shown["eyes"].items()}
        assert np.allclose(eyes["irises"], face.irises, atol=PIXELS, rtol=0, equal_nan=True)
        turns = np.degrees(np.arccos(np.clip((eyes["gaze"] * face.gaze).sum(1), -1, 1)))
        assert (turns[np.isfinite(face.gaze[:, 0])] < DEGREES).all()  # from the page's to Python's gaze
