"""The regions of the closer look: their texels, windows and crops."""

import numpy as np
import pytest

from lprnet_utils import UVLayout
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.geometry.camera import Camera
from lprnet_utils.geometry.crop import transform_points
from lprnet_utils.geometry.landmarks import MIRRORED_LANDMARKS
from lprnet_utils.uv.encoding import mirror_map
from lprnet_utils.uv.regions import Regions

PARTS = {
    "right eye": [*range(17, 22), *range(36, 42)],
    "left eye": [*range(22, 27), *range(42, 48)],
    "mouth": [*range(31, 36), *range(48, 60)],
}


@pytest.fixture(scope="module")
def regions():
    return Regions(UVLayout())


def posed_map(layout, pitch=0, yaw=0, roll=0, scale=1.3, shift=(140, 90, 0)):
    camera = Camera(rotation_matrix(pitch, yaw, roll), scale, np.array(shift, float))
    return camera.project(layout.mean_map).astype(np.float32)


def test_each_region_has_its_landmarks_in_the_middle_of_its_window(regions):
    layout = regions.layout
    for region in regions.all:
        weight = dict(zip(region.texels, region.window, strict=True))
        for landmark in PARTS[region.name]:
            least = min(weight[texel] for texel in layout.landmark_matrix[landmark].indices)
            assert least == 1 or (least > 0.8 and landmark in (17, 26)), "brows end where the window begins to fall"
        core = dict(zip(region.texels, region.core, strict=True))
        seen = [k for k in PARTS[region.name] if k not in range(17, 27)]
        assert all(core[texel] for k in seen for texel in layout.landmark_matrix[k].indices)
        assert region.window.min() > 0
        assert region.window.max() == 1


def test_windows_fall_smoothly(regions):
    for region in regions.all:
        picture = np.zeros(regions.layout.size**2)
        picture[region.texels] = region.window
        picture = picture.reshape(regions.layout.size, -1)
        inside = regions.layout.mask[:, 1:] & regions.layout.mask[:, :-1]
        assert np.abs(np.diff(picture, axis=1))[inside].max() < 0.4


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 35, -20), (-15, -70, 40), (5, 10, 170)])
def test_a_frame_shows_the_region_upright_in_its_middle_at_one_scale(regions, angles):
    layout = regions.layout
    position_map = posed_map(layout, *angles)
    flat, camera = layout.flat(position_map), layout.camera(position_map)
    landmarks = layout.landmarks(position_map)
    for region in regions.all:
        frame = region.frame(flat, camera)
        assert frame.side == pytest.approx(1.3 * region.side, rel=1e-3)
        inside = frame.into(landmarks[PARTS[region.name]])
        assert np.abs(inside[:, :2].mean(0)).max() < 1e-5
        assert np.abs(inside).max() < 0.5
        np.testing.assert_allclose(frame.out(inside), landmarks[PARTS[region.name]], atol=1e-3)
        brows, chin = frame.into(landmarks[27]), frame.into(landmarks[8])
        assert brows[1] < chin[1]  # the head's up is up in the crop


def test_crop_pixels_are_coordinates(regions):
    position_map = posed_map(regions.layout, 5, 20, 10)
    flat, camera = regions.layout.flat(position_map), regions.layout.camera(position_map)
    for region in regions.all:
        frame = region.frame(flat, camera)
        pixels = transform_points(frame.matrix(64, 1.75), flat[region.texels][:, :2])
        expected = frame.into(flat[region.texels])[:, :2] * 64 / 1.75 + 31.5
        np.testing.assert_allclose(pixels, expected, atol=1e-3)


def test_the_left_eye_is_the_right_eye_of_the_mirrored_photo(regions):
    right, left, _ = regions.all
    position_map = posed_map(regions.layout, 8, 25, -12, shift=(60, 64, 0))
    mirrored = mirror_map(position_map, 128)
    landmarks = (regions.layout.landmarks(m) for m in (position_map, mirrored))
    a, b = landmarks
    np.testing.assert_allclose(b[MIRRORED_LANDMARKS][:, 1:], a[:, 1:], atol=0.05)
    seen = []
    for region, m in ((left, position_map), (right, mirrored)):
        flat = regions.layout.flat(m)
        seen.append(region.frame(flat, regions.layout.camera(m)).into(flat[region.texels]))
    np.testing.assert_allclose(*seen, atol=1e-3)


def test_the_grid_is_a_quarter_of_the_texels_and_interpolates_smooth_values(regions):
    layout = regions.layout
    flat = layout.flat(layout.mean_map)
    for region in regions.all:
        assert len(region.grid) < 0.32 * len(region.texels)
        assert layout.mask.ravel()[region.grid].all()
        np.testing.assert_allclose(region.spread.sum(1), 1, atol=1e-5)
        miss = np.linalg.norm(region.spread @ flat[region.grid] - flat[region.texels], axis=1)
        assert np.median(miss) < 0.1, "mm"
        assert np.quantile(miss, 0.95) < 1


def test_the_mouths_grid_is_symmetric(regions):
    n, grid = regions.layout.size, regions.all[2].grid
    row, column = np.divmod(grid, n)
    assert set(row * n + n - 1 - column) == set(grid)
