"""The tracker with the real network on rendered clips: little jitter and lag, lost faces are found, ids stay."""

import subprocess
import sys
from itertools import chain

import cv2
import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.evaluation import jitter, lag
from lprnet_utils.synthetic import nod, rendered_clip, rest, still
from lprnet_utils.video import FaceTracker, time_tracking
from lprnet_utils.video.person import Person

FPS = 30


@pytest.fixture(scope="module")
def talking():
    """Frames of one person who talks and looks around, and the true landmarks (40, 68, 3)."""
    clip = rendered_clip(40, (320, 240), FPS, seed=3)
    return [frame.image for frame in clip], np.stack([clip.landmarks(k)[0] for k in range(len(clip))])


@pytest.fixture(scope="module")
def empty_place():
    """A frame without a face."""
    rng = np.random.default_rng(0)
    return np.uint8(rng.integers(40, 200, (6, 8, 3)).repeat(40, 0).repeat(40, 1))


def follow(tracker, frames):
    return [tracker(frame, 1 / FPS) for frame in frames]


def landmarks(tracks):
    """Smoothed and raw landmarks (T, 68, 3) of the only face in each frame."""
    (faces,) = zip(*tracks, strict=True)
    return np.stack([f.face.landmarks for f in faces]), np.stack([f.raw_landmarks for f in faces])


def error(points, truth):
    """Mean distance in % of the face's size."""
    size = np.sqrt(np.prod(np.ptp(truth[0, :, :2], axis=0)))
    return 100 * np.linalg.norm((points - truth)[..., :2], axis=-1).mean() / size


def test_a_still_face_under_sensor_noise_has_little_jitter(net):
    clean = rendered_clip(1, (640, 480), pose=still, expression=rest, seed=0)[0].image
    rng = np.random.default_rng(0)

    def noisy():
        return np.uint8(np.clip(np.rint(clean + 8 * rng.standard_normal(clean.shape, np.float32)), 0, 255))

    smooth, raw = landmarks(follow(FaceTracker(net), (noisy() for _ in range(120))))
    assert 0.1 < jitter(raw) < 2, "pixels; the face has 200"
    assert jitter(smooth) * 3 < jitter(raw), f"{jitter(raw) / jitter(smooth):.2f} times less"
    assert jitter(smooth[10:]) * 3.5 < jitter(raw[10:]), f"{jitter(raw[10:]) / jitter(smooth[10:]):.2f} times less"
    unsmoothed, same = landmarks(follow(FaceTracker(net, smooth=False), [clean, noisy(), noisy()]))
    assert np.abs(unsmoothed - same)[..., :2].max() < 1e-3


def test_a_closer_look_is_taken_once_a_frame_and_its_gaze_is_smoothed():
    clean = rendered_clip(1, (640, 480), pose=still, expression=rest, seed=0)[0].image
    rng = np.random.default_rng(0)
    frames = [np.uint8(np.clip(clean + 8 * rng.standard_normal(clean.shape), 0, 255)) for _ in range(40)]
    net = LPRNet(closer_look=True)
    smooth, rough = ([faces[0] for faces in follow(FaceTracker(net, smooth=s), frames)] for s in (True, False))
    gaze, as_seen = (np.stack([tracked.face.gaze for tracked in tracks])[10:] for tracks in (smooth, rough))
    np.testing.assert_allclose(np.linalg.norm(gaze, axis=2), 1, atol=1e-5)
    assert gaze.std(0).max() < 0.6 * as_seen.std(0).max()
    assert np.abs(gaze.mean(0) - as_seen.mean(0)).max() < 0.02, "the same gaze"
    irises = np.stack([tracked.face.irises for tracked in smooth])
    assert np.isfinite(irises).all() and irises.std(0).max() < 1, "pixels"
    last = rough[-1].face
    again, _ = net.look_closer(last.image, last.first_map)
    np.testing.assert_allclose(again, last.position_map, atol=1e-3)
    *_, (fitted,) = follow(FaceTracker(net, expressions=True), frames[:3])
    assert fitted.face.closer_look.joined and not last.closer_look.joined, "only where expressions are asked for"


def test_a_nod_is_followed_with_little_lag(net):
    clip = rendered_clip(50, (320, 240), FPS, seed=0, pose=nod, expression=rest, noise=8)
    truth = np.stack([clip.landmarks(k)[0] for k in range(len(clip))])
    assert np.ptp(truth[:, 30, 1]) > 25, "the nose moves by a good part of the face"
    tracks = follow(FaceTracker(net), (frame.image for frame in clip))
    smooth, raw = landmarks(tracks)
    late = lag(smooth[:, 30, 1], truth[:, 30, 1])
    assert abs(lag(raw[:, 30, 1], truth[:, 30, 1])) < 0.3 and 0 <= late < 1, f"{late} frames"
    pitch = [faces[0].face.pose.pitch for faces in tracks]
    assert lag(pitch, [nod(k / FPS)[0] for k in range(len(clip))]) < 1
    assert error(smooth, truth) < 1.8 * error(raw, truth)


@pytest.mark.parametrize("pose", [nod, lambda t: (0.0, 40 * np.sin(5 * t + 0.2), 0.0)], ids=["nod", "turn"])
def test_the_first_frames_of_a_moving_head_are_no_worse_for_the_smoothing(net, pose):
    clip = rendered_clip(9, (320, 240), FPS, seed=1, pose=pose, expression=rest, noise=4)
    truth = np.stack([clip.landmarks(k)[0] for k in range(len(clip))])
    smooth, raw = landmarks(follow(FaceTracker(net), (frame.image for frame in clip)))
    for k in range(1, 7):
        assert error(smooth[k], truth[k : k + 1]) < 1.15 * error(raw[k], truth[k : k + 1]), f"frame {k}"


def test_the_callers_array_may_change_afterwards(net, talking):
    buffer, tracker = talking[0][0].copy(), FaceTracker(net)
    (found,) = tracker(buffer, 1 / FPS)
    buffer[:] = 0  # as a webcam's buffer
    assert np.array_equal(found.face.image, talking[0][0])
    frozen = talking[0][1].copy()
    frozen.flags.writeable = False
    assert np.shares_memory(tracker(frozen, 1 / FPS)[0].face.image, frozen), "no needless copy"


def test_a_followed_face_is_not_detected_again(net, talking, monkeypatch):
    frames, truth = talking
    tracker, calls = FaceTracker(net, search_interval=None), []
    detect = net.detector.detect
    monkeypatch.setattr(net.detector, "detect", lambda *given: calls.append(1) or detect(*given))
    tracks = follow(tracker, frames)
    assert len(calls) == 1 and [[f.id for f in faces] for faces in tracks] == [[0]] * len(frames)
    smooth, raw = landmarks(tracks)
    assert error(raw, truth) < 2.5 and error(smooth, truth) < 3
    assert min(faces[0].face.confidence for faces in tracks[1:]) > 0.9
    # the tracker computes nothing that needs the z-buffer, the photo's colours or a model fit
    assert not {"colors", "_seen", "coefficients"} & set(vars(tracks[5][0].face)) and tracks[5][0].coefficients is None
    calls.clear()
    follow(FaceTracker(net, search_interval=0.5), frames)
    assert len(calls) == 3


def test_expressions_are_fitted_with_a_constant_identity(net):
    def chew(t):
        return {"jawOpen": 0.4 - 0.4 * np.cos(2 * np.pi * 2 * t), "mouthSmileLeft": t / 2, "mouthSmileRight": t / 2}

    clip = rendered_clip(40, (320, 240), FPS, seed=3, expression=chew)
    found = [faces[0].coefficients for faces in follow(FaceTracker(net, expressions=True), (f.image for f in clip))]
    assert all(np.array_equal(f.identity, found[-1].identity) for f in found[16:]), "constant after half a second"
    assert not np.array_equal(found[0].identity, found[1].identity), "and averaged until then"
    names = list(found[0].names)
    for name, correlation in (("jawOpen", 0.8), ("mouthSmileLeft", 0.6)):
        measured = [f.expression[names.index(name)] for f in found]
        assert np.corrcoef(measured, [chew(k / FPS)[name] for k in range(40)])[0, 1] > correlation, name


def test_a_face_that_jumps_is_found_again(net, talking):
    frames, truth = talking
    # at once if none or a part of the face is still in the crop; a little later if most of it is
    for step, delay in ((100, 0), (62, 0), (46, 2)):
        moved = [np.roll(frame, step, 1) for frame in frames[10:14]]
        tracks = follow(FaceTracker(net), frames[7:10] + moved)
        assert [[f.id for f in faces] for faces in tracks] == [[0]] * 7
        place = tracks[3 + delay][0].face.landmarks - truth[10 + delay] - [step, 0, 0]
        assert np.abs(place[:, :2].mean(0)).max() < 4, "not smoothed toward its old place"


def test_a_face_that_is_gone_is_lost_and_found_again(net, talking, empty_place):
    frames = talking[0]
    video = [*frames[:4], *[empty_place] * 4, *frames[4:12], *[empty_place] * 40, *frames[:8]]
    tracks = follow(FaceTracker(net), video)
    counts = [len(faces) for faces in tracks]
    assert counts[:4] == [1] * 4 and counts[4:8] == [0] * 4, "lost in the first frame after the cut"
    assert counts[16:56] == [0] * 40
    assert {f.id for f in chain(*tracks[:16])} == {0}, "back after an eighth of a second: the same id"
    assert counts[15] == 1 and counts[-1] == 1, "found again within a fifth of a second"
    assert tracks[-1][0].id == 1, "back after more than a second: a new id"


def test_a_fading_face_is_lost(net, talking, empty_place):
    face = talking[0][0].astype(np.float32)
    shares = np.r_[np.linspace(0, 1, 30), np.ones(100)]
    frames = [np.uint8(face * (1 - s) + empty_place * s) for s in shares]
    counts = [len(faces) for faces in follow(FaceTracker(net), frames)]
    assert counts[0] == 1 and not any(counts[-5:])


def test_a_face_that_the_detector_does_not_confirm_is_dropped(net, talking, empty_place, monkeypatch):
    tracker = FaceTracker(net)
    tracker(talking[0][0], 1 / FPS)
    monkeypatch.setattr(tracker, "_assess", lambda *given: (1.0, 1.0))  # full confidence, and no cut is noticed
    monkeypatch.setattr(Person, "has_left", lambda *given: False)
    counts = [len(tracker(empty_place, 0.25)) for _ in range(20)]
    assert counts[:8] == [1] * 8 and counts[-3:] == [0] * 3, "after a few seconds"


def test_a_face_that_leaves_the_frame_is_lost(net, talking):
    face = talking[0][0]
    frames = [np.concatenate([face[:, 8 * k :], np.repeat(face[:, -1:], 8 * k, 1)], 1) for k in range(36)]
    counts = [len(faces) for faces in follow(FaceTracker(net), frames)]
    assert counts[:10] == [1] * 10 and counts[-3:] == [0] * 3


def test_a_face_is_followed_through_a_full_roll(net, talking):
    face, truth = talking[0][5], talking[1][5, :, :2]
    tracker = FaceTracker(net, search_interval=None)
    for angle in range(0, 360, 12):
        turn = cv2.getRotationMatrix2D((160, 120), -angle, 1)
        (found,) = tracker(cv2.warpAffine(face, turn, (320, 240), borderMode=cv2.BORDER_REPLICATE), 1 / FPS)
        off = np.linalg.norm(found.raw_landmarks[:, :2] - truth @ turn[:, :2].T - turn[:, 2], axis=1).mean()
        assert found.id == 0 and off < 4, f"{off} pixels at {angle} degrees"


def test_an_unlikely_shape_is_kept_if_the_detector_sees_a_face(net, talking, empty_place, monkeypatch):
    tracker, calls = FaceTracker(net, search_interval=None), []
    follow(tracker, talking[0][:4])
    monkeypatch.setitem(net.metadata, "doubt", (0.1, 0.1))  # no shape is likely
    redetect = net.detector.redetect
    monkeypatch.setattr(net.detector, "redetect", lambda *given: calls.append(1) or redetect(*given))
    tracks = follow(tracker, talking[0][4:10])
    assert [[f.id for f in faces] for faces in tracks] == [[0]] * 6 and len(calls) == 6
    assert all(0.5 < faces[0].face.confidence < 0.95 for faces in tracks), "the detector's score"
    assert follow(tracker, [empty_place]) == [[]]


def test_several_faces_keep_their_ids(net):
    clip = rendered_clip(12, (640, 480), FPS, seed=1, people=3)
    frames = [frame.image for frame in clip]
    for most, ids in ((2, [0, 1]), (None, [0, 1, 2])):
        tracks = follow(FaceTracker(net, max_faces=most), frames)
        assert [[f.id for f in faces] for faces in tracks] == [ids] * len(frames)
    noses = np.array([[f.face.landmarks[30, :2] for f in faces] for faces in tracks])
    truth = np.array([clip.landmarks(k)[:, 30, :2] for k in range(len(tracks))])
    nearest = np.linalg.norm(truth[:, None] - noses[:, :, None], axis=-1).argmin(-1)
    assert (nearest == nearest[0]).all(), "each id stays with one person"
    # somebody who appears later is found within the search interval
    alone = [np.concatenate([f[:, :430], np.repeat(f[:, 429:430], 210, 1)], 1) for f in frames]
    tracks = follow(FaceTracker(net, search_interval=0.2), alone[:6] + frames[6:])
    assert len(tracks[0]) == 2 and len(tracks[-1]) == 3 and [f.id for f in tracks[-1]] == [0, 1, 2]


def test_uneven_time_steps_and_a_reset(net, talking):
    tracker = FaceTracker(net)
    for dt in (1e-3, 0.5, 1 / 30):
        assert len(tracker(talking[0][0], dt)) == 1
    tracker.reset()
    assert tracker(talking[0][0], 1 / 30)[0].id == 0


def test_bad_time_steps_and_numbers_of_faces_are_refused(net, talking):
    for dt in (0, -1, np.nan):
        with pytest.raises(ValueError, match="dt is the time since"):
            FaceTracker(net)(talking[0][0], dt)
    with pytest.raises(ValueError, match="max_faces"):
        FaceTracker(net, max_faces=0)


def test_the_parts_of_a_frame_are_timed(net, talking):
    times = time_tracking(talking[0][:8], net)
    parts = sum(times[name] for name in ("detect", "network", "closer look", "check", "smooth", "expressions"))
    assert times["faces"] == 1 and times["total"] <= times["total 95 %"] and times["network"] > 0
    assert parts <= times["mean"], "both are means: the parts lie inside the frame's time on any machine"
    with pytest.raises(ValueError, match="too few"):
        time_tracking(talking[0][:1], net)


@pytest.mark.slow
def test_a_frame_is_fast_enough_for_video(net, talking):
    assert time_tracking(talking[0][:8], net)["total"] < 300, "milliseconds: generous; docs/benchmark.md has the number"


def test_importing_the_video_modules_is_light():
    heavy = ("tensorflow", "keras", "numba", "av", "matplotlib", "plotly", "joblib")
    code = "import sys, lprnet_utils.video.annotate, lprnet_utils.commands.photos, lprnet_utils.commands.main;"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
