"""Points of a benchmark's labels, read from maps: a made-up difference of definition is found again."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common.assets import AssetError
from lprnet_utils.evaluation import landmark_nme
from lprnet_utils.evaluation.readout import Readout, benchmark_landmarks
from lprnet_utils.synthetic import held_out_faces


@pytest.fixture(scope="module")
def labelled(layout):
    """Maps, and labels that differ from their landmarks by an offset in the head's frame that grows with the turn."""
    samples = held_out_faces("makehuman")[:400]
    rng, maps, labels = np.random.default_rng(0), [], []
    offset = rng.normal(0, 4, (68, 3))
    for sample in samples:
        turn = abs(sample.camera.rotation[0, 2])
        points = sample.camera.unproject(layout.landmarks(sample.position_map)) + offset * (1 + turn)
        maps.append(sample.position_map)
        labels.append(sample.camera.project(points))
    return maps, np.array(labels)


def test_a_readout_learns_another_definition_of_the_points(layout, labelled, tmp_path):
    maps, labels = labelled
    readout = Readout.fit(maps[:320], labels[:320] + [0, 0, 7.0], layout, components=30)
    before = landmark_nme(np.array([layout.landmarks(m) for m in maps[320:]]), labels[320:]).mean()
    after = landmark_nme(readout(maps[320:]), labels[320:]).mean()
    assert after < 0.35 * before, "on other photos, and whatever the zero of z"
    readout.save(tmp_path / "readout.npz")
    with np.load(tmp_path / "readout.npz") as file:
        again = Readout(layout, **{key: file[key].astype(np.float32) for key in file.files})
    assert np.abs(again(maps[:3]) - readout(maps[:3])).max() < 0.1, "half precision is enough"


def test_the_zero_of_z_may_differ_from_label_to_label(layout, labelled):
    maps, labels = labelled[0][:60], labelled[1][:60]
    zero = np.random.default_rng(1).normal(0, 100, (60, 1, 1)) * [0, 0, 1]
    plain, moved = (Readout.fit(maps, given, layout, components=5)(maps[:9]) for given in (labels, labels + zero))
    assert np.abs(moved - plain).max() < 1e-3


def test_labels_far_from_the_face_are_left_out(layout, labelled):
    maps, labels = labelled[0][:100], labelled[1][:100]
    found = []
    for miss in (60, 300):  # pixels
        wrong = labels.copy()
        wrong[::13, :, 0] += miss  # eight of a hundred
        found.append(Readout.fit(maps, wrong, layout, components=5)(maps[:9]))
    assert np.abs(found[0] - found[1]).max() < 1e-3, "however wrong they are"
    assert landmark_nme(found[0][1:], labels[1:9]).mean() < 2


def test_weights_without_a_readout_are_told_how_to_make_one(photos):
    (face,) = LPRNet().reconstruct(photos["astronaut.jpg"], 1)
    with pytest.raises(AssetError, match=r"fit_readout.py no-such"):
        benchmark_landmarks(face, "no-such")
