"""Training of the closer look: what a varied close-up shows is where its points say."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError, data_path
from lprnet_utils.common.litert import LiteRTModel, read_metadata
from lprnet_utils.datasets import Shards, closeups
from lprnet_utils.datasets.closeups import MARGIN, CloseUp, CloseUps, pack_closeups, patch_size
from lprnet_utils.geometry.camera import similarity_alignment
from lprnet_utils.morphable_model.seen_expressions import REGION_EXPRESSIONS, other_side
from lprnet_utils.networks import closer_eye, closer_mouth
from lprnet_utils.networks.closer_look import EXTRAS, EYE_POINTS, MOUTH_POINTS, closer_look_network, set_modes
from lprnet_utils.reconstruction.closer_look import EXTRAS_MIDDLE, EXTRAS_UNIT
from lprnet_utils.synthetic import folders
from lprnet_utils.synthetic.closeups import SyntheticCloseUps
from lprnet_utils.training import Trainer, TrainingConfig, closer_look
from lprnet_utils.training.closer_look import TILT, CloseUpTask

CONFIG = TrainingConfig.load("closer-eye", ["batch_size = 8", "samples = 64", "validate_every = 32", "warmup = 8"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three small shards of close-ups."""
    path = tmp_path_factory.mktemp("close")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "SHARD_SIZE", 8)
        folders.synthesize(path, 24, seed=6, generator="close")
    return path


@pytest.fixture(scope="module")
def made():
    return SyntheticCloseUps(seed=5)


class Ruled:
    """Close-ups whose picture tells where a pixel is: red and green are its coordinates in the stored crop."""

    def __init__(self, data, size):
        self.columns = dict(data.columns)
        x, y = np.meshgrid(*[(np.arange(size) - (size - 1) / 2) / size * MARGIN] * 2)
        self._patch = np.stack([x * 120 + 127, y * 120 + 127, 0 * x], -1).round().astype(np.uint8)

    def __len__(self):
        return len(self.columns["true"])

    def patch(self, i):
        return self._patch


def plain(kind):
    """A task that varies places, but no pictures."""
    config = TrainingConfig.load(f"closer-{kind}", ["strength = 0", 'crop_augmentation = "none"'])
    return CloseUpTask(kind, config)


@pytest.mark.parametrize("kind", ["eye", "mouth"])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_varied_crop_shows_each_point_where_it_is(folder, kind, seed):
    data, task = CloseUps(folder, kind), plain(kind)
    size = task.region.size
    ruled = Ruled(data, patch_size(task.region))
    rows = np.arange(12)
    rng = None if seed is None else np.random.default_rng(seed)
    found = task.examples(ruled, rows, rng)
    stored = data.columns["true"].astype(float)
    mirrored = task.region.mirror
    checked = 0
    for k in rows:
        pixel = found.true[k, :, :2] * size + (size - 1) / 2
        near = ((pixel > 4) & (pixel < size - 5)).all(1)
        column, row = np.rint(pixel[near]).astype(int).T
        seen = (255 * found.crops[k][row, column, :2] - 127) / 120
        expected = stored[k][near, :2]
        flipped = mirrored is not None and np.abs(seen - expected).max() > 0.1
        if flipped:  # its points are those of the other side of the face
            expected = stored[k][mirrored][near, :2]
        assert np.abs(seen - expected).max() < 0.025, "a pixel, and the colours' steps"
        checked += near.sum()
    assert checked > 1000


def test_a_tilted_first_map_turns_about_the_middle_of_its_crop(folder):
    data, task = CloseUps(folder, "eye"), plain("eye")
    points = data.columns["first"].astype(float)
    tilted = task._tilted(points, np.random.default_rng(4))
    np.testing.assert_allclose(*(np.einsum("p,bpd->bd", task._middle, p) for p in (points, tilted)), atol=1e-6)
    angles = []
    for before, after in zip(points, tilted, strict=True):
        scale, rotation, _ = similarity_alignment(before, after)
        assert scale == pytest.approx(1, abs=1e-6)
        angles.append(np.degrees(np.arccos(rotation[2, 2])))  # how far what points to the camera turns away
    assert 0.5 * TILT < np.mean(angles) < 2 * TILT


def test_the_iris_and_the_gaze_turn_with_the_crop(folder):
    data, task = CloseUps(folder, "eye"), plain("eye")
    rows = np.arange(16)
    still, varied = task.examples(data, rows, None), task.examples(data, rows, np.random.default_rng(3))
    for a, b in zip(
        *[np.concatenate([e.true[:, :, :2], e.iris[:, None, :2]], 1) for e in (still, varied)], strict=True
    ):
        # the similarity between both crops, from the points alone
        p, q = (c[:-1] @ [1, 1j] for c in (a, b))
        turn = np.vdot(p - p.mean(), q - q.mean()) / np.vdot(p - p.mean(), p - p.mean())
        iris = (a[-1] @ [1, 1j] - p.mean()) * turn + q.mean()
        assert abs(iris - b[-1] @ [1, 1j]) < 2e-3
    np.testing.assert_allclose(np.linalg.norm(varied.gaze, axis=1), 1, atol=2e-3)
    np.testing.assert_allclose(varied.gaze[:, 2], still.gaze[:, 2], atol=1e-6)
    turned = np.degrees(np.angle((varied.gaze[:, :2] @ [1, 1j]) / (still.gaze[:, :2] @ [1, 1j])))
    assert 0.5 < np.abs(turned).max() < 15


def test_a_close_up_as_it_is_lies_about_the_middle_of_its_crop(folder):
    for kind in ("eye", "mouth"):
        data, task = CloseUps(folder, kind), plain(kind)
        found = task.examples(data, np.arange(len(data)), None)
        np.testing.assert_allclose(found.first, data.columns["first"], atol=1e-3)
        np.testing.assert_allclose(found.true, data.columns["true"], atol=1e-3)
        middle = np.einsum("p,bpd->bd", task._middle, found.first)
        assert np.abs(middle).max() < 0.02


def test_a_batch_is_the_same_for_the_same_number(folder):
    data, task = CloseUps(folder, "mouth"), CloseUpTask("mouth", CONFIG)
    (crops, points), targets = task.make_batch(data, 4)
    assert crops.shape == (8, 96, 96, 3) and points.shape == (8, MOUTH_POINTS, 3)
    assert targets.shape == (8, 3 * MOUTH_POINTS + EXTRAS + len(REGION_EXPRESSIONS[2]))
    assert 0 <= crops.min() and crops.max() <= 1
    again = task.make_batch(data, 4)
    assert np.array_equal(again[1], targets) and np.array_equal(again[0][0], crops)
    assert not np.array_equal(task.make_batch(data, 5)[1], targets)


def test_the_modes_hold_what_the_first_map_misses():
    rng = np.random.default_rng(0)
    before, moves = (rng.normal(0, 1, (300, n)) @ rng.normal(0, 0.1, (n, 90)) + 0.3 for n in (5, 9))
    network = closer_look_network(30, 32, 4, context=8, modes=12)
    shares = set_modes(network, before.reshape(-1, 30, 3), moves.reshape(-1, 30, 3))
    assert min(shares.values()) > 0.999
    known = np.asarray(network.get_layer("context")(before.astype(np.float32)))
    np.testing.assert_allclose(known[:, :5].std(0), 1, atol=0.02)
    kernel, mean = network.get_layer("modes").get_weights()
    np.testing.assert_allclose(mean, moves.mean(0), atol=1e-5)
    assert network.get_layer("modes").trainable is False
    rest = moves - mean - (moves - mean) @ np.linalg.pinv(kernel) @ kernel
    assert np.abs(rest).max() < 1e-3


@pytest.mark.parametrize("kind", ["eye", "mouth"])
def test_the_right_answer_has_no_loss_and_no_error(folder, kind):
    data, task = CloseUps(folder, kind), CloseUpTask(kind, CONFIG)
    found = task.examples(data, np.arange(len(data)), None)
    answer = found.targets.copy()
    extras = answer[:, 3 * len(task.weights) : -len(task.expressions)]
    extras[:, 6] = np.where(found.seen > 0.5, 30, -30)
    extras[:] = (extras - EXTRAS_MIDDLE) / EXTRAS_UNIT
    loss = np.asarray(task.loss()(found.targets, answer))
    sure = (found.seen == 0) | (found.seen == 1)
    assert loss[sure].max() < 0.05  # the gaze's smooth distance
    worse = answer.copy()
    worse[:, : 3 * len(task.weights)] += 0.01
    change = np.asarray(task.loss()(found.targets, worse)) - loss
    np.testing.assert_allclose(change, (0.1 + 0.9 * found.seen) * 2.5, rtol=1e-3)
    worse = answer.copy()
    worse[:, -1] += 0.1
    change = np.asarray(task.loss()(found.targets, worse)) - loss
    np.testing.assert_allclose(change, (0.1 + 0.9 * found.seen) * 0.01 * {"eye": 8.0, "mouth": 3.0}[kind], rtol=1e-3)
    errors = task.measure(SimpleNamespace(predict=lambda *_, **__: answer), data)
    assert errors["after"] < 1e-3 < errors["before"]
    assert errors["expressions"] > 0.5, "1 for all that vary on so few faces"
    if kind == "eye":
        assert errors.get("gaze", 0) < 0.1 and errors.get("gaze aside", 0) < 0.1 and errors["iris"] < 1e-3


def test_truth_of_close_ups(made):
    """An eye's true points surround its iris, and a look into the camera has its gaze toward the camera."""
    for number in range(6):
        right, left, mouth = made.sample(number)
        assert right.patch.shape == (112, 112, 3) and mouth.patch.shape == (168, 168, 3)
        for eye in (right, left):
            assert np.abs(eye.iris[:2]).max() < 0.3 and 0.06 < eye.iris[2] < 0.12
            assert np.linalg.norm(eye.gaze) == pytest.approx(1, abs=1e-3)
        assert np.abs(mouth.true - mouth.first).mean() < 0.2


def test_true_weights_are_those_beside_the_face_at_rest(made):
    names, calm = made.faces.model.expression_names, 0
    for number in range(12):
        shown = made.faces.sample(number).labels["shown"]
        all_weights = made.faces.sample(number).coefficients[-len(names) :]
        assert (shown >= 0).all() and (shown <= 1).all() and np.abs(all_weights - shown).max() > 0.02
        calm += not shown.any()
        true = dict(zip(names, shown, strict=True))
        for closeup, seen in zip(made.sample(number), REGION_EXPRESSIONS, strict=True):
            assert closeup.expression.tolist() == [true[name] for name in seen]
    assert 2 < calm < 10, "faces at rest show nothing"


def test_a_mirrored_mouth_shows_the_expressions_of_the_other_side(folder):
    data, task = CloseUps(folder, "mouth"), plain("mouth")
    found = task.examples(data, np.arange(len(data)), np.random.default_rng(0))
    stored, names = data.columns["expression"].astype(np.float32), REGION_EXPRESSIONS[2]
    mirrored = stored[:, [names.index(other_side(name)) for name in names]]
    same, other = (np.all(found.expression == kept, axis=1) for kept in (stored, mirrored))
    assert (same | other).all() and 0 < other.sum() < len(data)
    smiles = [names.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    assert np.array_equal(mirrored[:, smiles], stored[:, smiles[::-1]])


@pytest.mark.slow
def test_a_run_trains_and_resumes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(closer_look, "MODE_EXAMPLES", 64)
    data, held_out, task = CloseUps(folder, "eye"), CloseUps(folder, "eye", held_out=True), CloseUpTask("eye", CONFIG)

    def trainer(name):
        import keras

        keras.utils.set_random_seed(0)
        network = closer_eye()
        task.prepare(network, data)
        return Trainer(network, CONFIG, tmp_path / name, task=task)

    whole = trainer("whole")
    best = whole.run(data, held_out)
    assert np.isfinite(best)
    assert (tmp_path / "whole" / "best.weights.h5").exists()
    trainer("parts").run(data, held_out, stop_after=3)
    rest = trainer("parts")
    assert rest.step == 3
    rest.run(data, held_out)
    for a, b in zip(whole.model.get_weights(), rest.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
def test_the_command_trains_resumes_and_refuses_a_stream(folder, tmp_path, capsys, monkeypatch):
    prepared = []
    monkeypatch.setattr(closer_look, "MODE_EXAMPLES", 64)
    monkeypatch.setattr(closer_look, "set_modes", lambda *a: prepared.append(1) or set_modes(*a))
    words = ["train", "--config", "closer-mouth", "--shards", str(folder), "--run", str(tmp_path / "run")]
    for line in ("batch_size = 8", "samples = 32", "validate_every = 16", "checkpoint_every = 8"):
        words += ["--set", line]
    assert main([*words, "--stop-after", "2"]) == 0
    assert main(words) == 0
    assert len(prepared) == 1, "a run that goes on has its linear layers"
    assert (tmp_path / "run" / "best.weights.h5").exists()
    out = capsys.readouterr().out
    assert "training from sample 16 of 32" in out
    with open(tmp_path / "run" / "log.csv") as file:
        last = float(list(csv.DictReader(file))[-1]["nme"])
    assert f"after: {last:.3f}" in out, "what is printed is measured with the weights that are saved"
    bundled = ["--start", str(data_path("closer_look/mouth.tflite")), "--set", "network_options = {normalised = false}"]
    assert main([*words[:-1], "samples = 8", *bundled, "--run", str(tmp_path / "trained on")]) == 0
    assert len(prepared) == 1 and (tmp_path / "trained on" / "best.weights.h5").exists()
    capsys.readouterr()
    assert main([*words, "--stream"]) == 2
    assert "leave --stream out" in capsys.readouterr().err
    monkeypatch.setattr("lprnet_utils.commands.export.CHECK_FACES", 3)
    target = tmp_path / "mouth.tflite"
    assert main(["export", "--run", str(tmp_path / "run"), "-o", str(target)]) == 0
    stated = read_metadata(target.read_bytes(), "the file")
    assert stated["licence"].startswith("Free for any use") and "USC Institute" in stated["notices"][0]
    assert stated["network"] == "closer_mouth" and stated["recipe"]["samples"] == 32
    numbers = 3 * MOUTH_POINTS + EXTRAS + len(REGION_EXPRESSIONS[2])
    assert LiteRTModel(target.read_bytes()).shapes[-1] == (1, numbers)


def test_other_shards_are_refused_by_name(folder, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "SHARD_SIZE", 2)
        folders.synthesize(tmp_path, 4, seed=1, generator="plain")
    with pytest.raises(DatasetError, match="holds no close-ups"):
        CloseUps(tmp_path, "eye")
    with pytest.raises(DatasetError, match="holds no crops of faces"):
        Shards(folder)
    with pytest.raises(DatasetError, match="too few shards"):
        CloseUps(tmp_path.parent, "eye")
    with pytest.raises(DatasetError, match="made with seed 6"):
        folders.synthesize(folder, 4, seed=1, generator="close")


def test_shards_of_another_layout_are_refused(tmp_path):
    from lprnet_utils.common.files import write_checked

    points = np.zeros((9, 3))
    face = [CloseUp(np.zeros((8, 8, 3), np.uint8), points, points, np.zeros(3), np.zeros(3), 1.0, 0.0, np.zeros(7))] * 3
    for k in range(2):
        write_checked(tmp_path / f"shard-{k:05d}.bin", pack_closeups([face]))
    with pytest.raises(DatasetError, match="9 points of each eye, not 622"):
        CloseUps(tmp_path, "eye")
    assert [network().input_shape[0][1:] for network in (closer_eye, closer_mouth)] == [(64, 64, 3), (96, 96, 3)]
    assert EYE_POINTS == 622 and closeups.KINDS["eye"] == (0, 1)
