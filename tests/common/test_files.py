"""Files are complete or absent, even if a writer is killed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from made_faces import made_face

from lprnet_utils.common import files
from lprnet_utils.common.files import CheckpointError, load_checkpoint, read_checked, save_checkpoint, write_checked


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
from lprnet_utils.common.files import atomic_write, only_process, temporary_folder
folder = Path(sys.argv[1])
with only_process(folder), atomic_write(folder / "log.csv") as part, temporary_folder(folder) as inner:
    part.write_bytes(b"half"), (inner / "a.glb").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks: there the age of a file decides")
def test_only_files_of_killed_writers_are_removed(tmp_path):
    (tmp_path / "log.csv").write_text("whole")
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
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "log.csv"]
    with files.only_process(tmp_path):
        assert (tmp_path / "log.csv").read_text() == "whole"


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
