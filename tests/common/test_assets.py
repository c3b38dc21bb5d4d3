"""Bundled files are found and verified, and refused when they are missing or altered."""

import json
import shutil

import numpy as np
import pytest
from checkout import ROOT

from lprnet_utils.common import AssetError, DatasetError, assets, data_path
from lprnet_utils.common.assets import load_arrays, read_asset, read_bundled_arrays, read_verified, sha256
from lprnet_utils.reconstruction.blazeface import BlazeFace


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder for the test, with one file and its checksum."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.bin").write_bytes(b"some weights")
    record_checksums(tmp_path)
    monkeypatch.setattr(assets, "data_root", lambda: tmp_path)
    yield tmp_path
    assets.checksums.cache_clear()


def record_checksums(folder):
    table = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
    (folder / "checksums.json").write_text(json.dumps(table))
    assets.checksums.cache_clear()


def test_an_intact_file_is_read_and_a_missing_one_named(folder):
    assert read_asset("weights/a.bin") == b"some weights"
    for read in (read_asset, data_path):
        with pytest.raises(AssetError, match=r"weights/gone\.bin.*reinstall"):
            read("weights/gone.bin")


@pytest.mark.parametrize("damage", [b"", b"some weight", b"some weightS", b"some weights!"])
def test_a_truncated_or_altered_file_is_refused(folder, damage):
    (folder / "weights" / "a.bin").write_bytes(damage)
    with pytest.raises(AssetError, match=r"a\.bin is truncated or altered.*SHA-256.*expected"):
        read_asset("weights/a.bin")


def test_a_file_without_a_checksum_is_not_trusted(folder):
    (folder / "weights" / "b.bin").write_bytes(b"unknown")
    with pytest.raises(AssetError, match=r"weights/b\.bin has no entry"):
        read_asset("weights/b.bin")


def test_read_verified_takes_any_path(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    assert read_verified(path, sha256(b"x").upper()) == b"x"
    with pytest.raises(AssetError, match="truncated or altered"):
        read_verified(str(path), sha256(b"y"))
    with pytest.raises(AssetError, match="missing"):
        read_verified(tmp_path / "nothing", sha256(b"x"))


def test_arrays_are_verified_and_need_no_pickle(folder):
    read_bundled_arrays.cache_clear()
    np.savez(folder / "arrays.npz", a=np.arange(3))
    np.savez(folder / "objects.npz", a=np.array([{}], object))
    record_checksums(folder)
    assert read_bundled_arrays("arrays.npz")["a"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="allow_pickle"):
        read_bundled_arrays("objects.npz")
    read_bundled_arrays.cache_clear()


def test_the_folder_inside_the_package_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "lprnet_utils"
    (package / "data").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(assets, "__file__", str(package / "common" / "assets.py"))
    assets.data_root.cache_clear()
    try:
        with pytest.raises(AssetError, match="no data folder"):
            assets.data_root()
        (tmp_path / "data" / "checksums.json").write_text("{}")
        assert assets.data_root() == tmp_path / "data"
        assets.data_root.cache_clear()
        (package / "data" / "checksums.json").write_text("{}")
        assert assets.data_root() == package / "data"
    finally:
        assets.data_root.cache_clear()


def test_the_bundled_files_match_their_checksums():
    assets.checksums.cache_clear()
    table = assets.checksums()
    assert list(table) == sorted(table)
    assert {"face_model.npz", "detection/blazeface_back.tflite", "detection/blazeface_short.tflite"} <= set(table)
    for name in table:
        read_asset(name)


def test_every_bundled_file_that_a_program_loads_has_a_checksum():
    root = assets.data_root()
    loaded = set()
    for pattern in ("*.npz", "*.tflite", "detection/*.json", "*sha256.txt", "skins/*", "expressions.csv"):
        loaded |= {p.relative_to(root).as_posix() for p in root.rglob(pattern)}
    assert loaded == set(assets.checksums())


def test_the_detector_refuses_an_altered_network(folder):
    path = folder / "detection" / "blazeface_short.tflite"
    path.parent.mkdir()
    shutil.copy(ROOT / "data" / "detection" / path.name, path)
    record_checksums(folder)
    BlazeFace("short")
    damaged = bytearray(path.read_bytes())
    damaged[100_000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(AssetError, match="altered"):
        BlazeFace("short")


@pytest.mark.parametrize(("name", "arrays", "message"), [
    ("gone.npz", ["a"], "gone.npz is missing"),
    ("whole.npz", ["a", "b"], "whole.npz has no array b"),
    ("half.npz", ["a"], "half.npz cannot be read"),
])  # fmt: skip
def test_npz_errors_name_file_and_array(name, arrays, message, tmp_path):
    np.savez(tmp_path / "whole.npz", a=np.arange(1000))
    (tmp_path / "half.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:500])
    with pytest.raises(DatasetError, match=message):
        load_arrays(tmp_path / name, *arrays)
