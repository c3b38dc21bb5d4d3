"""The head of a video's main face, and how it moves."""

import numpy as np
import pytest
from data_files import read_glb
from scipy.spatial.transform import Rotation

from lprnet_utils.avatar import VISEMES
from lprnet_utils.avatar.motion import Motion
from lprnet_utils.commands.main import main
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import VideoError, annotate_video, write_video

pytest.importorskip("av")
FPS, FRAMES = 12, 14


def turn(t):
    return 0.0, 30 * np.sin(3 * t), 0.0


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    clip = rendered_clip(FRAMES, (320, 240), FPS, seed=3, pose=turn)
    path = tmp_path_factory.mktemp("video") / "talk.mp4"
    write_video((frame.image for frame in clip), path, FPS)
    return path


@pytest.fixture(scope="module")
def moving(net, talk, tmp_path_factory):
    """The file of the head, and the numbers of the same run."""
    folder = tmp_path_factory.mktemp("moving")
    annotate_video(talk, None, net, record=folder / "me.npz", progress=False, avatar=folder / "me.glb")
    assert sorted(path.name for path in folder.iterdir()) == ["me.glb", "me.npz"]
    with np.load(folder / "me.npz") as record:
        return folder / "me.glb", *read_glb(folder / "me.glb"), dict(record)


def sampled(tree, arrays, node, path):
    """Times and values of what moves a node of this name."""
    (animation,) = tree["animations"]
    names = [n["name"] for n in tree["nodes"]]
    (channel,) = [c for c in animation["channels"]
                  if c["target"] == {"node": names.index(node), "path": path}]  # fmt: skip
    sampler = animation["samplers"][channel["sampler"]]
    assert sampler["interpolation"] == "LINEAR"
    return arrays[sampler["input"]].ravel(), arrays[sampler["output"]]


def test_the_head_turns_as_the_face_does(moving):
    path, tree, arrays, record = moving
    assert path.stat().st_size < 8e6
    times, neck = sampled(tree, arrays, "Neck", "rotation")
    _, head = sampled(tree, arrays, "Head", "rotation")
    assert np.allclose(times, np.arange(FRAMES) / FPS, atol=1e-5)
    whole = Rotation.from_quat(neck) * Rotation.from_quat(head)
    expected = Rotation.from_matrix([rotation_matrix(*pose) for pose in record["pose"]])
    assert np.rad2deg((whole.inv() * expected).magnitude()).max() < 0.05
    assert np.ptp(record["pose"][:, 1]) > 25, "it turns"
    assert np.abs(record["pose"][4:, 1] - [turn(k / FPS)[1] for k in range(4, FRAMES)]).mean() < 6
    assert (Rotation.from_quat(neck).magnitude() < 0.5 * whole.magnitude() + 1e-6).all(), "neck and head share it"


def test_the_expressions_are_those_of_the_frames(moving):
    _, tree, arrays, record = moving
    names = tree["meshes"][-1]["extras"]["targetNames"]
    tracks = []
    for mesh in ("Skin", "Teeth", "Lashes"):
        _, weights = sampled(tree, arrays, mesh, "weights")
        tracks.append(weights.reshape(FRAMES, 52 + len(VISEMES)))
    assert np.array_equal(tracks[0], tracks[1]) and np.array_equal(tracks[0], tracks[2])
    jaw = names.index("jawOpen")
    assert np.allclose(tracks[0][:, jaw], record["expression"][:, list(record["names"]).index("jawOpen")], atol=1e-3)
    assert np.ptp(tracks[0][:, jaw]) > 0.05 and (tracks[0][:, 52:] == 0).all()
    for side in ("Left", "Right"):
        _, eye = sampled(tree, arrays, f"{side}Eye", "rotation")
        assert np.rad2deg(Rotation.from_quat(eye).magnitude()).max() > 2, "the eyes move"


@pytest.mark.slow
def test_a_command_writes_it(talk, tmp_path, capsys):
    assert main(["video", str(talk), str(tmp_path / "me.glb")]) == 0
    assert "me.glb" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["me.glb"]
    assert len(read_glb(tmp_path / "me.glb")[0]["animations"]) == 1


def test_a_video_without_a_face_gives_no_head(net, tmp_path):
    write_video((np.full((120, 160, 3), 90, np.uint8) for _ in range(4)), tmp_path / "nobody.mp4", 4)
    with pytest.raises(VideoError, match="no face was found"):
        annotate_video(tmp_path / "nobody.mp4", None, net, progress=False, avatar=tmp_path / "me.glb")
    assert [path.name for path in tmp_path.iterdir()] == ["nobody.mp4"]
    with pytest.raises(VideoError, match=r"there is no head to write; .*out.mp4 is written"):
        annotate_video(tmp_path / "nobody.mp4", tmp_path / "out.mp4", net, progress=False, avatar=tmp_path / "me.glb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nobody.mp4", "out.mp4"]


@pytest.mark.parametrize(("times", "poses", "words"), [
    ([], [], "a pose and weights for each"), ([0.0, 1.0], [[0, 0, 0]], "a pose and weights for each"),
    ([0.0, 0.0], [[0, 0, 0]] * 2, "the times of a motion rise"),
])  # fmt: skip
def test_a_motion_that_is_none_is_refused(times, poses, words):
    with pytest.raises(ValueError, match=words):
        Motion(np.array(times), np.array(poses), np.zeros((len(poses), 52)))
