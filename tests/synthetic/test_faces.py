"""Synthetic photos: reproducible, varied, and with position maps that match them."""

import numpy as np
import pytest

from lprnet_utils.geometry import Light, rotation_distance, sh_basis
from lprnet_utils.geometry.shading import COSINE_KERNEL
from lprnet_utils.synthetic import Surface, SyntheticFaces, draw_head
from lprnet_utils.synthetic.head import ambient_occlusion


@pytest.fixture(scope="module")
def faces():
    return SyntheticFaces(seed=5)


@pytest.fixture(scope="module")
def samples(faces):
    return [faces.sample(k) for k in range(64)]


def test_a_number_always_gives_the_same_picture(faces, samples):
    again = SyntheticFaces(seed=5)
    for k in (40, 3, 41):  # in another order, across blocks
        one = again.sample(k)
        assert (one.image == samples[k].image).all() and (one.position_map == samples[k].position_map).all()
    other = SyntheticFaces(seed=6).sample(3)
    assert (other.image != samples[3].image).mean() > 0.5


def test_maps_keep_the_conventions(faces, samples):
    layout = faces.layout
    for sample in samples:
        assert sample.image.shape == (128, 128, 3) and sample.image.dtype == np.uint8
        assert np.isfinite(sample.position_map).all()
        assert abs(sample.position_map[layout.mask][:, 2].mean()) < 1e-2
        landmarks = layout.landmarks(sample.position_map)
        box = np.r_[landmarks[:, :2].min(0), landmarks[:, :2].max(0)]
        side = 1.5 * ((box[2] - box[0]) + (box[3] - box[1])) / 2
        assert 0.8 < 128 / side < 1.25, "the network's crop, scaled by 0.85 to 1.2"
        assert np.abs((box[:2] + box[2:]) / 2 - 63.5).max() < 0.09 * 128, "shifted by at most 8 %"
        # the camera and the coefficients make the map
        vertices = faces.model.vertices(sample.coefficients[:80], sample.coefficients[80:])
        made = layout.vertices_to_map(sample.camera.project(vertices))
        assert np.abs((made - sample.position_map)[..., :2]).max() < 0.01


def test_the_face_is_where_the_map_says(faces):
    # a black head with a white nose
    head = faces.head
    camera = faces.camera(np.random.default_rng(0), faces.landmark_weights @ head.model.mean, np.eye(3))
    glow = Light(np.zeros((9, 3)), np.array([0.0, 0, 1]), np.zeros(3))
    glow.harmonics[0] = 1 / 0.282095
    albedo = np.zeros((head.count, 3), np.float32)
    nose = np.argmax(head.model.mean[:, 2])
    near = np.linalg.norm(head.model.mean - head.model.mean[nose], axis=1) < 6
    albedo[: head.face_count][near] = 1
    drawn = draw_head(head, head.mean, Surface(albedo, np.zeros(head.count, np.float32)), glow, camera, 128)
    row, column = np.nonzero(drawn.picture[..., 0] > 0.5)
    tip = camera.project(head.model.mean[near]).mean(0)
    assert np.abs([column.mean() - tip[0], row.mean() - tip[1]]).max() < 0.5, "pixel centres are whole numbers"
    assert drawn.index.shape == (256, 256) and 0.3 < drawn.coverage.mean() < 0.95


def test_depth_normals_and_visibility_match_the_picture(faces, samples):
    plain = 0
    for k in range(12):
        sample = faces.sample(k, geometry=True)
        assert (sample.image == samples[k].image).all(), "geometry does not change the picture"
        assert sample.depth.shape == (128, 128) and sample.normals.shape == (128, 128, 3)
        person = np.isfinite(sample.depth)
        # the map's texels lie on the depth picture where they are seen, and behind it where they are not
        column, row = np.rint(sample.position_map[sample.visible][:, :2]).astype(int).T
        inside = (row >= 0) & (row < 128) & (column >= 0) & (column < 128)
        inside[inside] = sample.normals[row[inside], column[inside], 2] > 0.5  # where half a pixel aside changes little
        off = sample.depth[row[inside], column[inside]] - sample.position_map[sample.visible][inside, 2]
        assert np.abs(np.median(off)) < 1.0 and (np.abs(off) < 3).mean() > 0.9
        hidden = faces.layout.mask & ~sample.visible
        yaw = abs(sample.camera.angles[1])
        assert yaw < 60 or hidden.sum() > 0.25 * faces.layout.mask.sum(), "a profile hides the other half"
        length = np.linalg.norm(sample.normals, axis=2)
        assert (length[~person] < 1e-5).all() and (np.abs(length[length > 0.5] - 1) < 1e-3).all()
        # a normal points toward the camera where the head is seen from outside
        assert (sample.normals[length > 0.5][:, 2] > -0.2).mean() > 0.97
        if not {"hair", "hat", "glasses"} & set(sample.labels):
            plain += 1
            gradient = -np.gradient(np.where(person, sample.depth, np.nan))[1]
            flat = (sample.normals[..., 2] > 0.7) & (np.abs(gradient) < 1.5)  # no jumps of depth
            slope = sample.normals[..., 0] / np.maximum(sample.normals[..., 2], 0.1)
            assert np.corrcoef(gradient[flat], slope[flat])[0, 1] > 0.8, "normals are the depth's slopes"
    assert plain


def test_variety(samples):
    yaw = np.array([abs(s.camera.angles[1]) for s in samples])
    assert (yaw > 60).mean() > 0.1 and (yaw < 30).mean() > 0.2
    level = np.array([s.image.mean() for s in samples])
    assert level.std() > 15 and level.min() < 90 and level.max() > 130
    tones = np.array([s.labels["tone"] for s in samples])
    assert tones.min() < 0.4 < 0.65 < tones.max()
    for label in ("hair", "glasses", "hat", "beard"):
        assert 0 < sum(label in s.labels for s in samples) < len(samples)
    poses = [s.camera.rotation for s in samples]
    assert min(rotation_distance(a, b) for a, b in zip(poses, poses[1:], strict=False)) > 0.1


def test_posed_expressions_are_those_of_people_in_photos(faces):
    posed = np.array([faces.people.posed_expression(np.random.default_rng(k)) for k in range(200)])
    names = list(faces.model.expression_names)
    assert posed.shape == (200, 51) and posed.min() >= 0
    smile = posed[:, [names.index("mouthSmileLeft"), names.index("mouthSmileRight")]]
    assert 0.3 < (smile.min(1) > 0.2).mean() < 0.7, "half of the people in photos smile"
    assert np.abs(np.diff(smile, axis=1)).max() < 0.6 and (posed[:, names.index("eyeBlinkLeft")] > 0.2).mean() > 0.1


def test_accessories_leave_part_of_the_face_visible(faces):
    for k in range(10):
        covered = faces.appearance.scarf_vertices(np.random.default_rng(k))
        free = np.setdiff1d(np.arange(faces.head.face_count), covered)
        for point in faces.appearance.landmarks[[*range(36, 48), 30, 48, 54]]:
            assert np.linalg.norm(faces.model.mean[free] - point, axis=1).min() < 4
        assert len(covered) > 0.3 * len(faces.model.mean)
    seen = [faces.sample(k, geometry=True).visible[faces.layout.mask].mean() for k in range(96)]
    assert min(seen) > 0.05 and np.mean(seen) > 0.4


def test_light_shades_as_its_harmonics_and_its_lamp_say():
    k = np.arange(20000) + 0.5
    polar, turn = np.arccos(1 - 2 * k / 20000), np.pi * (1 + 5**0.5) * k
    normals = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    basis = sh_basis(normals).astype(float)
    assert np.allclose(4 * np.pi * basis.T @ basis / 20000, np.eye(9), atol=2e-3), "orthonormal"
    harmonics = np.abs(np.random.default_rng(0).normal(size=(9, 3))) * 0.1
    harmonics[0] += 5
    lamp, ones = np.array([1.0, 0, 0]), np.ones(20000, np.float32)
    shaded, _ = Light(harmonics, lamp, np.zeros(3)).shade(normals.astype(np.float32), 0.5 * ones, ones)
    assert np.allclose(shaded, 0.5 * basis @ (np.array(COSINE_KERNEL)[:, None] * harmonics), atol=1e-4)
    light = Light(np.zeros((9, 3)), lamp, np.ones(3), gloss=0.0)
    shaded, gloss = light.shade(np.eye(3, dtype=np.float32), ones[:3], ones[:3])
    assert shaded[0, 0] > 0.9 > 0.1 > shaded[1, 0] and np.allclose(gloss, 0)


def test_the_bottom_of_a_pit_sees_little_of_the_sky():
    # a pit: a square funnel with its tip 5 deep
    vertices = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0], [0, 0, -9], [-20, -20, 0], [20, -20, 0]])
    triangles = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [0, 5, 6]])
    seen = ambient_occlusion(vertices, triangles)
    assert seen[4] < seen[:4].min() and seen.max() <= 1
