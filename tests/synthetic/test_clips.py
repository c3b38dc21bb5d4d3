"""Rendered clips: faces are drawn where the position maps say, move smoothly, and are the same each time."""

import numpy as np
import pytest

from lprnet_utils.geometry import Camera
from lprnet_utils.reconstruction import ShapeFitter
from lprnet_utils.synthetic import look_around, nod, rendered_clip, rest, still, talk


def test_a_clip_is_the_same_each_time():
    clip, again = (rendered_clip(3, (200, 150), seed=4, noise=5) for _ in range(2))
    assert len(clip) == 3 and clip.size == (200, 150) and clip.fps == 30
    frames = list(clip)
    for frame, other in zip(frames, reversed([again[k] for k in (2, 1, 0)]), strict=True):
        assert frame.image.shape == (150, 200, 3) and frame.image.dtype == np.uint8
        assert np.array_equal(frame.image, other.image) and np.array_equal(frame.position_maps, other.position_maps)
    assert frames[2].time == pytest.approx(2 / 30) and np.array_equal(clip[-1].image, frames[2].image)
    assert not np.array_equal(rendered_clip(1, (200, 150), seed=5)[0].image, frames[0].image)


def test_position_maps_have_the_given_pose_and_expression():
    asked = (12.0, -20.0, 5.0)
    clip = rendered_clip(1, (320, 240), pose=lambda t: asked, expression=lambda t: {"jawOpen": 0.7})
    (position_map,) = clip.position_maps(0)
    layout = clip.layout
    assert abs(position_map[layout.mask][:, 2].mean()) < 1e-3, "z of mean 0"
    camera = Camera.fit(layout.points(layout.mean_map), layout.points(position_map))
    assert np.allclose(camera.angles, asked, atol=6), "a person's face differs from the mean face"
    fitted = ShapeFitter.load().fit(position_map)
    assert fitted.error < 2 and fitted.named(0.3).get("jawOpen", 0) == pytest.approx(0.7, abs=0.2)
    assert np.ptp(clip.landmarks(0)[0, :, 1]) == pytest.approx(0.42 * 240, rel=0.2)


def test_the_face_is_drawn_where_its_landmarks_are():
    clip = rendered_clip(8, (320, 240), seed=3, pose=lambda t: nod(t, 30, 4), expression=rest)
    still_clip = rendered_clip(1, (320, 240), seed=3, pose=still, expression=rest)
    changed = np.abs(still_clip[0].image.astype(int) - clip[2].image).max(-1) > 25
    points = np.concatenate([still_clip.landmarks(0)[0], clip.landmarks(2)[0]])[:, :2]
    low, high = points.min(0).astype(int) - 75, points.max(0).astype(int) + 30
    inside = np.zeros_like(changed)
    inside[max(low[1], 0) : high[1], max(low[0], 0) : high[0]] = True
    assert changed[inside].mean() > 0.05 and changed[~inside].mean() < 0.005, "neither shoulders nor wall move"


def test_movement_is_smooth():
    clip = rendered_clip(60, (320, 240))
    track = np.stack([clip.landmarks(k)[0] for k in range(60)])
    assert np.ptp(track[:, 30], axis=0)[:2].min() > 3, "it does move"
    assert np.linalg.norm(np.diff(track, axis=0), axis=-1).max() < 10
    for t in np.linspace(0, 20, 400):
        assert all(0 <= v <= 1 for v in talk(t).values()) and np.abs(look_around(t)).max() < 45
    assert max(talk(t)["eyeBlinkLeft"] for t in np.arange(0, 5, 1 / 30)) > 0.8


def test_people_stand_side_by_side():
    clip = rendered_clip(2, (480, 240), people=2)
    left, right = clip.landmarks(0)[..., 0]
    assert clip.position_maps(0).shape == (2, 128, 128, 3) and left.max() < right.min()


@pytest.mark.parametrize("bad", [{"frames": 0}, {"people": 0}, {"fps": 0}, {"size": (8, 400)}])
def test_a_clip_needs_frames_people_and_room(bad):
    with pytest.raises(ValueError, match="a clip has frames"):
        rendered_clip(**({"frames": 2} | bad))
    with pytest.raises(IndexError):
        rendered_clip(1, (64, 48))[1]
