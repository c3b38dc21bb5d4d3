"""300W-LP: real files if they are available, and made files of the same format with known truth."""

import numpy as np
import pytest
from data_files import basel_files, write_300wlp
from scipy.io import loadmat, savemat

from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError
from lprnet_utils.common.files import read_checked, write_checked
from lprnet_utils.datasets import W300LP, Shards, convert_300wlp
from lprnet_utils.evaluation import landmark_nme
from lprnet_utils.geometry import MIRRORED_LANDMARKS, landmark_box, rotation_matrix
from lprnet_utils.morphable_model import read_basel
from lprnet_utils.synthetic import synthesize


def test_cameras_of_real_files_match_their_landmarks(w300_dir, layout):
    """The file's camera projects the mean face onto the 300-W landmarks: axes, pixel origin and units are right."""
    mean = layout.landmarks(layout.mean_map)
    pairs = []
    for folder in ("pairs", "flipped"):
        data = W300LP(w300_dir / folder)
        for i, path in enumerate(data.paths):
            photo = data.image(i)
            assert photo.shape == (450, 450, 3)
            fit = data.fit(i)
            assert fit.shape.shape == (199,) and fit.expression.shape == (29,)
            assert (fit.points is None) == (not path.stem.endswith("_0"))
            if fit.points is not None:  # the samples lie in a folder of another name than AFW_Flip
                points = fit.points[MIRRORED_LANDMARKS] if folder == "flipped" else fit.points
                pairs.append((fit.camera, points))
    # the two models' origins differ by a constant in the head's frame
    rows = np.concatenate([(c.scale * c.rotation[:2] * [[1], [-1]]) for c, _ in pairs])
    miss = np.concatenate([(p - c.project(mean)[:, :2]).mean(0) for c, p in pairs])
    origin = np.linalg.lstsq(rows, miss, rcond=None)[0]
    errors = [landmark_nme(c.project(mean + origin), p) for c, p in pairs]
    print(f"origin {origin.round(1)} mm, errors {np.round(errors, 1)} % of the box")
    assert len(errors) >= 5 and np.abs(origin[0]) < 5 and max(errors) < 12 and np.mean(errors) < 8


def test_turned_pictures_have_turned_cameras(w300_dir):
    data = W300LP(w300_dir / "rotated")
    angles = [np.degrees(np.arctan2(*data.fit(i).camera.rotation[[1, 0], 0] * [-1, 1])) for i in range(len(data))]
    assert len(angles) == 8 and np.ptp(angles) > 60


@pytest.fixture
def known_pair(model, tmp_path):
    """A pair of files for a model that needs no registration: the bundled one, in another frame. The true vertices."""
    turn, shift, deviation = rotation_matrix(4, 10, -6), np.array([5.0, -30.0, 80.0]), np.linspace(0.5, 3, 10)
    np.savez(tmp_path / "truth.npz", mean=model.mean, deviation=deviation, turn=turn, shift=shift)
    ((vertices, _),) = write_300wlp(model, tmp_path, count=1)
    identity = np.zeros((199, *model.mean.shape), np.float32)
    identity[:10] = model.identity[:10]
    arrays = {"mean": model.mean, "identity": identity, "expression": model.expression[:29]}
    arrays |= {"deviations": np.r_[deviation, np.ones(189 + 29)], "rotation": turn.T, "shift": shift}
    (tmp_path / "out").mkdir()
    write_checked(tmp_path / "out/model.bin", arrays)
    return vertices


def test_the_camera_of_a_file_counts_pixels_from_zero(known_pair, model, tmp_path):
    fit = W300LP(tmp_path / "300W_LP").fit(0)
    truth = np.load(tmp_path / "truth.npz")
    mm = model.mean + np.tensordot(fit.shape[:10] / truth["deviation"], model.identity[:10], 1)
    mm += np.tensordot(fit.expression, model.expression[:29], 1)
    assert np.abs(fit.camera.project((mm + truth["shift"]) @ truth["turn"].T) - known_pair).max() < 1e-3


def test_the_marked_points_of_a_file_count_pixels_from_zero(known_pair, tmp_path):
    path = tmp_path / "300W_LP/AFW/AFW_0_0.mat"
    fields, points = loadmat(path), np.random.default_rng(0).uniform(50, 400, (68, 2))
    for folder, expected in (("AFW", points), ("AFW_Flip", points[MIRRORED_LANDMARKS])):
        copy = tmp_path / "more" / folder / path.name
        copy.parent.mkdir(parents=True)
        savemat(copy, {k: fields[k] for k in ("Shape_Para", "Exp_Para", "Pose_Para")} | {"pt2d": points.T + 1})
        found = W300LP(copy.parent).fit(0)
        assert np.abs(found.points - expected).max() < 1e-9, folder


def test_a_stored_pair_shows_the_face_in_the_middle_and_where_the_map_is(known_pair, layout, tmp_path):
    convert_300wlp(tmp_path / "300W_LP", tmp_path / "out", None)  # the registered model lies there
    pair = Shards.of_files([tmp_path / "out/shard-00000.bin"])
    image, points = pair.image(0)[..., 0].astype(float), pair.landmarks(0)
    assert image.shape == (192, 192)
    weight = np.where(image > 8, image, 0)  # the dot at the tip of the nose; the rest is black
    row, column = (np.arange(192) @ weight.sum(axis) / weight.sum() for axis in (1, 0))
    assert np.abs(points[30, :2] - [column, row]).max() < 0.1
    box = landmark_box(points)
    assert np.abs((box[:2] + box[2:]) / 2 - 95.5).max() < 0.02, "half a pixel is 0.14 of the wider cut"
    assert (box[2:] - box[:2]).mean() == pytest.approx(192 / 1.5 / 1.4, abs=0.02)
    truth = layout.vertices_to_map(known_pair) * pair.fits.scale[0] / 1.2
    both = [m[layout.mask] - m[layout.mask].mean(0) for m in (pair.maps([0])[0], truth)]
    assert np.abs(both[0] - both[1]).max() < 0.02


@pytest.mark.walk
def test_conversion_of_files_with_known_truth(model, layout, tmp_path):
    basel_files(model, tmp_path)
    truths = write_300wlp(model, tmp_path, count=3)
    command = ["convert-300wlp", str(tmp_path / "out"), "--source", str(tmp_path / "300W_LP"), "--workers", "1"]
    command += ["--basel", str(tmp_path / "Model_Shape.mat"), str(tmp_path / "Model_Exp.mat")]
    assert main(command) == 0
    shard = tmp_path / "out" / "shard-00000.bin"
    first = shard.read_bytes()
    arrays = read_checked(shard)
    assert not arrays["cropped"] and len(arrays["scale"]) == 3
    # resumed after a kill in the middle of writing: the same bytes, the model is not registered again
    before = (tmp_path / "out" / "model.bin").stat().st_mtime_ns
    shard.write_bytes(first[:1000])
    assert main(command) == 0
    assert shard.read_bytes() == first and (tmp_path / "out" / "model.bin").stat().st_mtime_ns == before
    with pytest.raises(DatasetError, match="was made with generator '300w-lp', not with seed 0, generator 'plain'"):
        synthesize(tmp_path / "out", 3, generator="plain")
    # a second shard, so that there is one to hold out
    (tmp_path / "out" / "shard-00001.bin").write_bytes(first)
    source = Shards(tmp_path / "out")
    maps = source.maps(range(3))
    for k, (vertices, dot) in enumerate(truths):
        # the picture holds a dot at the tip of the nose; the stored cut shows it where the map says
        image = source.image(k).astype(float).mean(2)
        row, column = np.unravel_index(image.argmax(), image.shape)
        assert np.hypot(*(source.landmarks(k)[30, :2] - [column, row])) < 4
        zoom = arrays["scale"][k] / dot[2]
        truth = layout.vertices_to_map(vertices)
        both = [m[layout.mask] - m[layout.mask].mean(0) for m in (maps[k], truth * zoom)]
        error = np.linalg.norm(both[0] - both[1], axis=1) / arrays["scale"][k]
        assert error.mean() < 1.2 and np.percentile(error, 95) < 3.0, "mm: what the registration slides along the skin"


def test_shards_of_other_photos_are_not_mixed_with_a_conversion(model, tmp_path, monkeypatch):
    basel_files(model, tmp_path)
    write_300wlp(model, tmp_path, count=1)
    monkeypatch.setattr("lprnet_utils.synthetic.folders.SHARD_SIZE", 2)
    synthesize(tmp_path / "out", 2, generator="plain")
    basel = read_basel(tmp_path / "Model_Shape.mat", tmp_path / "Model_Exp.mat")
    with pytest.raises(DatasetError, match="was made with generator 'plain', not with generator '300w-lp'"):
        convert_300wlp(tmp_path / "300W_LP", tmp_path / "out", basel)
    assert not (tmp_path / "out" / "model.bin").exists()


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match="holds no .mat"):
        W300LP(tmp_path)
    fields = {"Shape_Para": np.zeros((199, 1)), "Exp_Para": np.zeros((29, 1)), "Pose_Para": np.zeros((1, 7))}
    path = tmp_path / "AFW_1_0.mat"

    def fit(**changes):
        savemat(path, {k: v for k, v in (fields | changes).items() if v is not None})
        return W300LP(tmp_path).fit(0)

    assert fit().points is None, "some releases have no pt2d"
    for changes, message in (
        ({"Exp_Para": None}, "AFW_1_0.mat has no field Exp_Para"),
        ({"Shape_Para": np.zeros((198, 1))}, r"AFW_1_0.mat: .* \(198, 29, 7\)"),
        ({"Pose_Para": np.full((1, 7), np.nan)}, "Pose_Para has values that are not finite"),
        ({"pt2d": np.zeros((2, 67))}, r"AFW_1_0.mat: pt2d has shape \(2, 67\)"),
    ):
        with pytest.raises(DatasetError, match=message):
            fit(**changes)
    fit()
    with pytest.raises(DatasetError, match="AFW_1_0.jpg"):
        W300LP(tmp_path).image(0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match="AFW_1_0.mat cannot be read"):
        W300LP(tmp_path).fit(0)
