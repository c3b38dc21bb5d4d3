"""lprnet photo: which files of a folder are photos, and the names of what is made of them."""

import itertools
import json
import os
import shutil
import socket
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from lprnet_utils.commands import photo_inputs
from lprnet_utils.commands.main import main
from lprnet_utils.commands.photo_files import DEPTH_PREVIEW, FACE_FILES, FILE_KINDS, OVERLAY
from lprnet_utils.commands.photo_inputs import AN_OUTPUT, NAME_BYTES, NOTES_FOLDER, find_photos
from lprnet_utils.commands.photo_notes import fingerprint, write_note
from lprnet_utils.commands.photos import PhotoOptions, process_photos
from lprnet_utils.common import images
from lprnet_utils.common.names import comparable, with_hash
from lprnet_utils.synthetic import rendered_clip

LANDMARKS = PhotoOptions("open", kinds=("landmarks",))
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")


@pytest.fixture(scope="module")
def face():
    return rendered_clip(1, (160, 120), 1, seed=3)[0].image


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def outputs(name, faces=3):
    """Names of all files that may be made of a photo."""
    stems = [name] + [f"{name}.face{number}" for number in range(2, faces + 1)]
    endings = [file.ending for file in FACE_FILES.values()] + [".mtl", ".png", f".{DEPTH_PREVIEW}.png"]
    return {stem + ending for stem in stems for ending in endings} | {f"{name}.{OVERLAY}.jpg"}


def check_apart(jobs):
    """No two photos share a file, on a file system that ignores case neither."""
    made = [comparable(name) for job in jobs for name in outputs(job.name)]
    assert len(made) == len(set(made)) == len(jobs) * len(outputs("x"))


def test_no_two_photos_share_an_output_file(tmp_path):
    words = {word for name in outputs("v", 2) for word in name.split(".")[1:]} | {"face12", "FACE2", "Avatar", "2024"}
    stems = ["v", "V"] + [f"v.{word}" for word in words] + [f"v.{a}.{b}" for a, b in itertools.product(words, words)]
    folder = touch(tmp_path / "photos", *(f"{stem}.jpg" for stem in stems), "v.avatar.png", "V.JPG")
    touch(
        folder,
        "v.avatar_jpg.png",
        "v_jpg.bmp",
        "a b.jpg",
        "a_b.jpg",
        "caf\u00e9.jpg",
        "cafe\u0301.jpg",
        "w.avatar.2024.jpg",
    )
    count = len(list(folder.iterdir()))  # fewer on a file system that ignores case
    jobs = find_photos([folder], tmp_path / "out")
    assert len(jobs) == count and len({job.photo for job in jobs}) == count
    check_apart(jobs)
    names = {job.photo.name: job.name for job in jobs}
    assert names["w.avatar.2024.jpg"] == "w.avatar.2024", "a name that cannot be taken for another stays"
    assert names["a b.jpg"] == "a b" and names["a_b.jpg"] == "a_b"
    again = find_photos(sorted(folder.iterdir(), reverse=True), tmp_path / "out")
    assert {job.photo.name: job.name for job in again} == names, "in any order"


def finish(job):
    """Write a note and a picture, as a run would."""
    name = f"{os.path.basename(job.name)}.{OVERLAY}.jpg"
    touch(job.files_folder, name)
    write_note(job, {"photo": fingerprint(job.photo), "settings": {}, "faces": 1}, (OVERLAY,), [name])


def finished(inputs, out):
    """Names by photo, after a run."""
    jobs = find_photos(inputs, out)
    for job in jobs:
        finish(job)
    return {job.photo.name: job.name for job in jobs}


def test_a_photo_keeps_the_name_of_its_files(tmp_path):
    folder, out = touch(tmp_path / "photos", "y.jpg", "z_jpg.bmp"), tmp_path / "out"
    assert finished([folder], out) == {"y.jpg": "y", "z_jpg.bmp": "z_jpg"}
    touch(folder, "y.png", "z.jpg", "z.png")
    names = finished([folder], out)
    assert (names["y.jpg"], names["y.png"], names["z.png"], names["z_jpg.bmp"]) == ("y", "y_png", "z_png", "z_jpg")
    assert names["z.jpg"].startswith("z_jpg-")
    check_apart(find_photos([folder], out))
    for gone in ("y.jpg", "z.png", "z_jpg.bmp"):
        (folder / gone).unlink()
        del names[gone]
        assert finished([folder], out) == names
    (folder / "z.jpg").write_bytes(b"changed")
    touch(folder, "y.bmp")
    assert finished([folder], out) == names | {"y.bmp": "y_bmp"}
    pair = touch(tmp_path / "pair", "x.jpg", "x.png")
    assert finished([pair], tmp_path / "two") == {"x.jpg": "x_jpg", "x.png": "x_png"}
    (pair / "x.png").unlink()
    assert finished([pair], tmp_path / "two") == {"x.jpg": "x_jpg"}
    assert finished([pair], tmp_path / "new") == {"x.jpg": "x"}


def test_the_files_of_a_neighbour_are_not_replaced(tmp_path):
    folder, out = touch(tmp_path / "photos", "y.jpg", "y.png", "v.jpg", "V.jpg"), tmp_path / "out"
    assert finished([folder / "y.jpg"], out) == {"y.jpg": "y"}
    assert finished([folder / "y.png"], out) == {"y.png": "y_png"}
    assert finished([folder / "y.jpg"], tmp_path / "new") == {"y.jpg": "y"}
    check_apart(find_photos([folder / "y.png", touch(folder, "y_png.bmp") / "y_png.bmp"], tmp_path / "new"))
    touch(folder, "Y.PNG")
    check_apart(jobs := find_photos([folder], out))
    assert {"y", "y_png"} <= {job.name for job in jobs}
    for name in ("v.jpg", "V.jpg"):
        finished([folder / name], out)
    check_apart(find_photos([folder], out))
    (folder / "y.jpg").unlink()
    assert [job.name for job in find_photos([touch(folder, "y.webp") / "y.webp"], out)] == ["y"], "y.jpg is gone"
    two = [folder / "y.png", touch(tmp_path / "b", "y.png") / "y.png"]
    with pytest.raises(ValueError, match="would both be called y: run lprnet photo for each"):
        find_photos(two, tmp_path / "fresh")
    check_apart(find_photos(two, out))  # the first one has its name already


def test_the_files_of_a_photo_of_the_same_name_elsewhere_are_not_replaced(tmp_path):
    out = tmp_path / "out"
    anna, ben = (touch(tmp_path / name, "1.jpg", "2.jpg") for name in ("anna", "ben"))
    assert finished([anna], out) == {"1.jpg": "1", "2.jpg": "2"}
    assert finished([ben], out) == {"1.jpg": "1_jpg", "2.jpg": "2_jpg"}
    assert finished([touch(tmp_path / "eve", "1.jpg") / "1.jpg"], out)["1.jpg"].startswith("1_jpg-")
    assert finished([anna], out) == {"1.jpg": "1", "2.jpg": "2"}, "each keeps its own"
    assert finished([ben], out) == {"1.jpg": "1_jpg", "2.jpg": "2_jpg"}
    moved = (tmp_path / "elsewhere", tmp_path / "elsewhere" / "out")
    moved[0].mkdir()
    for old, new in ((anna, moved[0] / "anna"), (out, moved[1])):
        shutil.move(old, new)
    assert finished([moved[0] / "anna"], moved[1]) == {"1.jpg": "1", "2.jpg": "2"}, "photos and results moved"
    shutil.move(moved[0] / "anna", tmp_path / "x")
    assert finished([tmp_path / "x"], moved[1]) == {"1.jpg": "1", "2.jpg": "2"}, "photos alone moved"


def test_notes_of_earlier_versions_keep_names(tmp_path):
    folder, out = touch(tmp_path / "photos", "y.jpg"), tmp_path / "out"
    (job,) = find_photos([folder], out)
    finish(job)
    note = json.loads(job.note_path.read_text())
    assert note.pop("name") == "y.jpg"
    job.note_path.write_text(json.dumps(note))
    touch(folder, "y.png")
    os.utime(folder / "y.png", ns=(0, 0))
    assert finished([folder], out) == {"y.jpg": "y", "y.png": "y_png"}


@pytest.mark.parametrize("seed", range(4))
def test_names_stay_while_photos_come_and_go(seed, tmp_path):
    rng, folder, out = np.random.default_rng(seed), touch(tmp_path / "photos"), tmp_path / "out"
    stems = ["y", "y_jpg", "y_jpg_png", "y.avatar", "y.avatar_jpg", "y.face2", "x" * 230]
    possible = [f"{stem}{ending}" for stem in stems for ending in (".jpg", ".png", ".bmp")]
    before = {}
    for _ in range(12):
        for name in rng.choice(possible, 4, replace=False):
            if (folder / name).exists():
                (folder / name).unlink()
                before.pop(name, None)
            else:
                touch(folder, name)
        if not (there := sorted(folder.iterdir())):
            continue
        given = [folder] if rng.random() < 0.5 else list(rng.choice(there, len(there) // 2 + 1, replace=False))
        check_apart(find_photos(given, out))
        names = finished(given, out)
        assert all(before.get(photo, name) == name for photo, name in names.items())
        before |= names
        assert len({comparable(name) for name in before.values()}) == len(before)


def test_pictures_of_earlier_runs_are_no_photos(face, tmp_path, capsys):
    folder = touch(tmp_path / "photos", "sub/own.overlay.jpg")
    for name in ("a.jpg", "sub/own.overlay.jpg", "own.texture.png"):
        Image.fromarray(face).save(folder / name)
    kinds = ["--overlay", "--texture", "--depth", "--obj", "--landmarks"]
    command = ["photo", str(folder), "--weights", "open", "--workers", "1", "-o"]
    assert main([*command, str(folder / "first"), *kinds]) == 0
    Image.fromarray(face).save(folder / "first" / "put here.jpg")
    pictures = {str(p) for p in (folder / "first").rglob("*") if p.suffix in (".jpg", ".png")}
    pictures -= {str(folder / "first" / "put here.jpg")}
    capsys.readouterr()
    assert len(pictures) == 3 * 5 and main([*command, str(folder / "second"), "--landmarks"]) == 0
    said, report = capsys.readouterr(), json.loads((folder / "second" / "report.json").read_text())
    assert report["done"] == 4 and report["ignored"] == dict.fromkeys(pictures, AN_OUTPUT)
    assert "15 not opened (made by an earlier run" in said.err and min(pictures) in said.err
    # the same in other words
    third = tmp_path / "third"
    for inputs in (
        [folder],
        sorted(folder.iterdir()),
        [folder / "first", folder],
        [*folder.rglob("*.jpg"), *folder.rglob("*.png")],
    ):
        assert len({job.photo for job in find_photos(inputs, third)}) == 4
    names = [job.name for job in find_photos([folder / "a.jpg", folder / "sub", folder / "second"], third)]
    assert names == ["a", "own.overlay_jpg"], "a folder without photos is not one of several"
    with pytest.raises(ValueError, match=r"no photo in .*sub that can be read: .*own.*: made by an earlier run"):
        find_photos([folder / "first" / "sub"], third)


@pytest.mark.slow
def test_an_avatar_and_a_photo_called_like_it(face, tmp_path):
    folder, out = touch(tmp_path / "photos"), tmp_path / "out"
    folder.mkdir()
    for name in ("v.jpg", "v.avatar.jpg", "v.depth-preview.jpg", "w x.jpg", "w_x.jpg"):
        Image.fromarray(face).save(folder / name)
    report = process_photos([folder], out, PhotoOptions("open", kinds=("glb", "avatar", "obj", "depth")))
    notes = [json.loads(path.read_text()) for path in (out / NOTES_FOLDER).glob("*.json")]
    files = [name for note in notes for name in note["files"]]
    assert report.done == len(notes) == 5 and len(files) == len(set(files)) == 5 * 7
    assert set(files) | {"report.json", NOTES_FOLDER} == {path.name for path in out.iterdir()}
    assert {"v.glb", "v.avatar.glb", "v.avatar_jpg.glb", "v.avatar_jpg.avatar.glb", "v.depth-preview_jpg.png"} <= set(
        files
    )


@pytest.mark.parametrize("stem", ["x" * 250, "\u5c71 " * 62], ids=["ascii", "chinese"])
def test_long_names_are_cut_and_stay_different(stem, face, tmp_path):
    folder, out = touch(tmp_path / "photos"), tmp_path / "out"
    folder.mkdir()
    for name in (f"{stem}.jpg", f"{stem[:-1]}y.png"):
        try:
            Image.fromarray(face).save(folder / name)
        except OSError:
            pytest.skip("this file system has no such names")
    options = PhotoOptions("open", kinds=("landmarks", "pose", "expressions", "npz", OVERLAY))
    assert process_photos([folder], out, options).done == 2
    jobs = find_photos([folder], out)
    check_apart(jobs)
    assert all(len(os.fsencode(job.name)) <= NAME_BYTES for job in jobs)
    assert process_photos([folder], out, options).skipped == 2


def test_the_longest_ending_fits():
    endings = [file.ending for file in FACE_FILES.values()] + [f".{DEPTH_PREVIEW}.png"]
    assert NAME_BYTES + len(".face1000") + max(map(len, endings)) <= 255
    cut = with_hash("\u00e9" * 200, "one", 100)
    assert len(cut.encode()) <= 100 and cut != with_hash("\u00e9" * 200, "other", 100)
    assert with_hash("a\udcff", "a\udcff", 100).isascii()


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_names_that_are_not_utf_8(face, tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9")
    cv2.imwrite(str(tmp_path / "x.png"), face[..., ::-1])
    (folder / f"{name}.png").write_bytes((tmp_path / "x.png").read_bytes())
    Image.new("RGB", (90, 90)).save(folder / f"{name} wall.png")
    touch(folder, f"{name}.dng", f"{name} empty.jpg")
    command = ["photo", str(folder), "-o", str(out), "--weights", "open", *(f"--{kind}" for kind in FILE_KINDS)]
    for done in ("2 photos done;", "0 photos done, 2 had been before;"):
        assert main([*command, "--workers", "1"]) == 1
        said = capsys.readouterr()
        assert done in said.out and "wall" in said.out and ".dng" in said.err and "empty.jpg" in said.err
    report = json.loads((out / "report.json").read_text())
    assert list(report["ignored"]) == [str(folder / f"{name}.dng")] and (out / f"{name}.glb").exists()


def test_formats_that_are_read_and_those_that_are_named(face, tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".mpo": "MPO", ".avif": "AVIF", ".jp2": "JPEG2000", ".j2k": "JPEG2000"}
    readable = {ending: kind for ending, kind in kinds.items() if ending in images.readable_endings()}
    assert len(readable) >= 3
    for ending, kind in readable.items():
        Image.fromarray(face).save(folder / f"photo{ending.upper()}", kind)
    unreadable = [
        ending for ending in (".dng", ".CR2", ".nef", ".arw", ".heic") if ending.lower() in images.unreadable_endings()
    ]
    touch(folder, *(f"raw{ending}" for ending in unreadable), "film.mp4", "notes.txt", ".hidden.dng")
    assert main(["photo", str(folder), "-o", str(out), "--landmarks", "--weights", "open", "--workers", "1"]) == 1
    said, report = capsys.readouterr(), json.loads((out / "report.json").read_text())
    assert report["done"] == len(readable) == len(list(out.glob("*.landmarks.txt"))) and report["failed"] == {}
    assert sorted(report["ignored"]) == sorted(str(folder / f"raw{ending}") for ending in unreadable)
    assert all(name in said.err for name in report["ignored"]) and ".CR2" not in said.out
    assert not any(name in said.err for name in ("film", "notes", "hidden")) and "convert them to JPEG" in said.err


def test_heic_is_named_or_read(monkeypatch, tmp_path):
    folder, ignored = touch(tmp_path / "photos", "a.heic", "b.HEIF"), {}
    monkeypatch.setattr(photo_inputs, "readable_endings", lambda: (".jpg",))
    monkeypatch.setattr(photo_inputs, "unreadable_endings", lambda: (".heic", ".heif", ".nef"))
    with pytest.raises(ValueError, match=r"no photo in .* that can be read: .*a\.heic.*pillow-heif, and 1 more"):
        find_photos([folder], tmp_path / "out", ignored)
    assert len(ignored) == 2
    monkeypatch.setattr(photo_inputs, "readable_endings", lambda: (".jpg", ".heic", ".heif"))
    monkeypatch.setattr(photo_inputs, "unreadable_endings", lambda: (".nef",))
    assert len(find_photos([folder], tmp_path / "out")) == 2


def special_files(folder):
    """Links to nothing and to themselves, a pipe, a socket, and links to a pipe and a device."""
    folder.mkdir()
    os.symlink(folder / "gone", folder / "broken.jpg")
    os.symlink("loop.jpg", folder / "loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    os.symlink(folder / "pipe.jpg", folder / "to_pipe.png")
    os.symlink(os.devnull, folder / "null.jpg")
    os.symlink("/dev/zero", folder / "zero.jpg")
    server, here = socket.socket(socket.AF_UNIX), os.getcwd()
    os.chdir(folder)  # an address has at most 100 characters
    server.bind("socket.jpg")
    server.close()
    os.chdir(here)
    return sorted(folder.iterdir())


@posix
@pytest.mark.parametrize("given", ["the folder", "each file"])
def test_only_regular_files_are_opened(given, face, tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    special = special_files(folder)
    Image.fromarray(face).save(folder / "a.jpg")
    os.symlink(folder / "a.jpg", folder / "link.jpg")
    os.mkfifo(folder / "no photo")
    inputs = [folder] if given == "the folder" else [*special, folder / "a.jpg", folder / "link.jpg"]
    command = ["photo", *map(str, inputs), "-o", str(out), "--landmarks", "--weights", "open", "--workers", "1"]
    assert main(command) == 1
    said, report = capsys.readouterr().err, json.loads((out / "report.json").read_text())
    assert report["done"] == 2 and report["ignored"].keys() == {str(path) for path in special}
    assert all(name in said for name in report["ignored"]) and len(special) == 7
    assert "leads to no file" in report["ignored"][str(folder / "loop.jpg")] and "pipe" in said
    with pytest.raises(ValueError, match="no photo in"):
        find_photos(special, out)
    with pytest.raises(ValueError, match="no photo in"):
        process_photos([touch(tmp_path / "empty", "a.txt")], out, LANDMARKS)


def test_a_closed_folder_is_named(monkeypatch, tmp_path):
    folder, ignored = touch(tmp_path / "photos", "a.jpg", "closed/b.jpg"), {}
    scandir = os.scandir

    def closed(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert [job.name for job in find_photos([folder], tmp_path / "out", ignored)] == ["a"]
    assert ignored == {str(folder / "closed"): "the folder cannot be read (Permission denied)"}


SPELLINGS = [
    ("photos", "photos/out"),
    ("photos", "photos/../photos/out"),
    ("photos", "photos/sub/../out"),
    ("photos/", "./photos//out/"),
    ("photos/../photos", "photos/out"),
    ("photos/sub/..", "photos/out"),
    (".", "photos/out"),
    ("photos", "link/out"),
    ("link", "photos/out"),
    ("link", "link/out"),
    ("link/../photos", "photos/out"),
    ("photos", "elsewhere"),
    ("link", "elsewhere"),
    ("photos photos/out", "photos/out"),
    ("photos/sub photos/a.jpg photos/out", "photos/out"),
    ("photos link", "photos/out"),
]


@posix
@pytest.mark.parametrize("exists", [False, True], ids=["new", "there"])
@pytest.mark.parametrize(("given", "out"), SPELLINGS)
def test_the_output_folder_is_never_read(given, out, exists, face, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "sub/b.jpg"):
        touch(tmp_path / "photos", name)
        Image.fromarray(face).save(tmp_path / "photos" / name)
    os.symlink("photos", "link")
    os.symlink("photos/out", "elsewhere")  # links to the output folder, which does not exist yet
    if exists or out == "elsewhere" or "out" in given:
        os.mkdir("photos/out")
    first = find_photos(given.split(), out)
    for job in first:  # as a run would write them
        touch(tmp_path, job.files_folder / f"{os.path.basename(job.name)}.overlay.jpg", job.note_path)
    assert [job.photo.name for job in first] == ["a.jpg", "b.jpg"]
    assert find_photos(given.split(), out) == first and len(list((tmp_path / "photos/out").rglob("*.jpg"))) == 2


def test_inputs_called_dot_dot_do_not_leave_the_output_folder(tmp_path, monkeypatch):
    touch(tmp_path, "p/a.jpg", "q/b.jpg", "q/sub/...jpg", "q/sub/.part-x.jpg")
    monkeypatch.chdir(tmp_path / "q" / "sub")
    jobs = find_photos(["..", "../../p", "...jpg", ".part-x.jpg"], tmp_path / "out")
    names = [job.name for job in jobs]
    assert names[:2] == ["p/a", "q/b"] and all(name.startswith("photo-") for name in names[2:]) and len(names) == 4


def test_a_photo_may_be_given_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(touch(tmp_path, "p/a.jpg", "q/a.jpg"))
    assert [job.name for job in find_photos(["p/a.jpg", "p/../p/a.jpg"], "out")] == ["a"]
    assert [job.name for job in find_photos(["p", "p/../p", "./p"], "out")] == ["p/a"]
    with pytest.raises(ValueError, match="would both be called a: .*an output folder of its own"):
        find_photos(["p/a.jpg", "q/a.jpg"], "out")


def test_a_kind_of_file_that_fails_leaves_nothing(face, tmp_path, monkeypatch):
    def fails(_, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    Image.fromarray(face).save(tmp_path / "a.png")
    out, options = tmp_path / "out", PhotoOptions("open", kinds=("glb", "pose"))
    monkeypatch.setitem(FACE_FILES, "pose", FACE_FILES["pose"]._replace(write=fails))
    report = process_photos([tmp_path / "a.png"], out, options)
    assert "No space left" in report.failed[str(tmp_path / "a.png")]
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["report.json"]
    monkeypatch.undo()
    assert process_photos([tmp_path / "a.png"], out, options).done == 1
    assert np.isfinite(json.loads((out / "a.pose.json").read_text())["yaw"])
