"""Readers of face models from the user's own files: ICT-FaceKit and the Basel Face Model."""

import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from scipy.io import savemat

from lprnet_utils.common import AssetError, DatasetError
from lprnet_utils.common.assets import load_arrays, read_asset, sha256
from lprnet_utils.morphable_model import fetch_ict_kit, read_basel, read_ict_kit
from lprnet_utils.morphable_model.readers import ICT_KIT_FILES


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_the_kit_is_fetched_checked_and_resumed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "FaceXModel").mkdir(parents=True)
    files = {}
    for name, text in (("FaceXModel/a.obj", "v 97 0 0\n"), ("FaceXModel/b.obj", "v 98 0 0\n")):
        (source / name).write_text(text)
        files[name] = sha256(text.encode())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=source)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        folder = fetch_ict_kit(target, address, files)
        assert folder == target / "FaceXModel" and (folder / "a.obj").read_text() == "v 97 0 0\n"
        # complete files are not fetched again, truncated ones are
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
    text = read_asset(ICT_KIT_FILES).decode()
    assert len(text.splitlines()) == 158 and all(len(line.split()[0]) == 64 for line in text.splitlines())
    assert text == (ict_dir / "SHA256SUMS.txt").read_text()


@pytest.fixture
def kit_folder(ict_dir, tmp_path):
    """The neutral mesh, an identity and an expression of the kit."""
    with tarfile.open(ict_dir / "obj-samples.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_ict_kit_is_read_from_its_obj_files(ict_dir, kit_folder):
    kit = read_ict_kit(kit_folder)
    mean, triangles, names, identity, expression, marks = load_arrays(
        ict_dir / "ict_face3dmm_full.npz", "mean", "tri", "expression_names", "identity", "expression", "landmarks68"
    )
    assert np.abs(kit.mean - 10 * mean).max() < 1e-4 and kit.expression_names == ("jawOpen",)
    assert (kit.landmark_vertices == marks).all()
    assert {tuple(sorted(t)) for t in kit.triangles.tolist()} == {tuple(sorted(t)) for t in triangles.tolist()}
    assert np.abs(kit.identity[0] - 10 * identity[0]).max() < 0.03, "half precision"
    assert np.abs(kit.expression[0] - 10 * expression[list(names).index("jawOpen")]).max() < 0.03


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("identity000.obj", "v 1 2 3\nf 1 1 x\n", "identity000.obj is not a readable OBJ"),
        ("identity000.obj", "v 1 2 3\nf 1 1 1\n", "identity000.obj has 1 vertices"),
        ("identity000.obj", None, "0 identity files"),
        ("generic_neutral_mesh.obj", None, "generic_neutral_mesh.obj is missing"),
    ],
)
def test_a_bad_file_of_the_kit_is_named(name, content, message, kit_folder):
    (kit_folder / name).unlink()
    if content is not None:
        (kit_folder / name).write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_ict_kit(kit_folder)


def test_basel_file_of_face3d_is_read_and_errors_name_its_fields(tmp_path):
    rng = np.random.default_rng(0)
    n = 80
    struct = {
        "shapeMU": rng.normal(0, 5e4, (3 * n, 1)),
        "shapePC": rng.normal(0, 1, (3 * n, 7)),
        "shapeEV": rng.uniform(1e3, 1e4, (7, 1)),
        "expMU": rng.normal(0, 1e3, (3 * n, 1)),
        "expPC": rng.normal(0, 1, (3 * n, 5)),
        "expEV": rng.uniform(1, 9, (5, 1)),
        "tri": rng.integers(1, n + 1, (3, 30)).astype(np.int32),
        "kpt_ind": rng.integers(1, n + 1, (1, 68)).astype(np.int32),
    }
    path = tmp_path / "BFM.mat"

    def load(**changes):
        savemat(path, {"model": {k: v for k, v in (struct | changes).items() if v is not None}})
        return read_basel(path)

    basel = load()
    raw_shape, raw_exp = rng.normal(0, 1e4, 7), rng.normal(0, 3, 5)
    vertices = basel.vertices(raw_shape / basel.deviations[:7], raw_exp / basel.deviations[7:])
    expected = struct["shapeMU"] + struct["expMU"]
    expected = expected.ravel() + struct["shapePC"] @ raw_shape + struct["expPC"] @ raw_exp
    assert np.allclose(vertices, expected.reshape(-1, 3) / 1000, atol=1e-3), "raw coefficients, micrometres"
    assert (basel.landmark_vertices == struct["kpt_ind"].ravel() - 1).all()
    for changes, message in (
        ({"expPC": None}, "BFM.mat has no field expPC in its struct model"),
        ({"shapePC": struct["shapePC"][:-3]}, "BFM.mat: a mean of 240 numbers, modes \\(237, 7\\)"),
        ({"expEV": struct["expEV"][:2]}, "5\\) and 2 deviations"),
        ({"kpt_ind": struct["kpt_ind"] - 1}, "BFM.mat: triangles and the 68 keypoints"),
        ({"shapeMU": struct["shapeMU"] * np.nan}, "field shapeMU has values that are not finite"),
    ):
        with pytest.raises(DatasetError, match=message):
            load(**changes)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DatasetError, match="BFM.mat cannot be read"):
        read_basel(path)
