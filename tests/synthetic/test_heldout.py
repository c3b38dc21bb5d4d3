"""The bundled photos for evaluation: exact, reproducible, of people that no network was trained on."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.evaluation import landmark_nme
from lprnet_utils.geometry import border_loops
from lprnet_utils.synthetic import SyntheticFaces, held_out_faces
from lprnet_utils.synthetic.heldout import HELD_OUT_SEED, ScannedFaces, ScannedHead, pack_held_out
from lprnet_utils.training import TrainingConfig
from lprnet_utils.uv import decode_map


@pytest.mark.parametrize("kind, count, worst", [("makehuman", 600, 3.5), ("ict", 300, 4.5)])
def test_bundled_faces_have_exact_maps(net, kind, count, worst):
    faces, layout = held_out_faces(kind), UVLayout()
    assert len(faces) == count
    yaw = np.abs([f.labels["yaw"] for f in faces])
    assert min((yaw <= 30).sum(), ((yaw > 30) & (yaw <= 60)).sum(), (yaw > 60).sum()) > 60, "every range of yaw"
    assert {"tone", "skin"} <= set(faces[0].labels)
    for face in faces[:: len(faces) // 20]:
        assert face.image.shape == face.position_map.shape == (128, 128, 3) and face.image.dtype == np.uint8
        assert abs(face.position_map[layout.mask][:, 2].mean()) < 0.01
    # the default network, which saw none of them, finds the landmarks where the maps say they are
    errors = []
    for face in faces[:30]:
        found = net.layout.landmarks(decode_map(net.predict_uv(face.image)))
        errors.append(landmark_nme(found, layout.landmarks(face.position_map)))
    assert np.median(errors) < worst


def test_bundled_faces_have_other_sizes_too():
    whole, half = held_out_faces("ict")[7], held_out_faces("ict", 64)[7]
    assert half.image.shape == half.position_map.shape == (64, 64, 3)
    points = np.random.default_rng(0).uniform(-100, 100, (20, 3))
    expected = (whole.camera.project(points)[:, :2] + 0.5) / 2 - 0.5  # pixel centres are at whole numbers
    assert np.abs(half.camera.project(points)[:, :2] - expected).max() < 1e-3
    expected = (UVLayout(128).landmarks(whole.position_map)[:, :2] + 0.5) / 2 - 0.5
    off = np.abs(UVLayout(64).landmarks(half.position_map)[:, :2] - expected)[17:]
    assert off.max() < 0.6, "the jaw is at the map's edge, where a coarse map is cut off"
    assert np.abs(half.image.astype(int) - whole.image.reshape(64, 2, 64, 2, 3).mean((1, 3))).max() <= 1


@pytest.mark.parametrize("kind, source", [("makehuman", SyntheticFaces), ("ict", ScannedFaces)])
def test_bundled_faces_are_made_by_the_generator(kind, source):
    made, bundled = source(HELD_OUT_SEED), held_out_faces(kind)[:3]
    for k, face in enumerate(bundled):
        again = made.sample(k)
        assert np.allclose(again.coefficients, face.coefficients, atol=1e-4)
        assert np.abs(again.position_map - face.position_map).max() < 0.05
        assert np.abs(again.image.astype(int) - face.image).mean() < 6, "but for JPEG"
        for name, value in face.labels.items():
            assert again.labels[name] == (pytest.approx(value, abs=6e-4) if isinstance(value, float) else value)
    packed = pack_held_out(bundled)
    assert len(packed["offset"]) == 4 and packed["coefficients"].shape == (3, len(bundled[0].coefficients))
    assert TrainingConfig().seed != HELD_OUT_SEED != TrainingConfig.load("lite-open").seed


def test_a_scanned_face_sits_in_its_head():
    head = ScannedHead()
    coefficients = np.zeros((6, 155), np.float32)
    coefficients[1:, :100] = np.random.default_rng(0).standard_normal((5, 100))
    found = head.vertices(coefficients, np.zeros((6, 2)))
    ict = MorphableModel.load("ict")
    for vertices, c in zip(found, coefficients, strict=True):
        assert np.abs(vertices[head.kind["face"]] - ict.vertices(c[:100], c[100:])).max() < 1e-3
    # no tear: the border of the face is about as close to the skin of the head as with MakeHuman's faces
    border = max(border_loops(head.model.triangles[~head.model.membrane]), key=len)

    def gap(vertices):
        return cKDTree(vertices[head.kind["head"]]).query(vertices[head.kind["face"]][border])[0]

    plain = gap(head.mean)  # MakeHuman's head
    assert len(border) > 100 and plain.max() < 12
    for vertices in found:
        change = np.abs(gap(vertices) - plain)
        assert np.percentile(change, 90) < 5 and change.max() < 12, "about twice as much as among MakeHuman's people"
    # eyeballs keep their size
    for name in ("right eye", "left eye"):
        radius = [np.ptp(v[head.kind[name]], axis=0) for v in found]
        assert np.ptp(radius, axis=0).max() < 1e-3


def test_unknown_faces_are_refused():
    with pytest.raises(ValueError, match="makehuman, ict"):
        held_out_faces("basel")
