"""Bundled files: found, verified, and refused when they are missing or altered."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lprnet_utils.common import AssetError, DatasetError, assets, data_path
from lprnet_utils.common.assets import MissingAssetError, load_arrays, read_arrays, read_asset, sha256, verify
from lprnet_utils.morphable_model.readers import ICT_KIT_FILES, fetch_ict_kit


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of our own, with one file and its checksum."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.bin").write_bytes(b"some weights")
    table = {"weights/a.bin": sha256(b"some weights"), "weights/gone.bin": "0" * 64}
    (tmp_path / "checksums.json").write_text(json.dumps(table))
    monkeypatch.setattr(assets, "data_root", lambda: tmp_path)
    assets.checksums.cache_clear()
    yield tmp_path
    assets.checksums.cache_clear()


def test_a_sound_file_is_read(folder):
    assert read_asset("weights/a.bin") == b"some weights"


@pytest.mark.parametrize("damage", [b"", b"some weight", b"some weightS", b"some weights!"])
def test_a_truncated_or_altered_file_is_refused(folder, damage):
    (folder / "weights" / "a.bin").write_bytes(damage)
    with pytest.raises(AssetError, match=r"a\.bin is truncated or altered.*SHA-256.*expected"):
        read_asset("weights/a.bin")


def test_a_missing_file_is_named(folder):
    for read in (read_asset, data_path):
        with pytest.raises(MissingAssetError, match=r"weights/gone\.bin.*reinstall"):
            read("weights/gone.bin")
    assert issubclass(MissingAssetError, FileNotFoundError)


def test_a_file_without_a_checksum_is_not_trusted(folder):
    (folder / "weights" / "b.bin").write_bytes(b"who knows")
    with pytest.raises(AssetError, match=r"weights/b\.bin has no entry"):
        read_asset("weights/b.bin")


def test_verify_takes_any_path(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    assert verify(path, sha256(b"x").upper()) == b"x"
    with pytest.raises(AssetError, match="truncated or altered"):
        verify(str(path), sha256(b"y"))
    with pytest.raises(MissingAssetError, match="missing"):
        verify(tmp_path / "nothing", sha256(b"x"))


def test_arrays_are_verified_and_need_no_pickle(folder, tmp_path):
    read_arrays.cache_clear()
    np.savez(folder / "arrays.npz", a=np.arange(3))
    np.savez(folder / "objects.npz", a=np.array([{}], object))
    table = {f"{n}.npz": sha256((folder / f"{n}.npz").read_bytes()) for n in ("arrays", "objects")}
    (folder / "checksums.json").write_text(json.dumps(table))
    assets.checksums.cache_clear()
    assert read_arrays("arrays.npz")["a"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays("objects.npz")
    read_arrays.cache_clear()


def test_the_folder_inside_the_package_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "lprnet_utils"
    (package / "data").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(assets, "__file__", str(package / "common" / "assets.py"))
    assets.data_root.cache_clear()
    try:
        with pytest.raises(MissingAssetError, match="no data folder"):
            assets.data_root()
        (tmp_path / "data" / "checksums.json").write_text("{}")
        assert assets.data_root() == tmp_path / "data"
        assets.data_root.cache_clear()
        (package / "data" / "checksums.json").write_text("{}")
        assert assets.data_root() == package / "data"
    finally:
        assets.data_root.cache_clear()


def test_the_bundled_files_are_what_checksums_json_says():
    assets.checksums.cache_clear()
    table = assets.checksums()
    assert list(table) == sorted(table)
    for name in ("face_model.npz", "detection/blazeface_back.tflite", "detection/blazeface_short.tflite"):
        assert name in table
    for name in table:
        read_asset(name)


def test_every_bundled_file_that_a_program_loads_has_a_checksum():
    root = assets.data_root()
    loaded = [
        p
        for pattern in ("*.npz", "*.tflite", "detection/*.json", "*sha256.txt", "skins/*")
        for p in root.rglob(pattern)
    ]
    assert {p.relative_to(root).as_posix() for p in loaded} == set(assets.checksums())


def test_the_detector_refuses_an_altered_network(folder):
    from lprnet_utils.reconstruction.detection import BlazeFace

    real = Path(__file__).resolve().parents[2] / "data" / "detection" / "blazeface_short.tflite"
    (folder / "detection").mkdir()
    shutil.copy(real, folder / "detection")
    table = {"detection/blazeface_short.tflite": sha256(real.read_bytes())}
    (folder / "checksums.json").write_text(json.dumps(table))
    assets.checksums.cache_clear()
    BlazeFace("short")
    damaged = bytearray(real.read_bytes())
    damaged[100_000] ^= 1
    (folder / "detection" / real.name).write_bytes(damaged)
    with pytest.raises(AssetError, match="altered"):
        BlazeFace("short")


def test_the_kit_is_fetched_checked_and_resumed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "FaceXModel").mkdir(parents=True)
    files = {}
    for name in ("a", "b"):
        (source / "FaceXModel" / f"{name}.obj").write_text(f"v {ord(name)} 0 0\n")
        files[f"FaceXModel/{name}.obj"] = assets.sha256((source / "FaceXModel" / f"{name}.obj").read_bytes())
    handler = partial(QuietHandler, directory=source)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        folder = fetch_ict_kit(target, address, files)
        assert folder == target / "FaceXModel" and (folder / "a.obj").read_text() == "v 97 0 0\n"
        # what is whole is not fetched again, what was cut short is
        (source / "FaceXModel" / "a.obj").unlink()
        (folder / "b.obj").write_text("v 9")
        fetch_ict_kit(target, address, files)
        assert (folder / "b.obj").read_text() == "v 98 0 0\n"
        (source / "FaceXModel" / "b.obj").write_text("v 666 0 0\n")
        (folder / "b.obj").unlink()
        with pytest.raises(AssetError, match="b.obj could not be fetched.*hash"):
            fetch_ict_kit(target, address, files)
        assert not (folder / "b.obj").exists(), "nothing unverified stays"
        server.shutdown()


def test_the_kits_list_is_that_of_its_folder(ict_dir):
    text = assets.read_asset(ICT_KIT_FILES).decode()
    assert len(text.splitlines()) == 158 and all(len(line.split()[0]) == 64 for line in text.splitlines())
    assert text == (ict_dir / "SHA256SUMS.txt").read_text()


def test_npz_errors_name_file_and_array(tmp_path):
    with pytest.raises(DatasetError, match="gone.npz is missing"):
        load_arrays(tmp_path / "gone.npz", "a")
    np.savez(tmp_path / "f.npz", a=np.arange(1000))
    with pytest.raises(DatasetError, match="f.npz has no array b"):
        load_arrays(tmp_path / "f.npz", "a", "b")
    (tmp_path / "f.npz").write_bytes((tmp_path / "f.npz").read_bytes()[:500])
    with pytest.raises(DatasetError, match="f.npz cannot be read"):
        load_arrays(tmp_path / "f.npz", "a")
