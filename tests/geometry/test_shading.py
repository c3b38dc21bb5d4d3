"""Pictures of meshes, with colours known at each pixel."""

import numpy as np

from lprnet_utils.geometry.shading import AMBIENT_SHARE, LAMP, PICTURE_WIDTH_MM, render_mesh


def test_a_texel_is_drawn_where_its_uv_position_is():
    # a square that fills the picture: its u and v are the place in the picture, so a ramp of texels stays a ramp
    uv = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], float)
    square = np.c_[(uv - 0.5) * [1, -1] * PICTURE_WIDTH_MM, np.zeros(4)]
    level = 20 + 30.0 * np.arange(8)
    texture = np.stack([*np.meshgrid(level, level), np.full((8, 8), 100.0)], -1)
    picture = render_mesh(square, np.array([[0, 1, 2], [0, 2, 3]], np.int32), 80, colors=texture, uv=uv)
    centre = (np.arange(80) + 0.5) / 80
    expected = np.interp(centre, (np.arange(8) + 0.5) / 8, level)  # the centre of the first texel is at 1/16
    light = AMBIENT_SHARE["photo"] + (1 - AMBIENT_SHARE["photo"]) * LAMP[2]
    inner = picture[1:-1, 1:-1]
    assert np.abs(inner[..., 0] - light * expected[1:-1]).max() < 1, "a half texel is 14 levels"
    assert np.abs(inner[..., 1] - light * expected[1:-1, None]).max() < 1
    assert np.abs(inner[..., 2] - light * 100).max() < 1
