"""A folder of photos with 68 points: read, fitted, trained on, evaluated. They are rendered, so the truth is known."""

import re

import numpy as np
import PIL.Image
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError
from lprnet_utils.datasets import PhotoFolder
from lprnet_utils.datasets.photo_folder import read_points
from lprnet_utils.synthetic import rendered_clip

YAWS = (0, 30, -45, 60, -15, 10)


def write_pts(path, points):
    """As 300-W's files are: pixels counted from 1."""
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points[:, :2] + 1)
    path.write_text(f"version: 1\nn_points:  68\n{{\n{lines}\n}}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six rendered people, and their true landmarks."""
    out, truth = tmp_path_factory.mktemp("photos"), {}
    expressions = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}, {"jawOpen": 0.4}
    for k, yaw in enumerate(YAWS):
        options = {"pose": lambda t, yaw=yaw: (4.0, yaw, 6.0), "expression": lambda t, k=k: expressions[k % 2]}
        clip = rendered_clip(1, (240, 200), seed=k, height=0.5, **options)
        PIL.Image.fromarray(clip[0].image).save(out / f"person{k}.jpg", quality=92)
        truth[f"person{k}.jpg"] = clip.landmarks(0)[0]
        write_pts(out / f"person{k}.pts", truth[f"person{k}.jpg"])
    return out, truth


def test_photos_are_read_and_their_depth_is_fitted(folder):
    path, truth = folder
    photos = PhotoFolder(path, strict=True)
    assert len(photos) == 6 and photos.names == list(truth) and photos.problems == {}
    for k, name in enumerate(photos.names):
        assert np.abs(photos.landmarks[k, :, :2] - truth[name][:, :2]).max() < 0.01
        z, true_z = photos.landmarks[k, :, 2], truth[name][:, 2] - truth[name][:, 2].mean()
        assert np.abs(z - true_z).mean() < 0.12 * np.ptp(true_z), "depth by the model, of a face of 100 pixels"
        assert abs(photos.yaw[k] - YAWS[k]) < 9
        assert photos.image(k).shape == (200, 240, 3)
    assert photos.held_out.sum() == 1 and (PhotoFolder(path).held_out == photos.held_out).all()
    part = photos.select([4, 1])
    assert part.names == ["person4.jpg", "person1.jpg"] and (part.landmarks[1] == photos.landmarks[1]).all()


def test_a_text_counts_from_0_and_may_have_depth(tmp_path, folder):
    points = folder[1]["person0.jpg"]
    np.savetxt(tmp_path / "a.txt", points, "%.3f")  # what lprnet photo --landmarks writes
    np.savetxt(tmp_path / "b.txt", points[:, :2], "%.3f", delimiter=",")
    write_pts(tmp_path / "c.pts", points)
    for name in ("a.txt", "b.txt", "c.pts"):
        assert np.abs(read_points(tmp_path / name) - points[:, :2]).max() < 0.001, name


def test_photos_with_bad_points_are_left_out_with_a_reason(tmp_path, folder):
    image, good = PIL.Image.open(folder[0] / "person0.jpg"), folder[1]["person0.jpg"]
    with pytest.raises(DatasetError, match="no photo with a file of 68 points"):
        PhotoFolder(tmp_path)
    for name in ("few", "words", "elsewhere", "good", "alone", "nan"):
        image.save(tmp_path / f"{name}.png")
    (tmp_path / "cut.jpg").write_bytes((folder[0] / "person0.jpg").read_bytes()[:300])
    write_pts(tmp_path / "few.pts", good[:67])
    (tmp_path / "words.pts").write_text("no points")
    write_pts(tmp_path / "elsewhere.pts", good + 1000)
    np.savetxt(tmp_path / "nan.txt", np.full((68, 2), np.nan))
    for name in ("good", "cut"):
        write_pts(tmp_path / f"{name}.pts", good)
    photos = PhotoFolder(tmp_path)
    assert photos.names == ["good.png"] and photos.without_points == ["alone.png"]
    reasons = {"few.png": "68 points", "words.png": "no file of points", "elsewhere.png": "lie outside"}
    reasons |= {"nan.png": "nan.txt, line 1: 'nan nan' should be x and y", "cut.jpg": "cut.jpg"}
    assert set(photos.problems) == set(reasons)
    assert all(reason in photos.problems[name] for name, reason in reasons.items())
    with pytest.raises(DatasetError):
        PhotoFolder(tmp_path, strict=True)


@pytest.mark.parametrize("name", ["a.pts", "a.txt"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_and_all_line_ends_are_read(name, ending, encoding, tmp_path, folder):
    points = folder[1]["person0.jpg"][:, :2]
    write_pts(tmp_path / name, points)
    lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    if name == "a.txt":
        lines = [f"{x:.3f} {y:.3f}" for x, y in points]
    (tmp_path / name).write_bytes(ending.join(lines).encode(encoding))
    assert np.abs(read_points(tmp_path / name) - points).max() < 0.001


@pytest.mark.parametrize(("number", "line", "found"), [
    (1, "1 2 3 4", "line 1: '1 2 3 4' should be x and y"),
    (40, "12,5 13,5", "line 40: '12,5 13,5' should be"),
    (68, "12.5", "line 68: '12.5' should be"),
    (3, "inf 3", "line 3: 'inf 3' should be"),
    (3, "x y", "line 3: 'x y' should be"),
    (3, "1e7 3", "1e+07 pixels"),
    (None, "5 7", "in one place"),
])  # fmt: skip
def test_a_bad_line_of_points_is_named(number, line, found, tmp_path, folder):
    lines = [f"{x:.3f} {y:.3f}" for x, y in folder[1]["person0.jpg"][:, :2]]
    lines = [line if number in (k, None) else good for k, good in enumerate(lines, 1)]
    for name, shift in (("a.txt", 0), ("a.pts", 3)):
        text = "\n".join(lines)
        (tmp_path / name).write_text(f"version: 1\nn_points: 68\n{{\n{text}\n}}" if shift else text)
        reason = found.replace(f"line {number}", f"line {(number or 0) + shift}")
        with pytest.raises(DatasetError, match=re.escape(reason)) as error:
            read_points(tmp_path / name)
        assert name in str(error.value)


def test_points_of_two_photos_of_one_name_are_told_apart(tmp_path, folder):
    for ending, number in (("png", 0), ("jpg", 1)):
        PIL.Image.open(folder[0] / f"person{number}.jpg").save(tmp_path / f"a.{ending}")
    np.savetxt(tmp_path / "a.txt", folder[1]["person0.jpg"])
    with pytest.raises(DatasetError, match=r"a.txt may be of a.jpg or of another photo beside it: call it a_jpg.txt"):
        PhotoFolder(tmp_path, strict=True)
    (tmp_path / "a.txt").unlink()
    for ending, number in (("png", 0), ("jpg", 1)):  # as lprnet photo --landmarks calls them
        np.savetxt(tmp_path / f"a_{ending}.landmarks.txt", folder[1][f"person{number}.jpg"])
    photos = PhotoFolder(tmp_path)
    assert photos.names == ["a.jpg", "a.png"] and not photos.problems and not photos.without_points
    for k, number in enumerate((1, 0)):
        assert np.abs(photos.landmarks[k, :, :2] - folder[1][f"person{number}.jpg"][:, :2]).max() < 0.01


def test_points_on_one_line_are_refused(tmp_path):
    np.savetxt(tmp_path / "a.txt", np.linspace([10, 20], [200, 300], 68))
    with pytest.raises(DatasetError, match=r"a\.txt.*on one line"):
        read_points(tmp_path / "a.txt")


def test_a_photo_in_a_format_that_cannot_be_read_is_named(tmp_path, folder):
    for name in ("person0.jpg", "person0.pts", "person1.jpg", "person1.pts"):
        (tmp_path / name).write_bytes((folder[0] / name).read_bytes())
    (tmp_path / "person1.jpg").rename(tmp_path / "person1.dng")
    (tmp_path / "person1.dng").write_bytes(b"raw data of a camera")
    photos = PhotoFolder(tmp_path)
    assert photos.names == ["person0.jpg"] and "person1.dng" in photos.problems["person1.dng"]


@pytest.mark.slow
def test_training_on_your_own_photos(folder, tmp_path, capsys, monkeypatch):
    """The steps of docs/your-own-photos.md, with few samples."""
    path, run, weights = folder[0], tmp_path / "run", tmp_path / "mine.tflite"
    short = {"synthetic": 0.0, "samples": 16, "batch_size": 8, "warmup": 8}
    short |= {"checkpoint_every": 16, "validate_every": 16}
    arguments = ["train", "--photos", str(path), "--config", "lite-wild-more", "--start", "open", "--run", str(run)]
    for name, value in short.items():
        arguments += ["--set", f"{name} = {value}"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "fitting the face model to 5 photos to train on" in text
    assert "fitting the face model to 1 photo held out to choose by" in text and "best held-out NME" in text
    monkeypatch.setattr("lprnet_utils.commands.export.CHECK_IMAGES", 40)
    options = ["--photos", str(path), "--licence", "Mine.", "--output", str(weights)]
    assert main(["export", "--run", str(run), *options]) == 0
    metadata = LPRNet(weights).metadata
    assert metadata["licence"] == "Mine." and "whoever trained" in metadata["training_data"]
    assert metadata["notices"] == LPRNet("open").metadata["notices"], "of what it began with"
    assert "began with open" in metadata["training_data"] and metadata["recipe"]["samples"] == 16
    out = tmp_path / "report"
    assert main(["evaluate", "--photos", str(path), "--weights", str(weights), "--output", str(out)]) == 0
    text = capsys.readouterr().out
    assert "on 6 photos" in text and (out / "report.json").is_file()
    assert "3D" not in text and "pose" not in text, "depth and pose were fitted, not measured"
    nme = float(text.split("mean over photos")[1].split()[0])
    assert nme < 5, "the network has not forgotten faces"
