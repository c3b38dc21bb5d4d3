"""Folders of photos: all of them, whole, once; what fails is named; a kill loses nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from lprnet_utils.commands import photos
from lprnet_utils.commands.main import main
from lprnet_utils.commands.photos import NOTES, find_photos, process_photos
from lprnet_utils.common import data_path, parallel, read_image
from lprnet_utils.synthetic import rendered_clip, rest, still

CHEAP = ("landmarks", "pose")
LPRNET = [sys.executable, "-c", "import sys; from lprnet_utils.commands.main import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def faces():
    """Photos of faces, (name, image)."""
    clip = rendered_clip(4, (160, 120), 1, seed=3)
    return [frame.image for frame in clip]


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture
def folder(tmp_path, faces):
    """20 photos, in folders, with and without a face, and four that are broken."""
    folder = tmp_path / "photos"
    for k in range(18):
        write(folder / ("day 1" if k % 2 else "day.2") / f"img_{k:02d}.jpg", faces[k % len(faces)])
    write(folder / "group.png", np.concatenate(faces[:2], 1))
    write(folder / "wall.png", np.full((90, 120, 3), 128, np.uint8))
    whole = (folder / "group.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 3])
    jpeg = (folder / "day.2" / "img_00.jpg").read_bytes()
    (folder / "cut.JPG").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "text.jpg").write_text("I am no photo")
    (folder / "empty.jpg").touch()
    (folder / "readme.txt").write_text("not looked at")
    write(folder / ".thumbnails" / "hidden.jpg", faces[0])
    return folder


BROKEN = {"truncated.png", "cut.JPG", "text.jpg", "empty.jpg"}


def names(paths):
    return {os.path.basename(p) for p in paths}


def made(out):
    """Finished files of an output folder, and when each was written."""
    found = [p for p in out.rglob("*") if p.is_file() and NOTES not in p.parts and p.name != "report.json"]
    return {p.relative_to(out).as_posix(): p.stat().st_mtime_ns for p in found}


def test_all_photos_are_done_and_the_broken_ones_named(folder, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["photo", str(folder), "-o", str(out), "--landmarks", "--pose", "--weights", "open", "--workers", "2"]
    assert main(arguments) == 1, "some failed"
    text = capsys.readouterr()
    assert "20 photos done; 20 faces" in text.out and "no face in 1" in text.out and "wall.png" in text.out
    report = json.loads((out / "report.json").read_text())
    assert names(report["failed"]) == BROKEN and all(report["failed"].values())
    assert all(name in text.err for name in BROKEN) and "4 photos failed" in text.err
    files = made(out)
    assert len(files) == 2 * 20 and "day 1/img_01.landmarks.txt" in files and "group.face2.pose.json" in files
    points = np.loadtxt(out / "day.2" / "img_04.landmarks.txt")
    assert points.shape == (68, 3) and 0 < points[:, 0].min() < points[:, 0].max() < 160
    pose = json.loads((out / "group.pose.json").read_text())
    assert abs(pose["yaw"]) < 45 and np.array(pose["camera"]).shape == (3, 4) and 0.4 < pose["confidence"] <= 1
    assert list((out / NOTES / ".parts").iterdir()) == []
    # again: nothing but what failed is tried
    assert main(arguments) == 1
    assert "0 photos done, 20 had been before; 20 faces" in capsys.readouterr().out and made(out) == files
    for name in BROKEN:
        (folder / name).unlink()
    assert main(arguments) == 0
    assert main([*arguments, "--require-face"]) == 1, "the wall has none"


def test_what_changed_is_done_again(folder, tmp_path, faces):
    out = tmp_path / "out"
    shutil.rmtree(folder / "day 1")
    options = {"weights": "open", "kinds": CHEAP}
    assert process_photos([folder], out, **options).done == 11
    before = made(out)
    photo = folder / "group.png"
    write(photo, faces[2])
    report = process_photos([folder], out, **options)
    assert (report.done, report.skipped) == (1, 10)
    assert "group.face2.pose.json" not in made(out), "the second face is gone from the photo"
    (out / "day.2" / "img_02.pose.json").unlink()
    assert process_photos([folder], out, **options).done == 1, "a file is missing"
    more = process_photos([folder], out, weights="open", kinds=["overlay"])
    assert more.done == 11 and set(before) - {"group.face2.pose.json", "group.face2.landmarks.txt"} <= set(made(out))
    assert process_photos([folder], out, weights="open", kinds=[*CHEAP, "overlay"]).skipped == 11, "kinds add up"
    assert process_photos([folder], out, kinds=CHEAP, weights="wild").done == 11, "another network"
    assert process_photos([folder], out, kinds=CHEAP, weights="wild", max_faces=1).done == 11
    assert process_photos([folder], out, kinds=CHEAP, weights="wild", max_faces=1, small=True).done == 11


def test_a_crowd_is_found_on_request(tmp_path, capsys):
    crowd = rendered_clip(1, (1600, 1200), seed=10, people=8, height=0.025, pose=still, expression=rest)[0].image
    write(tmp_path / "crowd.png", crowd)
    arguments = ["photo", str(tmp_path / "crowd.png"), "-o", str(tmp_path / "out"), "--pose", "--weights", "open"]
    faces = []
    for more in ([], ["--small"]):
        assert main([*arguments, *more, "--workers", "1"]) == 0
        faces.append(int(re.search(r"(\d+) face", capsys.readouterr().out)[1]))
    assert faces[0] <= 6 and faces[1] == 8


def test_killed_in_the_middle_the_same_command_goes_on(folder, tmp_path):
    for k in range(40):
        shutil.copy(folder / "day.2" / "img_00.jpg", folder / f"more_{k:02d}.jpg")
    out = tmp_path / "out"
    options = ["--landmarks", "--overlay", "--weights", "open", "--workers", "2"]
    command = [*LPRNET, "photo", str(folder), "-o", str(out), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(list(out.rglob("*.landmarks.txt"))) < 10 and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # a photo that was moving its files into place at that moment has no note, and is done again
    finished = {p.stem for p in (out / NOTES).rglob("*.json")}
    assert 8 <= len(finished) < 60
    before = {name: when for name, when in made(out).items() if os.path.basename(name).split(".")[0] in finished}
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and f"{60 - len(finished)} photos done, {len(finished)} had been before" in done.stdout
    after = made(out)
    assert len(after) == 59 * 2 + 1 and {name: after[name] for name in before} == before, "done once"
    for name in after:  # in their places; what the kill left aside is cleared when it is old
        assert not name.endswith(".landmarks.txt") or np.loadtxt(out / name).shape == (68, 3)
    assert names(json.loads((out / "report.json").read_text())["failed"]) == BROKEN


def test_threads_do_not_disturb_each_other(folder, tmp_path):
    """As in a Dask worker of several threads."""
    from concurrent.futures import ThreadPoolExecutor

    process_photos([folder], tmp_path / "one", ["landmarks"], "open")
    process_photos([tmp_path / "photos" / "wall.png"], tmp_path / "many", ["landmarks"], "open")  # makes the folder
    jobs, settings = find_photos([folder], tmp_path / "many"), photos.Settings("open", "", 1, None)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: photos.process_photo(job, ("landmarks",), settings), jobs))
    one, many = ({p.relative_to(f): p.read_text() for p in f.rglob("*.txt")}
                 for f in (tmp_path / "one", tmp_path / "many"))  # fmt: skip
    assert one == many and len(one) == 20


def test_every_kind_of_file(tmp_path, capsys):
    photo = data_path("samples/astronaut.jpg")
    kinds = [f"--{kind}" for kind in photos.KINDS]
    assert main(["photo", str(photo), "-o", str(tmp_path), "--weights", "open", *kinds]) == 0
    files = {p.name.removeprefix("astronaut"): p for p in tmp_path.iterdir() if p.name.startswith("astronaut")}
    endings = {ending for ending, *_ in photos.WRITERS.values()} | {".overlay.jpg", ".mtl", ".png"}
    assert set(files) == endings
    image = read_image(photo)
    depth = cv2.imread(str(files[".depth.png"]), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and depth.shape == image.shape[:2]
    face = depth > 0
    points = np.loadtxt(files[".landmarks.txt"])
    mm = (depth[face].astype(float) - 32768) / photos.DEPTH
    assert 0.01 < face.mean() < 0.2 and -110 < mm.min() < -40 and 30 < mm.max() < 90
    tip = (depth[tuple(np.rint(points[30, 1::-1]).astype(int))] - 32768) / photos.DEPTH
    assert tip > mm.max() - 6, "the nose is nearest"
    assert read_image(files[".overlay.jpg"]).shape == image.shape and read_image(files[".texture.png"]).shape[0] == 1024
    weights = json.loads(files[".expressions.json"].read_text())
    assert len(weights) == 51 and weights["mouthSmileLeft"] > 0.2
    with np.load(files[".npz"]) as arrays:
        assert {"vertices", "triangles"} <= set(arrays)
    assert files[".glb"].read_bytes()[:4] == files[".avatar.glb"].read_bytes()[:4] == b"glTF"


def test_names_are_clear(tmp_path, faces):
    for place in ("a/x.jpg", "b/x.jpg", "a/y.jpg", "a/y.png", "a/z.face2.jpg", "a/sub/x.jpg"):
        write(tmp_path / place, faces[0])

    def found(*inputs):
        return sorted(job.name for job in find_photos([tmp_path / i for i in inputs], tmp_path / "out"))

    assert found("a") == ["sub/x", "x", "y_jpg", "y_png", "z.face2_jpg"]
    assert found("a/x.jpg", "a/x.jpg") == ["x"]
    assert found("a", "b") == ["a/sub/x", "a/x", "a/y_jpg", "a/y_png", "a/z.face2_jpg", "b/x"]
    with pytest.raises(ValueError, match="would both become x_jpg"):
        found("a/x.jpg", "b/x.jpg")
    # what was made is not taken for a photo
    write(tmp_path / "a" / "out" / "x.overlay.jpg", faces[0])
    assert len(find_photos([tmp_path / "a"], tmp_path / "a" / "out")) == 5
    with pytest.raises(ValueError, match="lies in the folder that its files would go into"):
        find_photos([tmp_path / "a" / "x.jpg"], tmp_path / "a")


def test_nothing_to_do_has_status_2(tmp_path, capsys, faces, monkeypatch):
    monkeypatch.setattr(parallel, "PATIENCE", 1)
    (tmp_path / "nothing").mkdir()
    photo = str(write(tmp_path / "x.jpg", faces[0]))
    out = ["-o", str(tmp_path / "out")]
    for arguments, reason in (
        ([str(tmp_path / "nothing")], "no photo in"), ([str(tmp_path / "gone.jpg")], "there is no file or folder"),
        ([photo, "--weights", "none"], "no bundled weights 'none'"), ([photo, "--workers", "0"], "at least one worker"),
        ([photo, "--max-faces", "0"], "max_faces must be at least 1"), ([photo, "--passes", "0"], "at least one pass"),
        ([photo, "--dask", "tcp://127.0.0.1:9"], "Dask"),
    ):  # fmt: skip
        assert main(["photo", *arguments, *out]) == 2, arguments
        assert reason in capsys.readouterr().err
    assert made(tmp_path / "out") == {}
    with pytest.raises(ValueError, match="no kind of file"):
        process_photos([photo], tmp_path / "out", kinds=["stl"])


@pytest.mark.parametrize("command", ["photo", "video"])
def test_help_shows_examples_and_the_exit_status(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and f"  lprnet {command} " in text and "exit status: 0" in text
    with pytest.raises(SystemExit) as stop:
        main([command])
    assert stop.value.code == 2, "usage"


def test_what_a_killed_run_left_is_cleared_away(tmp_path, faces):
    photo, out = write(tmp_path / "x.jpg", faces[0]), tmp_path / "out"
    parts = out / NOTES / ".parts"
    for name, age in (("old", 2 * photos.STALE), ("young", 1)):
        (parts / name).mkdir(parents=True)
        (parts / name / "x.glb").write_bytes(b"half")
        os.utime(parts / name, (time.time() - age,) * 2)
    process_photos([photo], out, CHEAP, "open")
    assert [p.name for p in parts.iterdir()] == ["young"], "that of a run which may go on beside this one"
    # a note that was cut short counts for nothing
    note = out / NOTES / "x.json"
    note.write_bytes(note.read_bytes()[:20])
    assert process_photos([photo], out, CHEAP, "open").done == 1


def test_the_video_command(tmp_path, capsys, faces):
    pytest.importorskip("moviepy")
    from lprnet_utils.video import write_video

    source = tmp_path / "in.mp4"
    write_video([faces[0]] * 3, source, 10)
    assert main(["video", str(source), str(tmp_path / "out.mp4"), "--weights", "open", "--clay"]) == 0
    assert "1 face, in 3 of 3 frames" in capsys.readouterr().out and (tmp_path / "out.mp4").is_file()
    assert main(["video", str(source), str(tmp_path / "out.csv"), "--weights", "open"]) == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == 4
    write_video([np.full((48, 64, 3), 99, np.uint8)] * 3, source, 10)
    arguments = ["video", str(source), str(tmp_path / "b.mp4"), "--weights=open", f"--record={tmp_path / 'b.npz'}"]
    assert main(arguments) == 0 and main([*arguments, "--require-face"]) == 1
    source.write_bytes(b"no video")
    assert main(["video", str(source), str(tmp_path / "c.mp4"), "--weights", "open"]) == 2
    assert "in.mp4 is not a video" in capsys.readouterr().err and not (tmp_path / "c.mp4").exists()
