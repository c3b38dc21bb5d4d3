"""Files are complete or absent, even if a writer is killed."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from made_faces import made_face

from lprnet_utils.common import files
from lprnet_utils.common.files import (
    CheckpointError,
    atomic_write,
    load_checkpoint,
    read_checked,
    save_checkpoint,
    write_checked,
    write_json,
)


def test_checkpoint_round_trip_and_damage(tmp_path):
    path = tmp_path / "checkpoint.bin"
    with pytest.raises(CheckpointError, match="checkpoint.bin is missing"):
        load_checkpoint(path)
    save_checkpoint(path, {"a": np.arange(1000)}, {"step": 1})
    save_checkpoint(path, {"a": np.arange(1000) * 2}, {"step": 2})
    arrays, info = load_checkpoint(path)
    assert info["step"] == 2 and arrays["a"][3] == 6
    assert load_checkpoint(tmp_path / "checkpoint.bin.previous")[1]["step"] == 1
    data = path.read_bytes()
    for broken in (data[:-100], data[:500] + bytes([data[500] ^ 1]) + data[501:], b""):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match="truncated or altered"):
            load_checkpoint(path)


def test_an_unknown_ending_and_a_missing_folder_are_refused(tmp_path):
    face, _ = made_face()
    for name in ("face.stl", "face", "face.glb.txt"):
        with pytest.raises(ValueError, match=r"choose one of \.glb, \.obj, \.ply, \.npz"):
            face.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no folder"):
        face.save(tmp_path / "nowhere" / "face.glb")
    face.save(str(tmp_path / "FACE.PLY"))
    assert [p.name for p in tmp_path.iterdir()] == ["FACE.PLY"]


def test_no_half_written_file_is_left(tmp_path, monkeypatch):
    old, part = tmp_path / "a.obj", tmp_path / "a.png"
    old.write_bytes(b"old")
    calls = []

    def full(*_):
        calls.append(1)
        raise OSError("No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write_files({part: b"picture", old: b"new"})
    monkeypatch.undo()
    assert calls and [p.name for p in tmp_path.iterdir()] == ["a.obj"] and old.read_bytes() == b"old"
    files.write_files({part: b"picture", old: b"new"})
    assert old.read_bytes() == b"new" and part.read_bytes() == b"picture" and len(list(tmp_path.iterdir())) == 2
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        assert old.stat().st_mode & 0o777 == 0o666 & ~mask, "with the usual permissions"


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "shard-00000.bin"
    arrays = [{"a": np.full(100_000 + k, k)} for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: write_checked(path, arrays[k % 8]), range(64)))
    found = read_checked(path)["a"]
    assert len(found) == 100_000 + found[0], "the complete file of one of them"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_error_while_writing_leaves_the_previous_file(tmp_path):
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), files.atomic_write(path) as part:
        assert part.parent == tmp_path and part.suffix == ".mp4", "writers choose the format by the ending"
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["talk.mp4"]


WRITER = """
import sys, time
from pathlib import Path
from lprnet_utils.common.files import atomic_write, only_process, only_user_of, temporary_folder
folder = Path(sys.argv[1])
with (only_process(folder), only_user_of(sys.argv[2:], folder / "names"),
      atomic_write(folder / "log.csv") as part, temporary_folder(folder) as inner):
    part.write_bytes(b"half"), (inner / "a.glb").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks: there the age of a file decides")
def test_only_files_of_killed_writers_are_removed(tmp_path):
    (tmp_path / "log.csv").write_text("whole")
    (tmp_path / "names").mkdir()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == b"writing\n"
        files.remove_unfinished(tmp_path)
        assert len(list(tmp_path.glob(f"{files.UNFINISHED_PREFIX}*"))) == 2, "a file and a folder in use"
        with pytest.raises(files.InUseError, match="another process works in"), files.only_process(tmp_path):
            pass
    finally:
        writer.kill()
        writer.communicate()
    files.remove_unfinished(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "log.csv", "names"]
    with files.only_process(tmp_path):
        assert (tmp_path / "log.csv").read_text() == "whole"
    assert not (tmp_path / ".lock").exists()


@pytest.fixture(params=["as here", "as on Windows"])
def locks(request, monkeypatch):
    """Locks of this system, and those of Windows played by them."""
    if request.param == "as here":
        return
    fcntl = pytest.importorskip("fcntl", reason="here Windows need not be played")

    def locking(file, mode, count):
        assert os.lseek(file, 0, os.SEEK_CUR) > os.fstat(file).st_size and count == 1
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if mode == "LK_NBLCK" else 0))
        except BlockingIOError as error:
            raise PermissionError(13, "Permission denied") from error

    played = SimpleNamespace(locking=locking, LK_LOCK="LK_LOCK", LK_NBLCK="LK_NBLCK")
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "msvcrt", played, raising=False)


def in_another_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_folder_for_one_process(locks, tmp_path):
    def enter(wait=False):
        with files.only_process(tmp_path, wait):
            return time.monotonic()

    pool = ThreadPoolExecutor(4)
    with files.only_process(tmp_path):
        with files.only_process(tmp_path / ".." / tmp_path.name):
            pass
        with pytest.raises(files.InUseError, match="another process works in"):
            in_another_thread(enter)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"], "the inner one has not ended the outer one"
        waiting = [pool.submit(enter, True) for _ in range(4)]
        time.sleep(0.1)
        assert not any(job.done() for job in waiting)
        left = time.monotonic()
    assert all(job.result(timeout=30) > left for job in waiting), "although the file that they wait for was removed"
    pool.shutdown()
    assert list(tmp_path.iterdir()) == [] and in_another_thread(enter)


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no file that another process has opened")
def test_who_has_waited_for_a_folder_has_it_alone(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with files.only_process(tmp_path, wait=True):
            entered.set()
            leave.wait(30)

    with ThreadPoolExecutor(1) as pool:
        with files.only_process(tmp_path):
            pool.submit(stay)
            time.sleep(0.1)
        assert entered.wait(30)
        with pytest.raises(files.InUseError), files.only_process(tmp_path):
            pass
        leave.set()
    assert list(tmp_path.iterdir()) == []


def test_names_for_one_process(locks, tmp_path):
    (tmp_path / "names").mkdir()

    def use(*names):
        with files.only_user_of(names, tmp_path / "names"):
            return True

    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path, "x", "y", "sub/\u5c71\n"], stdout=subprocess.PIPE
    )
    try:
        assert writer.stdout.readline() == b"writing\n"
        assert use("z", "x.2", "sub/x") and use()
        for names, said in ((["z", "y"], "works on y: wait"), (["x", "y", "a"], "works on x and 1 more: wait")):
            with pytest.raises(files.InUseError, match=said):
                use(*names)
        with pytest.raises(files.InUseError):
            use("sub/\u5c71\n")
        with files.only_user_of(["z"], tmp_path / "names"), pytest.raises(files.InUseError, match="works on z"):
            use("z")
        assert len(list((tmp_path / "names").iterdir())) == 1
    finally:
        writer.kill()
        writer.communicate()
    assert use("x", "y") and list((tmp_path / "names").iterdir()) == []


def test_without_locks_old_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    for name, age in (("old", 2 * files.UNFINISHED_MAX_AGE_SECONDS), ("young", 1)):
        path = tmp_path / f"{files.UNFINISHED_PREFIX}{name}-log.csv"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    with files.atomic_write(tmp_path / "log.csv") as part:
        part.write_text("whole")
    files.remove_unfinished(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{files.UNFINISHED_PREFIX}young-log.csv", "log.csv"]


def test_a_name_of_250_bytes(tmp_path):
    path = tmp_path / ("\u5c71" * 82 + ".csv")
    files.write_files({path: b"whole"})
    assert path.read_bytes() == b"whole" and len(path.name.encode()) == 250


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    values = {"a": float("nan"), "b": [1.5, (np.inf, 2)], "c": {"d": -np.inf, "e": None, "f": "NaN"}}
    write_json(values, path := tmp_path / "a.json")

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == {"a": None, "b": [1.5, [None, 2]], "c": {"d": None, "e": None, "f": "NaN"}}


def test_writing_does_not_change_which_files_others_may_read(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", None)  # while it is changed, another thread's file would be open to all
    with atomic_write(tmp_path / "a") as part:
        part.write_bytes(b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
