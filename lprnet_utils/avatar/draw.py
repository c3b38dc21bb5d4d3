"""Pictures of an avatar from any direction, with its colours or as grey clay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import rotation_matrix
from ..geometry.mesh import vertex_normals
from ..geometry.shading import CLAY, LAMP
from ..reconstruction.mesh_files import linear_light, srgb
from .hair import HAIR_CUT

if TYPE_CHECKING:
    from .avatar import Avatar

PICTURE_WIDTH_MM = 340.0  # of a whole head with its bust and hair
AMBIENT = {"clay": 0.45, "photo": 0.5}  # share of ambient light; the colours of a photo are already lit
EXPOSURE = {"clay": 1.0, "photo": 1.25}  # so that skin that faces the camera keeps about the brightness of the photo
HAIR_LIGHT = 1.6  # hair is given by its dark strands' colour: between them light comes back
GLINT = 0.8  # linear brightness of the lamp in a wet eye
GLINT_POWER = 90.0
SAMPLES = 2  # per pixel in each direction


def draw_avatar(
    avatar: Avatar,
    size: int = 400,
    yaw: float = 0.0,
    pitch: float = 0.0,
    expression: ArrayLike | dict[str, float] = (),
    clay: bool = False,
    hair: bool = True,
    width: float = PICTURE_WIDTH_MM,
) -> Image:
    """Draw an avatar on white, lit from the upper left: a picture (size, size, 3); needs numba.

    Skin, eyes, teeth, tongue, lashes and hair are drawn as the written file has them, without perspective.

    Parameters
    ----------
    avatar : Avatar
    size : int
        Side of the picture in pixels.
    yaw, pitch : float
        Degrees by which the head is turned, as in :func:`lprnet_utils.geometry.rotation_matrix`; 180 shows the back.
    expression : dict by name, or (E,) array
        See :meth:`.Avatar.vertices`. The face is at rest by default; ``avatar.seen`` is the photo's expression.
    clay : bool
        Without colours: grey, which shows nothing but the shape.
    hair : bool
        Draw hair and lashes too.
    width : float
        What the picture spans, in mm; its middle is the middle of the head.
    """
    from ..geometry.rasterizer import interpolate, rasterize  # compiled, which takes a while to import

    turn, fine = rotation_matrix(pitch, yaw, 0.0), SAMPLES * size
    middle = (avatar.rest.min(0) + avatar.rest.max(0)) / 2

    def seen(points: Array) -> NDArray[np.float64]:
        x, y, z = ((np.asarray(points, float) - middle) @ turn.T * (fine / width)).T
        return np.stack([x + fine / 2 - 0.5, fine / 2 - 0.5 - y, z], 1)

    points, (triangles, uv) = avatar.surface_points(expression), avatar.surface
    places = avatar.surface_places
    normals = vertex_normals(points, np.ascontiguousarray(places[triangles], np.int32))[places] @ turn.T
    index, bary, depth = rasterize(seen(points), triangles, fine, fine)
    last = avatar.shade if clay else _wet(avatar)
    values = np.c_[uv * len(avatar.texture) - 0.5, normals, last].astype(np.float32)
    drawn = interpolate(values, triangles, index, bary)
    picture = _lit(drawn, None if clay else avatar.texture)
    picture[index < 0] = 1.0
    if hair:
        _add_hair(picture, depth, avatar, expression, seen, turn, clay)
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return srgb(small)


def _wet(avatar: Avatar) -> NDArray[np.float32]:
    """1 at the corners (C,) of eyeballs, 0 elsewhere."""
    return np.concatenate([np.full(len(p.corner), p.name.startswith("Eye"), np.float32) for p in avatar.solid])


def _lit(drawn: Array, texture: Image | None) -> NDArray[np.float32]:
    """Linear colours (h, w, 3) of drawn places in the texture, normals and wetness (h, w, 6).

    Without a texture it is clay; the last value is then the share of the sky that is seen.
    """
    normals = drawn[..., 2:5] / np.maximum(np.linalg.norm(drawn[..., 2:5], axis=-1, keepdims=True), 1e-6)
    light = _light(normals, "photo" if texture is not None else "clay", drawn[..., 5] if texture is None else 1.0)
    light = light[..., None]
    if texture is None:
        return (linear_light(np.float32(CLAY)) * light).astype(np.float32)
    x, y = (np.ascontiguousarray(drawn[..., k]) for k in (0, 1))
    colors = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    halfway = LAMP / np.linalg.norm(LAMP) + [0, 0, 1]
    glint = GLINT * np.clip(normals @ (halfway / np.linalg.norm(halfway)), 0, 1) ** GLINT_POWER
    return (linear_light(colors) * light + (drawn[..., 5] * glint)[..., None]).astype(np.float32)


def _light(normals: Array, kind: str, open_sky: Array | float = 1.0) -> NDArray[np.float64]:
    """Light (...), 0 to the exposure, of sky and lamp on unit normals (..., 3), to which a share of the sky is open."""
    ambient = AMBIENT[kind]
    sky = (0.75 + 0.25 * normals[..., 1]) * open_sky  # a little less from below
    lamp = np.clip(normals @ (LAMP / np.linalg.norm(LAMP)), 0, 1) * np.sqrt(open_sky)  # a large lamp
    return EXPOSURE[kind] * (ambient * sky + (1 - ambient) * lamp)


def _add_hair(picture, depth, avatar: Avatar, expression, seen, turn: Array, clay: bool) -> None:
    """Draw lashes and hair over a picture (h, w, 3) in linear light, in place."""
    from ..geometry.rasterizer import draw_over

    piece, sheet = avatar.lashes
    moved = piece.vertices + np.tensordot(avatar.all_weights(expression), piece.targets, 1)
    color = linear_light(sheet[0, 0, :3])
    look = np.dstack([np.full_like(sheet[..., 3], 255), sheet[..., 3]])
    if not clay:
        draw_over(picture, depth, seen(moved), piece.triangles, np.tile(color, (len(moved), 1)), piece.uv, look, -1.0)
    if avatar.hair is None:
        return
    part = avatar.hair
    away = np.asarray(part.vertices - avatar.rest.mean(0), float)  # lit like a ball, as in generated pictures
    normals = away / np.linalg.norm(away, axis=1, keepdims=True) @ turn.T
    light = _light(normals, "clay" if clay else "photo")[:, None]
    color = linear_light(np.float32(CLAY)) if clay else HAIR_LIGHT * part.colors[0]
    draw_over(picture, depth, seen(part.vertices), part.triangles, color * light, part.uv, part.texture, HAIR_CUT)
