"""Registration of the bundled face to other models."""

import build_ict_face
import numpy as np
import pytest
from data_files import basel_files, faces_of
from trimesh.triangles import closest_point

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.geometry import border_loops, similarity_alignment
from lprnet_utils.geometry.mesh import area_normals, nested_loops
from lprnet_utils.morphable_model import read_basel
from lprnet_utils.morphable_model.surface import Surface, match_curve
from lprnet_utils.uv import register_model
from lprnet_utils.uv.registration import register


def test_closest_points_are_those_of_an_exhaustive_search(model):
    rng = np.random.default_rng(0)
    faces = faces_of(model)
    surface = Surface(model.mean, faces)
    points = model.mean[rng.choice(faces.ravel(), 40)] + rng.normal(0, 2, (40, 3))
    triangle, weights, distance = surface.closest(points)
    corners = model.mean[faces].astype(float)
    for point, d in zip(points, distance, strict=True):
        every = np.linalg.norm(closest_point(corners, np.repeat(point[None], len(faces), 0)) - point, axis=1)
        assert d == pytest.approx(every.min(), abs=1e-6)
    assert np.allclose(np.linalg.norm(surface.at(surface.vertices, triangle, weights) - points, axis=1), distance)
    # from behind, nothing faces alike
    assert np.isinf(surface.closest(points, -surface.smooth_normals[faces[triangle, 0]])[2]).mean() > 0.8


def test_curves_are_matched_by_arc_length():
    def ellipse(count, start):
        t = np.linspace(0, 2 * np.pi, count, endpoint=False) + start
        return np.stack([20 * np.cos(t), 5 * np.sin(t), np.zeros(count)], 1)

    coarse, fine = ellipse(37, 0.3), ellipse(400, 2.0)
    pair, weight = match_curve(coarse, fine)
    assert np.allclose(weight.sum(1), 1) and weight.min() > -1e-9
    assert np.linalg.norm((fine[pair] * weight[..., None]).sum(1) - coarse, axis=1).max() < 1.0
    # the other way round, and from another corner: the upper half stays the upper half
    pair, weight = match_curve(coarse[::-1], fine)
    assert ((fine[pair] * weight[..., None]).sum(1)[:, 1] * coarse[::-1, 1]).min() > -0.5


def test_nested_loops_are_rings_of_the_mesh(model):
    faces = faces_of(model)
    outer, *openings = border_loops(faces)
    assert len(openings) == 3 and len(outer) > max(map(len, openings))
    mouth = min(openings, key=lambda loop: model.mean[loop, 1].mean())
    rings = nested_loops(faces, mouth, 5)
    assert len({v for ring in rings for v in ring}) == sum(map(len, rings))
    for inner, ring in zip(rings, rings[1:], strict=False):
        near = faces[np.isin(faces, inner).any(1)]
        assert np.isin(ring, near).all() and not set(ring) & set(inner)
    with pytest.raises(ValueError, match="rings around the opening"):
        nested_loops(faces, mouth, 200)


def test_the_bundled_ict_face_has_no_folds_and_closes_lips_and_lids(layout, model):
    ict = MorphableModel.load("ict")
    assert ict.identity.shape == (100, len(model.mean), 3) and ict.expression.shape == (55, len(model.mean), 3)
    faces = faces_of(model)
    assert np.abs((layout.matrix @ ict.mean)[layout.mask.ravel()].mean(0)).max() < 1e-2
    assert 1.0 < np.ptp(ict.mean[:, 0]) / np.ptp(model.mean[:, 0]) < 1.25, "an adult's head is larger than the mean's"
    # neighbours face alike everywhere, as on the bundled face: a fold would turn one of them over
    normal = area_normals(ict.mean, faces)
    around = np.zeros_like(ict.mean)
    for k in range(3):
        np.add.at(around, faces[:, k], normal)
    assert ((normal * around[faces].sum(1)).sum(1) > 0).all()
    openings = border_loops(faces)[1:]
    eye = [loop for loop in openings if ict.mean[loop, 1].mean() > 0 and ict.mean[loop, 0].mean() > 0][0]
    blink = ict.vertices(expression={"eyeBlinkLeft": 1.0})
    assert np.ptp(blink[eye, 1]) < 0.6 * np.ptp(ict.mean[eye, 1]) and np.ptp(ict.mean[eye, 1]) > 7
    mouth = min(openings, key=lambda loop: ict.mean[loop, 1].mean())
    assert np.ptp(ict.vertices(expression={"jawOpen": 1.0})[mouth, 1]) > 20 > 5 > np.ptp(ict.mean[mouth, 1])


@pytest.mark.slow
def test_surface_folds_and_rims_of_the_registration_of_the_kit(model, ict_dir):
    kit = build_ict_face.from_arrays(ict_dir / "ict_face3dmm_full.npz")
    triangles, rims = build_ict_face.skin_and_rims(kit)
    found = register(kit.mean, triangles, kit.mean[kit.landmark_vertices], rims)
    faces = faces_of(model)
    distance = np.percentile(found.distance[np.unique(faces)], 95)
    kit_normals = (found.matrix @ Surface(kit.mean, triangles).smooth_normals)[faces].sum(1)
    share = ((area_normals(found.vertices, faces) * kit_normals).sum(1) < 0).mean()
    print(f"distance 95 %: {distance:.2f} mm; {100 * share:.2f} % of the triangles face against")
    assert distance < 1.0
    assert share < 0.005, "the nostrils, which lie nowhere on the kit, and slivers in the corners of eyes and mouth"
    # rim to rim in both directions, also in expressions, which the registration did not use
    openings = border_loops(faces)[1:]
    for name in (None, "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthPucker"):
        offset = 0 if name is None else kit.expression[kit.expression_names.index(name)]
        here = found.vertices + (0 if name is None else found.matrix @ offset)
        there = kit.mean + offset
        for nested in rims:
            target = there[nested[0]]
            centre = kit.mean[nested[0]].mean(0)
            loop = min(openings, key=lambda loop: np.linalg.norm(found.vertices[loop].mean(0) - centre))
            gap = np.linalg.norm(here[loop][:, None] - target[None], axis=2)
            assert max(gap.min(0).max(), gap.min(1).max()) < 2.0, f"rim in {name}"
    # the bundled file is this registration
    ict = MorphableModel.load("ict")
    assert np.abs(found.vertices_in_face_frame() - ict.mean).max() < 0.05
    assert np.abs(found.matrix @ kit.identity[0] @ found.frame[0].T - ict.identity[0]).max() < 0.05


@pytest.mark.slow
def test_basel_model_is_read_and_registered(model, tmp_path):
    truth, used = basel_files(model, tmp_path)
    basel = read_basel(tmp_path / "Model_Shape.mat", tmp_path / "Model_Exp.mat")
    assert basel.identity.shape == (199, len(used), 3) and basel.expression.shape == (29, len(used), 3)
    assert basel.deviations.shape == (228,) and basel.uv is None
    with pytest.raises(ValueError, match="register_model"):
        UVLayout().position_basis(basel)
    registered = register_model(basel)  # nobody names the rims of the real files: the 68 points have to do
    # "upright" is told by the mean face, so the pose differs by a degree: compared after a rigid alignment
    rotation = similarity_alignment(registered.mean[used], truth[used])[1]
    found = registered.mean[used] @ rotation.T
    found += (truth[used] - found).mean(0)
    error = np.linalg.norm(found - truth[used], axis=1)
    print(f"against the truth: mean {error.mean():.2f}, 95 % {np.percentile(error, 95):.2f} mm")
    assert np.percentile(error, 95) < 2.0, "along the surface; across it:"
    across = Surface(truth, faces_of(model)).points(found) - found
    assert np.percentile(np.linalg.norm(across, axis=1), 95) < 1.0
    mode = np.linalg.norm(registered.identity[3] - model.identity[3], axis=1)[used]
    assert mode.mean() < 0.1 * np.linalg.norm(model.identity[3], axis=1)[used].mean() + 0.05
    assert registered.vertices(np.ones(10)).shape == model.mean.shape


def test_bad_vertices_and_a_model_without_landmarks_are_refused(model):
    for vertices, message in ((np.zeros((10, 2)), r"\(10, 2\)"), (np.full((10, 3), np.nan), "finite")):
        with pytest.raises(ValueError, match=message):
            register(vertices, np.zeros((1, 3), int), np.zeros((68, 3)))
    with pytest.raises(ValueError, match="landmark_vertices"):
        register_model(model)
