"""The face models: the bundled ones, and readers of those that the reader brings."""

import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.common import DatasetError
from lprnet_utils.common.assets import load_arrays


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load()


def test_shape_of_the_model(model):
    assert model.identity.shape == (80, len(model.mean), 3)
    assert model.expression.shape == (51, len(model.mean), 3) and len(set(model.expression_names)) == 51
    height, width = np.ptp(model.mean[:, 1]), np.ptp(model.mean[:, 0])
    assert 160 < height < 200 and 120 < width < 160, "millimetres"
    assert abs(UVLayout().mean_map[UVLayout().mask].mean(0)).max() < 1e-3, "the origin"


def test_mean_and_bases_are_closed_under_mirroring(model):
    def mirrored(v):
        return v[..., model.mirror, :] * [-1, 1, 1]

    assert np.abs(mirrored(model.mean) - model.mean).max() < 1e-4
    for mode in model.identity:
        flipped = mirrored(mode)
        assert min(np.abs(flipped - mode).max(), np.abs(flipped + mode).max()) < 1e-3
    names = list(model.expression_names)
    for k, name in enumerate(names):
        twin = name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        assert np.abs(mirrored(model.expression[k]) - model.expression[names.index(twin)]).max() < 1e-3


def test_left_is_the_persons_left(model):
    moved = np.abs(model.expression[model.expression_names.index("eyeBlinkLeft")]).sum(1) > 0.5
    assert model.mean[moved, 0].mean() > 10, "to the right of the image"


def test_sampled_faces_look_alike_in_size(model):
    rng = np.random.default_rng(0)
    heights = [np.ptp(model.vertices(rng.normal(size=80))[:, 1]) for _ in range(200)]
    assert 130 < np.min(heights) and np.max(heights) < 230 and np.std(heights) > 3


def test_labels_move_the_face_as_they_say(model):
    rng = np.random.default_rng(0)

    def height(**labels):
        samples = [model.sample_identity(rng, labels)[0] for _ in range(40)]
        return np.mean([np.ptp(model.vertices(c)[:, 1]) for c in samples])

    assert height(child=1, old=0) < height(child=0, old=0) - 10
    assert height(male=1) > height(male=0) + 3
    coefficients, labels = model.sample_identity(rng, {"male": 1})
    assert coefficients.shape == (80,) and labels["male"] == 1


def test_position_basis_is_the_model_on_texels(model):
    layout = UVLayout()
    mean, basis = model.position_basis(layout)
    rng = np.random.default_rng(3)
    c = rng.normal(size=131) * 0.5
    direct = layout.vertices_to_map(model.vertices(c[:80], c[80:])).reshape(-1, 3)
    assert np.abs(mean + np.tensordot(c, basis, 1) - direct).max() < 1e-3


def test_bad_coefficients_are_named(model):
    with pytest.raises(ValueError, match="81 identity"):
        model.vertices(np.zeros(81))
    with pytest.raises(ValueError, match="smirk"):
        model.vertices(expression={"smirk": 1})
    with pytest.raises(ValueError, match="height"):
        model.sample_identity(np.random.default_rng(0), {"height": 1})
    jaw = model.vertices(expression={"jawOpen": 1.0})
    assert np.ptp(jaw[:, 1]) > np.ptp(model.mean[:, 1]) + 5


def test_ict_kit_is_read_from_its_obj_files(ict_dir, tmp_path):
    with tarfile.open(ict_dir / "obj-samples.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    kit = MorphableModel.from_ict_kit(tmp_path)
    mean, triangles, names, identity, expression, marks = load_arrays(
        ict_dir / "ict_face3dmm_full.npz", "mean", "tri", "expression_names", "identity", "expression", "landmarks68"
    )
    assert np.abs(kit.mean - 10 * mean).max() < 1e-4 and kit.expression_names == ("jawOpen",)
    assert (kit.landmark_vertices == marks).all()
    assert {tuple(sorted(t)) for t in kit.triangles.tolist()} == {tuple(sorted(t)) for t in triangles.tolist()}
    assert np.abs(kit.identity[0] - 10 * identity[0]).max() < 0.03, "half precision"
    assert np.abs(kit.expression[0] - 10 * expression[list(names).index("jawOpen")]).max() < 0.03
    # what can be wrong with a folder says which file
    (tmp_path / "identity000.obj").write_text("v 1 2 3\nf 1 1 x\n")
    with pytest.raises(DatasetError, match="identity000.obj is not a readable OBJ"):
        MorphableModel.from_ict_kit(tmp_path)
    (tmp_path / "identity000.obj").write_text("v 1 2 3\nf 1 1 1\n")
    with pytest.raises(DatasetError, match="identity000.obj has 1 vertices"):
        MorphableModel.from_ict_kit(tmp_path)
    (tmp_path / "identity000.obj").unlink()
    with pytest.raises(DatasetError, match="0 identity files"):
        MorphableModel.from_ict_kit(tmp_path)
    (tmp_path / "generic_neutral_mesh.obj").unlink()
    with pytest.raises(DatasetError, match="generic_neutral_mesh.obj is missing"):
        MorphableModel.from_ict_kit(tmp_path)


def test_basel_file_of_face3d_is_read(tmp_path):
    """One struct, as face3d writes it; what is wrong with it is named."""
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
        fields = {k: v for k, v in (struct | changes).items() if v is not None}
        savemat(path, {"model": fields})
        return MorphableModel.from_basel(path)

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
        MorphableModel.from_basel(path)
    with pytest.raises(ValueError, match="no bundled face model 'flame'; there are makehuman, ict"):
        MorphableModel.load("flame")
