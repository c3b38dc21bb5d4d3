"""lprnet photo: each photo is processed once and completely, failures are named, and a kill loses nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from processes import end_session, running_in_session, wait_until

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main
from lprnet_utils.commands.photo_avatars import AvatarLook
from lprnet_utils.commands.photo_files import DEPTH_LEVELS_PER_MM, DEPTH_ZERO_LEVEL, FACE_FILES, FILE_KINDS
from lprnet_utils.commands.photos import NOTES_FOLDER, PhotoOptions, find_photos, process_photo, process_photos
from lprnet_utils.common import data_path, parallel, read_image
from lprnet_utils.common.assets import sha256
from lprnet_utils.common.files import UNFINISHED_MAX_AGE_SECONDS, UNFINISHED_PREFIX, InUseError
from lprnet_utils.common.litert import read_weights
from lprnet_utils.synthetic import rendered_clip, rest, still

BROKEN = {"truncated.png", "cut.JPG", "text.jpg", "empty.jpg"}
LANDMARKS = PhotoOptions("open", kinds=("landmarks",))


@pytest.fixture(scope="module")
def faces():
    """Four photos of a face."""
    return [frame.image for frame in rendered_clip(4, (160, 120), 1, seed=3)]


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture
def folder(tmp_path, faces):
    """20 photos in folders, with and without a face, and four broken ones."""
    folder = tmp_path / "photos"
    for k in range(18):
        write(folder / ("day 1" if k % 2 else "day.2") / f"img_{k:02d}.jpg", faces[k % len(faces)])
    write(folder / "group.png", np.concatenate(faces[:2], 1))
    write(folder / "wall.png", np.full((90, 120, 3), 128, np.uint8))
    whole = (folder / "group.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 3])
    jpeg = (folder / "day.2" / "img_00.jpg").read_bytes()
    (folder / "cut.JPG").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "text.jpg").write_text("not a photo")
    (folder / "empty.jpg").touch()
    (folder / "readme.txt").write_text("to be ignored")
    write(folder / ".thumbnails" / "hidden.jpg", faces[0])
    return folder


def failed(out):
    """Names of the photos that the report calls failed, each with a reason."""
    reasons = json.loads((out / "report.json").read_text())["failed"]
    assert all(reasons.values())
    return {os.path.basename(path) for path in reasons}


def made(out):
    """Modification times of the finished files in an output folder, by name."""
    found = [p for p in out.rglob("*") if p.is_file() and NOTES_FOLDER not in p.parts and p.name != "report.json"]
    return {p.relative_to(out).as_posix(): p.stat().st_mtime_ns for p in found}


def test_all_photos_are_processed_and_the_broken_ones_named(folder, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["photo", str(folder), "-o", str(out), "--landmarks", "--pose", "--weights", "open", "--workers", "2"]
    assert main(arguments) == 1, "some failed"
    text = capsys.readouterr()
    assert "20 photos done; 20 faces" in text.out and "no face in 1" in text.out and "wall.png" in text.out
    assert failed(out) == BROKEN and "4 photos failed" in text.err and all(name in text.err for name in BROKEN)
    files = made(out)
    assert len(files) == 2 * 20 and "day 1/img_01.landmarks.txt" in files and "group.face2.pose.json" in files
    points = np.loadtxt(out / "day.2" / "img_04.landmarks.txt")
    assert points.shape == (68, 3) and 0 < points[:, 0].min() < points[:, 0].max() < 160
    pose = json.loads((out / "group.pose.json").read_text())
    assert abs(pose["yaw"]) < 45 and np.array(pose["camera"]).shape == (3, 4) and 0.4 < pose["confidence"] <= 1
    assert list((out / NOTES_FOLDER / ".parts").iterdir()) == []
    # the second time only the failed photos are tried again
    assert main(arguments) == 1
    assert "0 photos done, 20 had been before; 20 faces" in capsys.readouterr().out and made(out) == files
    for name in BROKEN:
        (folder / name).unlink()
    assert main(arguments) == 0
    assert main([*arguments, "--require-face"]) == 1, "the wall has none"


def test_changed_photos_options_and_missing_files_are_noticed(folder, tmp_path, faces):
    out = tmp_path / "out"
    shutil.rmtree(folder / "day 1")

    def process(*kinds, weights="open", **options):
        kinds = kinds or ("landmarks", "pose")
        return process_photos([folder], out, PhotoOptions(weights, kinds=kinds, **options))

    assert process().done == 11
    before = made(out)
    write(folder / "group.png", faces[2])
    report = process()
    assert (report.done, report.skipped) == (1, 10)
    assert "group.face2.pose.json" not in made(out), "the second face is gone from the photo"
    (out / "day.2" / "img_02.pose.json").unlink()
    assert process().done == 1, "a file is missing"
    assert process("overlay").done == 11
    assert set(before) - {"group.face2.pose.json", "group.face2.landmarks.txt"} <= set(made(out))
    assert process("landmarks", "pose", "overlay").skipped == 11, "kinds add up"
    assert process(weights="wild").done == 11, "another network"
    assert process(weights="wild", max_faces=1).done == 11
    assert process(weights="wild", max_faces=1, small=True).done == 11


def test_no_file_is_lost_because_another_one_is_asked_for(tmp_path, faces):
    photo, out = write(tmp_path / "x.jpg", faces[0]), tmp_path / "out"
    look = AvatarLook("none", (10, 20, 30))
    process_photos([photo], out, PhotoOptions(kinds=("avatar", "obj", "pose"), look=look))
    before = {path.name: path.read_bytes() for path in out.glob("x.*")}
    assert process_photos([photo], out, PhotoOptions(kinds=("landmarks",), passes=2)).done == 1
    after = {path.name: path.read_bytes() for path in out.glob("x.*")}
    assert set(after) == {*before, "x.landmarks.txt"} and len(before) == 5
    assert after["x.pose.json"] != before["x.pose.json"], "made anew, so that all belong together"
    kinds = json.loads((out / NOTES_FOLDER / "x.json").read_text())["kinds"]
    assert "avatar:hair=none:hair_color=(10, 20, 30)" in kinds, "with the look that it had"
    assert process_photos([photo], out, PhotoOptions(kinds=("landmarks",), passes=2)).skipped == 1
    write(photo, faces[1])
    assert process_photos([photo], out, PhotoOptions(kinds=("landmarks",), passes=2)).done == 1
    assert {path.name for path in out.glob("x.*")} == set(after), "also if the photo has changed"


def test_a_replaced_weights_file_is_read_again(tmp_path, faces):
    photo, weights = write(tmp_path / "x.jpg", faces[0]), tmp_path / "mine.tflite"
    found = []
    for name in ("open", "wild"):
        weights.write_bytes(read_weights(name)[1])
        options = PhotoOptions(weights, kinds=("landmarks",), closer_look=False)
        assert process_photos([photo], tmp_path / "out", options).done == 1
        found.append(np.loadtxt(tmp_path / "out" / "x.landmarks.txt"))
    expected = LPRNet("wild", closer_look=False).reconstruct(photo)[0].landmarks
    assert np.abs(found[1] - expected).max() < 0.01 < np.abs(found[0] - expected).max()


def test_notes_keep_their_format_so_that_earlier_work_is_not_repeated(tmp_path, faces):
    photo, out = write(tmp_path / "x.jpg", faces[0]), tmp_path / "out"
    path, status = out / NOTES_FOLDER / "x.json", photo.stat()
    digest = sha256(read_weights("open")[1])
    settings = {"weights": "open", "sha256": digest, "passes": 1, "max_faces": None, "small": False}
    settings["closer_look"] = None
    note = {"photo": [status.st_size, status.st_mtime_ns], "settings": settings, "faces": 1}
    note |= {"kinds": ["landmarks"], "files": ["x.landmarks.txt"]}
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(note))
    (out / "x.landmarks.txt").touch()
    assert process_photos([photo], out, LANDMARKS).skipped == 1
    path.write_bytes(path.read_bytes()[:20])
    assert process_photos([photo], out, LANDMARKS).done == 1, "a truncated note is ignored"
    (out / "x.landmarks.txt").unlink()
    assert process_photos([photo], out, LANDMARKS).done == 1
    assert json.loads(path.read_text()) == note | {"name": "x.jpg", "folder": ".."}


def test_small_faces_are_found_on_request(tmp_path, capsys):
    crowd = rendered_clip(1, (1600, 1200), seed=10, people=8, height=0.025, pose=still, expression=rest)[0].image
    write(tmp_path / "crowd.png", crowd)
    arguments = ["photo", str(tmp_path / "crowd.png"), "-o", str(tmp_path / "out"), "--pose", "--weights", "open"]
    faces = []
    for more in ([], ["--small"]):
        assert main([*arguments, *more, "--workers", "1"]) == 0
        faces.append(int(re.search(r"(\d+) face", capsys.readouterr().out)[1]))
    assert faces[0] <= 6 and faces[1] == 8


def test_the_same_command_continues_after_a_kill(folder, tmp_path):
    for k in range(40):
        shutil.copy(folder / "day.2" / "img_00.jpg", folder / f"more_{k:02d}.jpg")
    out = tmp_path / "out"
    program = "import sys; from lprnet_utils.commands.main import main; sys.exit(main())"
    options = ["--landmarks", "--overlay", "--weights", "open", "--workers", "2"]
    command = [sys.executable, "-c", program, "photo", str(folder), "-o", str(out), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(list(out.glob("day*/*.landmarks.txt"))) < 10 and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        process.kill()
        process.wait()
        wait_until(lambda: not running_in_session(process.pid), 5)  # its workers end with it
    finally:
        end_session(process)
    # if the files of a photo were being moved at that moment it has no note, and is processed again
    notes = (out / NOTES_FOLDER).rglob("*.json")
    finished = {p.stem for p in notes if not p.name.startswith(UNFINISHED_PREFIX)}
    assert 8 <= len(finished) < 60
    before = {name: when for name, when in made(out).items() if os.path.basename(name).split(".")[0] in finished}
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and f"{60 - len(finished)} photos done, {len(finished)} had been before" in done.stdout
    after = made(out)
    assert len(after) == 59 * 2 + 1 and {name: after[name] for name in before} == before, "processed once"
    for name in after:
        assert not name.endswith(".landmarks.txt") or np.loadtxt(out / name).shape == (68, 3)
    assert failed(out) == BROKEN


def test_threads_as_in_a_dask_worker_give_the_same_results(folder, tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    process_photos([folder], one, LANDMARKS)
    process_photos([folder / "wall.png"], many, LANDMARKS)  # makes the folders
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: process_photo(job, LANDMARKS, {}), find_photos([folder], many)))
    texts = [{path.relative_to(out): path.read_text() for path in out.rglob("*.txt")} for out in (one, many)]
    assert texts[0] == texts[1] and len(texts[0]) == 20


def test_every_kind_of_file(tmp_path, capsys):
    photo = data_path("samples/astronaut.jpg")
    kinds = [f"--{kind}" for kind in FILE_KINDS]
    assert main(["photo", str(photo), "-o", str(tmp_path), "--weights", "open", *kinds]) == 0
    files = {p.name.removeprefix("astronaut"): p for p in tmp_path.iterdir() if p.name.startswith("astronaut")}
    endings = {file.ending for file in FACE_FILES.values()} | {".depth-preview.png", ".overlay.jpg", ".mtl", ".png"}
    assert set(files) == endings
    image = read_image(photo)
    depth = cv2.imread(str(files[".depth.png"]), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and depth.shape == image.shape[:2]
    face = depth > 0
    points = np.loadtxt(files[".landmarks.txt"])
    mm = (depth[face].astype(float) - DEPTH_ZERO_LEVEL) / DEPTH_LEVELS_PER_MM
    assert 0.01 < face.mean() < 0.2 and -110 < mm.min() < -40 and 30 < mm.max() < 90
    tip = (depth[tuple(np.rint(points[30, 1::-1]).astype(int))] - DEPTH_ZERO_LEVEL) / DEPTH_LEVELS_PER_MM
    assert tip > mm.max() - 6, "the nose is nearest"
    assert read_image(files[".overlay.jpg"]).shape == image.shape and read_image(files[".texture.png"]).shape[0] == 1024
    weights = json.loads(files[".expressions.json"].read_text())
    assert len(weights) == 51 and weights["mouthSmileLeft"] > 0.2
    with np.load(files[".npz"]) as arrays:
        assert {"vertices", "triangles"} <= set(arrays)
    assert files[".glb"].read_bytes()[:4] == files[".avatar.glb"].read_bytes()[:4] == b"glTF"


def test_output_names_are_unique(tmp_path, faces):
    for place in ("a/x.jpg", "b/x.jpg", "a/y.jpg", "a/y.png", "a/z.face2.jpg", "a/sub/x.jpg"):
        write(tmp_path / place, faces[0])

    def found(*inputs):
        return sorted(job.name for job in find_photos([tmp_path / i for i in inputs], tmp_path / "out"))

    assert found("a") == ["sub/x", "x", "y_jpg", "y_png", "z.face2_jpg"]
    assert found("a/x.jpg", "a/x.jpg") == ["x"]
    assert found("a", "b") == ["a/sub/x", "a/x", "a/y_jpg", "a/y_png", "a/z.face2_jpg", "b/x"]
    with pytest.raises(ValueError, match="would both be called x:"):
        found("a/x.jpg", "b/x.jpg")
    # the output folder is not searched for photos
    write(tmp_path / "a" / "out" / "x.overlay.jpg", faces[0])
    assert len(find_photos([tmp_path / "a"], tmp_path / "a" / "out")) == 5
    with pytest.raises(ValueError, match="lies in the folder that its files would go into"):
        find_photos([tmp_path / "a" / "x.jpg"], tmp_path / "a")


@pytest.mark.parametrize(("arguments", "reason"), [
    (["nothing"], "no photo in"),
    (["gone.jpg"], "there is no file or folder"),
    (["x.jpg", "--weights", "none"], "no bundled weights 'none'"),
    (["x.jpg", "--workers", "0"], "of at least 1"),
    (["x.jpg", "--max-faces", "0"], "of at least 1"),
    (["x.jpg", "--passes", "0"], "of at least 1"),
    (["x.jpg", "-o", "x.jpg"], "x.jpg"),
    (["x.jpg", "--dask", "tcp://127.0.0.1:9"], "Dask"),
])  # fmt: skip
def test_bad_arguments_have_status_2(arguments, reason, tmp_path, capsys, faces, monkeypatch):
    monkeypatch.setattr(parallel, "DASK_TIMEOUT_SECONDS", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing").mkdir()
    write(tmp_path / "x.jpg", faces[0])
    try:
        status = main(["photo", "-o", "out", *arguments])
    except SystemExit as refused:  # by the parser
        status = refused.code
    assert status == 2
    assert reason in capsys.readouterr().err
    assert made(tmp_path / "out") == {}


def test_two_runs_at_the_same_time_write_different_names(tmp_path, faces, monkeypatch):
    photos = {name: write(tmp_path / f"{name}.jpg", faces[0]) for name in ("a/x", "b/x", "b/z")}
    out, write_landmarks, seen = tmp_path / "out", FACE_FILES["landmarks"].write, []

    def during_the_first_run(face, path):
        if not seen:
            seen.append("here")
            with pytest.raises(InUseError, match="another process works on x: wait until it ends, or use another"):
                process_photos([photos["b/x"]], out, LANDMARKS)
            with pytest.raises(InUseError, match="on x"):
                process_photos([photos["b/x"], photos["b/z"]], out, LANDMARKS)
            seen.append(process_photos([photos["b/z"]], out, LANDMARKS).done)
            seen.append(process_photos([photos["b/x"]], tmp_path / "other", LANDMARKS).done)
        write_landmarks(face, path)

    monkeypatch.setitem(FACE_FILES, "landmarks", FACE_FILES["landmarks"]._replace(write=during_the_first_run))
    assert process_photos([photos["a/x"]], out, LANDMARKS).done == 1 and seen == ["here", 1, 1]
    assert set(made(out)) == {"x.landmarks.txt", "z.landmarks.txt"}
    assert process_photos([photos["b/x"]], out, LANDMARKS).done == 1, "the first run has ended"
    assert list((out / NOTES_FOLDER / ".runs").iterdir()) == []


def test_names_that_are_not_the_photos_are_said(tmp_path, faces, capsys):
    command = ["photo", str(tmp_path / "p"), "-o", str(tmp_path / "out"), "--landmarks", "--weights", "open"]
    write(tmp_path / "p" / "y.jpg", faces[0])
    assert main([*command, "--workers", "1"]) == 0 and "another name" not in capsys.readouterr().out
    other = write(tmp_path / "p" / "y.png", faces[1])
    assert main([*command, "--workers", "1"]) == 0
    text = capsys.readouterr().out
    assert "1 photo done, 1 had been before" in text and f"in 1: {other} -> y_png (all in report.json)" in text
    assert set(made(tmp_path / "out")) == {"y.landmarks.txt", "y_png.landmarks.txt"}


def test_unknown_kind_of_file_is_refused(tmp_path, faces):
    with pytest.raises(ValueError, match="no kind of file"):
        process_photos([write(tmp_path / "x.jpg", faces[0])], tmp_path / "out", PhotoOptions(kinds=("stl",)))


def test_old_unfinished_files_are_deleted(tmp_path, faces):
    """Temporary folders of earlier versions, which did not lock them."""
    parts = tmp_path / "out" / NOTES_FOLDER / ".parts"
    for name, age in (("old", 2 * UNFINISHED_MAX_AGE_SECONDS), ("young", 1)):
        (parts / name).mkdir(parents=True)
        (parts / name / "x.glb").write_bytes(b"half")
        os.utime(parts / name, (time.time() - age,) * 2)
    process_photos([write(tmp_path / "x.jpg", faces[0])], tmp_path / "out", LANDMARKS)
    assert [p.name for p in parts.iterdir()] == ["young"], "it may belong to a run at the same time"
