"""The UV layout: a one-to-one, mirror-symmetric chart, and accurate maps."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from lprnet_utils import UVLayout
from lprnet_utils.geometry import MIRRORED_LANDMARKS, border_loops
from lprnet_utils.geometry.mesh import area_normals, border_edges, triangle_edges
from lprnet_utils.uv import MEMBRANE, SURFACE, decode_map, encode_map, mirror_map, texel_matrix


def test_no_triangle_of_the_chart_is_flipped_or_overlaps_another(model):
    areas = area_normals(np.c_[model.uv, np.zeros(len(model.uv))], model.triangles)[:, 2] / 2
    assert (areas < 0).all(), "v runs down, so counter-clockwise from outside is negative here"
    assert np.abs(areas).min() * 128**2 > 1e-4
    # without flips, the map is one-to-one if its areas add up to what the border encloses
    (loop,) = border_loops(model.triangles)
    assert len(loop) == len(border_edges(model.triangles))
    p, q = model.uv[loop], model.uv[np.roll(loop, -1)]
    enclosed = abs((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / 2)
    assert -areas.sum() == pytest.approx(enclosed, rel=1e-9)
    # and the border, one loop, does not cross itself: it is convex
    step = np.diff(model.uv[[*loop, loop[0], loop[1]]], axis=0)
    cross = step[:-1, 0] * step[1:, 1] - step[:-1, 1] * step[1:, 0]
    assert (cross < 1e-9).all()


def test_chart_weights_and_mask_are_mirror_symmetric(model, layout):
    flipped = model.uv[model.mirror] * [-1, 1] + [1, 0]
    assert np.abs(flipped - model.uv).max() * 128 < 1e-4
    assert (model.mirror[model.mirror] == np.arange(len(model.uv))).all()
    for picture in (layout.mask, layout.kind, layout.weights):
        assert (picture == picture[:, ::-1]).all()
    landmarks = layout.landmark_uv
    assert np.abs(landmarks[MIRRORED_LANDMARKS] * [-1, 1] + [1, 0] - landmarks).max() * 128 < 1e-4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_map_of_the_mirrored_face_is_the_mirrored_map(model, layout, seed):
    rng = np.random.default_rng(seed)
    vertices = model.vertices(rng.normal(size=80), rng.uniform(0, 1, 51) * (rng.random(51) < 0.2))
    assert np.abs(vertices - vertices[model.mirror] * [-1, 1, 1]).max() > 0.5, "the face is asymmetric"
    width = 200
    position = layout.vertices_to_map(vertices + [90, 100, 0])
    mirrored = layout.vertices_to_map((vertices + [90, 100, 0])[model.mirror] * [-1, 1, 1] + [width - 1, 0, 0])
    assert np.abs(mirror_map(position, width) - mirrored).max() < 1e-3
    exchanged = layout.landmarks(position)[MIRRORED_LANDMARKS] * [-1, 1, 1] + [width - 1, 0, 0]
    assert np.abs(layout.landmarks(mirrored) - exchanged).max() < 1e-3


@pytest.mark.parametrize(("size", "mean", "worst"), [(64, 0.45, 1.3), (128, 0.16, 0.5), (256, 0.07, 0.2)])
def test_round_trip_of_a_mesh(model, size, mean, worst):
    layout = UVLayout(size)
    skin = np.unique(model.triangles[~model.membrane])
    errors = []
    for seed in range(3):
        vertices = model.vertices(np.random.default_rng(seed).normal(size=80))
        back = layout.map_to_vertices(layout.vertices_to_map(vertices))
        errors.append(np.linalg.norm(back - vertices, axis=1)[skin])
    error = np.concatenate(errors)
    print(f"{size}: mean {error.mean():.3f} mm, 95 % {np.percentile(error, 95):.3f}, worst {error.max():.2f}")
    assert error.mean() < mean and np.percentile(error, 95) < worst


def test_precomputed_layout_is_the_rasterised_one(model, layout):
    vertices, weights, kind = texel_matrix(model.uv, model.triangles, model.membrane, model.mirror, 128)
    assert (kind == layout.kind).all()
    again = (model.mean[vertices] * weights[..., None]).sum(1)
    assert np.abs(again - layout.vertices_to_map(model.mean).reshape(-1, 3)).max() < 1e-3


def test_other_landmark_positions_can_be_given(layout):
    same = UVLayout(landmark_uv=layout.landmark_uv)
    assert np.allclose(same.landmarks(layout.mean_map), layout.landmarks(layout.mean_map), atol=1e-2)
    moved = UVLayout(landmark_uv=layout.landmark_uv[MIRRORED_LANDMARKS]).landmarks(layout.mean_map)
    assert np.allclose(moved[MIRRORED_LANDMARKS], layout.landmarks(layout.mean_map), atol=1e-2)


def test_the_weight_mask_is_that_of_prnet(layout):
    values, counts = np.unique(layout.weights, return_counts=True)
    assert values.tolist() == [0, 3, 4, 16]
    assert 68 <= counts[3] <= 80  # the middle points fall between two columns and count in both
    assert (layout.weights[~layout.mask] == 0).all() and (layout.weights[layout.mask] > 0).all()


def test_outside_texels_hold_the_nearest_valid_value(model, layout):
    position = layout.vertices_to_map(model.mean)
    inside, outside = np.argwhere(layout.mask), np.argwhere(~layout.mask)
    distance, _ = cKDTree(inside).query(outside)
    for (row, column), d in list(zip(outside, distance, strict=True))[::97]:
        near = inside[np.linalg.norm(inside - [row, column], axis=1) < d + 1e-6]
        assert (np.abs(position[near[:, 0], near[:, 1]] - position[row, column]).max(1) < 1e-6).any()


def test_closed_triangles_are_one_sheet(layout):
    loops = border_loops(layout.closed_triangles)
    assert len(loops) == 1, "eyes and mouth are closed, so only the outer border remains"
    assert layout.mask.ravel()[layout.closed_triangles].all()
    assert set(layout.texels[layout.triangles].ravel()) <= set(layout.closed_triangles.ravel())
    mirrored = layout.texel_uv[:, ::-1] * [-1, 1, 1] + [1, 0, 0]
    assert np.allclose(mirrored, layout.texel_uv) and layout.texel_uv[0, -1].tolist() == [1 - 1 / 256, 1 / 256, 1]


def test_triangles_face_outward_and_leave_openings(model, layout):
    points = layout.points(layout.mean_map)
    centre = points[layout.triangles].mean(1)
    outward = (area_normals(points, layout.triangles) * (centre - [0, 0, -60])).sum(1) > 0
    assert outward.mean() > 0.98  # a few triangles under the nose and inside the lips face backward
    assert (layout.kind[layout.texels // 128, layout.texels % 128] == SURFACE).all()
    assert (layout.kind == MEMBRANE).sum() > 500
    edges = np.sort(triangle_edges(layout.triangles), 1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() == 2, "a manifold"


def test_decoding_inverts_encoding():
    rng = np.random.default_rng(0)
    position = rng.uniform(-40, 170, (2, 128, 128, 3)).astype(np.float32)
    assert np.abs(decode_map(encode_map(position)) - position).max() < 1e-4
    centre = np.full((128, 128, 3), (63.5, 63.5, 0), np.float32)
    assert np.allclose(encode_map(centre), 0.5)
    edge = np.full((128, 128, 3), (63.5 + 1.1 * 128, 63.5 - 1.1 * 128, 1.1 * 128), np.float32)
    assert np.allclose(encode_map(edge)[0, 0], [1, 0, 1])


def test_smoothing_removes_a_checkerboard_and_keeps_the_face(layout):
    rows, columns = np.mgrid[0:128, 0:128]
    board = np.where((rows + columns) % 2, 1.5, -1.5)[..., None] * np.ones(3)
    rough = layout.mean_map + board
    smooth, of_mirrored = layout.smooth(rough), layout.smooth(rough[:, ::-1] * [-1, 1, 1])
    inner = np.zeros_like(layout.mask)
    inner[8:-8, 8:-8] = layout.mask[8:-8, 8:-8]
    error = np.linalg.norm(smooth - layout.mean_map, axis=-1)
    assert np.percentile(error[inner], 95) < 0.6 < np.linalg.norm(board[0, 0])
    assert np.abs(smooth[:, ::-1] * [-1, 1, 1] - of_mirrored).max() < 1e-3
    torn = np.where(layout.mask[..., None], layout.mean_map, 1e4)
    assert np.abs(layout.smooth(torn) - layout.smooth(layout.mean_map)).max() < 1e-3, "texels outside have no influence"
    assert np.abs(layout.smooth(torn)).max() < 200, "and get the nearest valid value"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda layout: layout.landmarks(np.zeros((64, 64, 3))), r"\(64, 64, 3\)"),
        (lambda layout: layout.vertices_to_map(np.zeros((10, 3))), "vertices have shape"),
        (lambda layout: UVLayout(127), "even"),
        (lambda layout: UVLayout(landmark_uv=np.zeros((5, 2))), "landmark_uv"),
        (lambda layout: UVLayout(landmark_uv=layout.landmark_uv + 1), "landmark_uv"),
    ],
)
def test_bad_input_is_refused(layout, use, message):
    with pytest.raises(ValueError, match=message):
        use(layout)
