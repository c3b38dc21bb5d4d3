"""Cuts from one person to another in the same place; and none where the same person moves, blinks or is lit anew."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import FaceTracker
from lprnet_utils.video.panel import FaceColors, Panel

FPS = 15


@pytest.fixture(scope="module")
def clips():
    """Frames of two people in the same place."""
    return [[frame.image for frame in rendered_clip(20, (320, 240), FPS, seed=seed)] for seed in (3, 4)]


def follow(net, frames, **options):
    tracker = FaceTracker(net, **options)
    return [tracker(frame, 1 / FPS) for frame in frames]


def in_place(net, photo):
    """Frames of a photo in which the camera moves a little, with the face where it is in :func:`clips`."""
    points = net.reconstruct(photo, 1)[0].landmarks[:, :2]
    scale = 100 / np.ptp(points[:, 1])
    middle = (points.min(0) + points.max(0)) / 2
    shifts = [np.array([160 + k, 120 - k]) - scale * middle for k in range(8)]
    return [cv2.warpAffine(photo, np.c_[scale * np.eye(2), s], (320, 240), flags=cv2.INTER_AREA) for s in shifts]


def test_another_person_in_the_same_place_is_a_new_face(net, clips):
    first, second = clips
    tracks = follow(net, first[:8] + second[:8], expressions=True)
    assert [[found.id for found in faces] for faces in tracks] == [[0]] * 8 + [[1]] * 8
    alone = follow(net, second[:8], expressions=True)
    for cut, fresh in zip(tracks[8:], alone, strict=True):
        # nothing of the first person: map and identity are those of a video that begins with the second one
        assert np.abs(cut[0].face.landmarks - fresh[0].face.landmarks).mean() < 1
        assert np.abs(cut[0].coefficients.identity - fresh[0].coefficients.identity).mean() < 0.3


@pytest.mark.slow
def test_people_who_look_alike_keep_the_id_but_nothing_else(net):
    first, second = ([frame.image for frame in rendered_clip(8, (320, 240), FPS, seed=seed)] for seed in (5, 3))
    tracks = follow(net, first + second, expressions=True)
    assert [[(found.id, found.look) for found in faces] for faces in tracks] == [[(0, 0)]] * 8 + [[(0, 1)]] * 8
    for cut, fresh in zip(tracks[8:], follow(net, second, expressions=True), strict=True):
        assert np.abs(cut[0].face.landmarks - fresh[0].face.landmarks).mean() < 1
        assert np.abs(cut[0].coefficients.identity - fresh[0].coefficients.identity).mean() < 0.3
    panel, alone = Panel(200, "sway", True), Panel(200, "sway", True)
    for k, faces in enumerate(tracks[:9]):
        seen = panel.draw(faces, k / FPS)
    assert np.array_equal(seen, alone.draw(tracks[8], 8 / FPS)), "the skin is the second person's alone"


def test_a_jump_to_a_profile_is_a_new_look_at_least(net):
    poses = ((0.0, 75.0, 0.0), (0.0, -75.0, 0.0))
    clips = [
        rendered_clip(6, (320, 240), FPS, seed=3 + k, pose=lambda t, pose=pose: pose) for k, pose in enumerate(poses)
    ]
    tracks = follow(net, [frame.image for clip in clips for frame in clip])
    assert {(found.id, found.look) for found in tracks[0]} == {(0, 0)}
    assert (0, 0) not in {(found.id, found.look) for faces in tracks[6:] for found in faces}


def test_a_cut_between_two_photos(net, photos):
    one, two = (in_place(net, photos[name]) for name in ("astronaut.jpg", "grace_hopper.jpg"))
    for before, after in ((one, two), (two, one)):
        assert [[found.id for found in faces] for faces in follow(net, before + after)] == [[0]] * 8 + [[1]] * 8


def test_somebody_else_who_appears_where_a_face_was_lost_is_a_new_face(net, clips):
    wall = [np.full((240, 320, 3), 90, np.uint8)] * 3
    for after, number in ((clips[0][6:12], 0), (clips[1][6:12], 1)):
        tracks = follow(net, clips[0][:6] + wall + after)
        assert {found.id for faces in tracks[9:] for found in faces} == {number}


def compressed(frame):
    return cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 12])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize("change", [
    lambda frames: [np.uint8(frame * 0.3) if 6 < k < 12 else frame for k, frame in enumerate(frames)],
    lambda frames: [np.uint8(np.clip(frame * 1.7 + 15.0, 0, 255)) if k % 6 == 4 else frame
                    for k, frame in enumerate(frames)],
    lambda frames: [np.uint8(frame * [1.0, 0.8, 0.6]) if k > 9 else frame for k, frame in enumerate(frames)],
    lambda frames: [cv2.blur(frame, (11, 1)) if k % 3 else frame for k, frame in enumerate(frames)],
    lambda frames: [compressed(frame) for frame in frames],
    lambda frames: frames[::3] + frames[::-3],
], ids=["dimmed", "flashes", "warm light", "blur", "compression", "5 frames a second"])  # fmt: skip
def test_the_same_person_keeps_the_id(net, clips, change):
    for frames in clips:
        assert [[found.id for found in faces] for faces in follow(net, change(frames))] == [[0]] * len(change(frames))


def test_a_head_that_turns_fast_keeps_the_id(net):
    clip = rendered_clip(20, (320, 240), FPS, seed=5, pose=lambda t: (8.0, 55 * np.sin(5 * t), 6 * np.sin(9 * t)))
    tracks = follow(net, (frame.image for frame in clip))
    assert [[found.id for found in faces] for faces in tracks] == [[0]] * 20


@pytest.mark.slow
def test_the_skin_of_a_turning_head_has_no_seams(net):
    clip = rendered_clip(20, (320, 240), FPS, seed=5, pose=lambda t: (0.0, 60 * np.sin(4 * t), 0.0))
    colors, seen = FaceColors(), []
    for k, (found,) in enumerate(follow(net, (frame.image for frame in clip))):
        filled = colors.update(replace(found.face, position_map=found.raw_map), k / FPS)
        seen.append(filled.reshape(128, 128, 3)[64:83, 16:112].astype(float))  # cheeks and nose; the mouth below opens
    assert np.ptp([frame[0].face.pose.yaw for frame in follow(net, (f.image for f in clip))]) > 80
    for before, picture in zip(seen, seen[1:], strict=False):  # seen from both sides: no seams, no jumps
        roughness = np.abs(np.diff(picture, 2, axis=1)).max(-1)
        assert np.quantile(roughness, 0.995) < 30 and np.abs(picture - before).max(-1).mean() < 4
        assert np.abs(picture - seen[0]).mean() < 20, "the hidden cheek keeps its colours"
    assert colors.update(found.face, 19 / FPS + 0.01) is filled, "read 15 times a second at most"
