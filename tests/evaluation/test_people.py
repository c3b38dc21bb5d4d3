"""The landmarks of ``open`` lie where people mark them: 12 bundled faces, of which nothing was used in training."""

import numpy as np
import pytest

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.common.assets import DatasetError
from lprnet_utils.evaluation import MarkedPeople, offsets_from_people
from lprnet_utils.evaluation.people import WholeSet, reconstruct_people, scatter_about_people
from lprnet_utils.geometry.landmarks import EYES, MOUTH, NOSE
from lprnet_utils.synthetic import held_out_faces
from lprnet_utils.uv import decode_map


@pytest.fixture(scope="module")
def people():
    return MarkedPeople()


@pytest.fixture(scope="module")
def faces(people):
    return reconstruct_people(LPRNet("open"), people)


@pytest.fixture(scope="module")
def first(people):
    """The same without a closer look."""
    return reconstruct_people(LPRNet("open", closer_look=False), people)


@pytest.mark.parametrize("look", ["first", "faces"])
def test_landmarks_lie_where_people_mark_them(people, look, request):
    off = offsets_from_people(request.getfixturevalue(look), people)
    lips = off["landmarks"][MOUTH]
    lips = lips[np.isfinite(lips).all(1)]
    assert len(lips) == 18 and np.linalg.norm(lips, axis=1).max() < 1, "the outlines of the lips, % of the box"
    assert np.linalg.norm(off["pupils"]) < 1.5, "% of the distance of the pupils"
    # the middle of the lids lies below the pupils, for people and for the network
    assert np.linalg.norm(off["eyes"] - off["people's eyes"]) < 1
    assert np.abs(off["landmarks"][EYES, 1]).max() < 1.5, "height of each point of the lids, % of the box"
    assert np.nanmean(off["scatter"]) < 3.5


def test_no_steady_offset_on_rendered_faces_by_yaw():
    """Where the truth is known: eyes, lips and nose, mean offset from the true points, in % of the box, by yaw."""
    layout, net, samples = UVLayout(), LPRNet("open"), held_out_faces("makehuman")[:300]
    found = np.array([layout.landmarks(decode_map(net.predict_uv(s.image))) for s in samples])
    true = np.array([layout.landmarks(s.position_map) for s in samples])
    side = np.sqrt(np.prod(np.ptp(true[..., :2], axis=1), axis=1))[:, None, None]
    yaw = np.array([s.labels["yaw"] for s in samples])
    off = 100 * ((found - true)[..., :2] / side)
    off[yaw < 0, :, 0] *= -1  # the horizontal direction in which the face is turned
    for low, high in ((0, 30), (30, 60), (60, 100)):
        chosen = off[(np.abs(yaw) >= low) & (np.abs(yaw) < high)]
        assert len(chosen) > 50
        for name, rows in (("eyes", EYES), ("mouth", MOUTH), ("nose", NOSE)):
            assert np.linalg.norm(chosen[:, rows].mean((0, 1))) < 1, (name, low)


def test_moved_points_are_found_to_be_moved(people, faces):
    """The measure itself: marks that are the landmarks, moved by 2 % of the pupils' distance to the right."""
    marks = MarkedPeople()
    marks.landmarks = np.array([face.landmarks[:, :2] for face in faces], float)
    marks.pupils = np.array([face.layout.pupils(face.position_map)[:, :2] for face in faces], float)
    aside = (marks.pupils[:, 1] - marks.pupils[:, 0])[:, None] * 0.02
    marks.landmarks, marks.pupils = marks.landmarks - aside, marks.pupils - aside
    off = offsets_from_people(faces, marks)
    assert np.allclose(off["pupils"], [2, 0], atol=1e-3)
    assert np.allclose(off["landmarks"][:, 1], 0, atol=1e-3) and np.ptp(off["landmarks"][:, 0]) < 1e-3
    assert off["scatter"].max() < 1e-2


def test_pupils_of_the_layout_lie_on_the_axes_of_the_eyes():
    from lprnet_utils.synthetic.head import Head

    layout = UVLayout()
    assert np.abs(layout.pupils(layout.mean_map) - Head().file["eye_centre"])[:, :2].max() < 0.5, "mm"


def test_a_missing_set_and_a_missed_face_are_named(tmp_path, people, monkeypatch):
    with pytest.raises(DatasetError, match="nowhere"):
        WholeSet(tmp_path / "nowhere")
    (tmp_path / "photos").mkdir()
    with pytest.raises(DatasetError, match="london-points"):
        WholeSet(tmp_path / "photos")
    net = LPRNet("open")
    monkeypatch.setattr(net, "reconstruct", lambda image: [])
    with pytest.raises(DatasetError, match="neutral-001"):
        reconstruct_people(net, people)


def test_scatter_is_what_is_left_without_each_places_mean_offset():
    rng = np.random.default_rng(0)
    faces, size = 400, rng.uniform(50, 90, (400, 1, 1))
    mean = np.array([[0, 0], [1, 0], [0.2, 0.5], [0.7, 0.9]])  # the first two are the pupils
    marked = size * mean + rng.uniform(100, 200, (faces, 1, 2))
    noise = rng.normal(0, [0.02, 0.02], (faces, 4, 2))
    noise[:, 3] *= 2
    far = size * [[5.0, 5.0]] + marked[:, :1]
    dense = np.concatenate([far, marked + size * (noise + [0.01, 0])], 1)
    scatter, distance = scatter_about_people(dense, marked)
    np.testing.assert_allclose(scatter, [2.83, 2.83, 2.83, 5.66], rtol=0.12)  # 2 % and 4 % in each direction
    np.testing.assert_allclose(distance, 1, atol=0.5)
    assert np.array_equal(scatter, scatter_about_people(dense, marked)[0]), "the same splits again"


def test_a_closer_look_brings_eyes_and_lips_nearer_to_where_people_mark_them(people, first, faces):
    """On the bundled faces; the whole set is measured by scripts/benchmarks/people_scatter.py."""
    before, after = (offsets_from_people(found, people)["scatter"] for found in (first, faces))
    assert np.nanmean(after[EYES]) < 0.8 * np.nanmean(before[EYES])
    assert np.nanmean(after[MOUTH]) < 0.9 * np.nanmean(before[MOUTH])
