"""What a 3D face lets one do to its photo: paint on the skin, light it anew, put on another person's face.

A face is its owner's. Change or swap faces only of people who agreed to it, say openly that a picture was made this
way, and never use it to let someone appear to say or do what they did not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..geometry.landmarks import BROWS, EYES
from ..reconstruction.face import Face
from ..uv.texels import SURFACE
from ..uv.texture import texel_normals

MOST_TURNED = {"yaw": 40.0, "pitch": 30.0}  # degrees: beyond, half of a face would be invented
SMALLEST = 40.0  # pixels from brows to chin: below, there is nothing to show
DARKEST, STRONGEST = 0.15, 2.2  # of the estimated light against its mean, and of the change of light
SMOOTH = 2.0  # texels: light knows nothing of the folds of a lid
RIM = 0.1  # of the face's height, from its outline: where new light fades into the old
CLONED = 320  # pixels: the colour shift of a swap is smooth, so a larger picture need not be solved for


def paint(face: Face, texture: ArrayLike, image: Image | None = None) -> Image:
    """The photo with an edited texture on the face: make-up, a drawing, a mask.

    What was changed against :meth:`Face.texture` of the same size is carried into the photo, so that an unchanged
    texture leaves every pixel as it is, and fine detail of the photo stays. Changes fade toward the outline of what the
    camera sees, where a map is not exact enough to paint by.

    Parameters
    ----------
    face : Face
    texture : (S, S, 3) uint8
    image : (H, W, 3) uint8, optional
        To paint on, instead of the face's own photo: the result for another face of it.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    ValueError
        For a texture that is not square or not uint8, or an image of another size than the photo.
    """
    texture = np.asarray(texture)
    if texture.ndim != 3 or texture.shape != (len(texture), len(texture), 3) or texture.dtype != np.uint8:
        raise ValueError(f"a texture is (S, S, 3) uint8, got {texture.shape} {texture.dtype}; edit face.texture()")
    change = texture.astype(np.float32) - face.texture(len(texture))
    drawn, region = face.draw(np.concatenate([face.layout.texel_uv[..., :2], face.trust[..., None]], -1))
    out = _canvas(face, image)
    changed = out[region] + np.nan_to_num(drawn[..., 2:]) * _read(change, drawn)
    out[region] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return out


def relight(
    face: Face,
    toward: ArrayLike = (-1.0, 0.6, 1.0),
    ambient: float = 0.35,
    color: ArrayLike = (1.0, 1.0, 1.0),
    image: Image | None = None,
) -> Image:
    """The photo with the face in another light.

    The light of the photo is estimated as spherical harmonics of the surface's normals, as if the skin had one colour;
    each pixel is multiplied by the new light over the old (the ratio image of Wen, Liu and Huang, Face relighting with
    radiance environment maps, CVPR 2003). Hair, neck and background keep their light; there are no cast shadows.

    Parameters
    ----------
    face : Face
    toward : (3,) array
        Direction toward the lamp, seen from the face: x right in the picture, y up, z toward the camera.
    ambient : float
        Share of the light that comes from everywhere, 0 to 1.
    color : (3,) array
        Of the lamp; the face's mean brightness stays.
    image : (H, W, 3) uint8, optional
        See :func:`paint`.

    Raises
    ------
    ValueError
        If the direction is zero or not finite, or ambient is not from 0 to 1.
    """
    from ..geometry.shading import sh_basis

    toward, color = np.asarray(toward, float), np.asarray(color, float)
    if toward.shape != (3,) or not np.isfinite(toward).all() or not toward.any():
        raise ValueError(f"the direction toward the lamp is three numbers, not all 0, got {toward.tolist()}")
    if not 0 <= ambient <= 1:
        raise ValueError(f"ambient is a share of the light from 0 to 1, not {ambient}")
    layout = face.layout
    normals = cv2.GaussianBlur(texel_normals(face.position_map, layout), (0, 0), SMOOTH).reshape(-1, 3)
    normals, trust = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6), face.trust.ravel()
    basis = sh_basis(normals).astype(float)
    level = _linear(face.texture(layout.size)).mean(-1).ravel()
    skin = np.flatnonzero((layout.kind == SURFACE).ravel() & (trust > 0.5))
    if len(skin) < 100:
        raise ValueError("too little of the face is seen to tell its light")
    weight = np.ones(len(skin))
    for _ in range(5):  # brows, lips and hair are no skin: what does not fit counts less
        rows = basis[skin] * weight[:, None]
        harmonics = np.linalg.solve(
            rows.T @ basis[skin] + 1e-2 * len(skin) * np.diag([0] + 8 * [1]), rows.T @ level[skin]
        )
        off = np.abs(basis[skin] @ harmonics - level[skin])
        weight = 1 / (1 + (off / (2 * np.median(off) + 1e-6)) ** 2)
    old = basis @ harmonics
    old = np.maximum(old / old[skin].mean(), DARKEST)
    lamp = np.clip(normals @ (toward / np.linalg.norm(toward)), 0, None)[:, None]
    new = ambient + (1 - ambient) * lamp * color / color.mean()
    ratio = np.minimum(new / new[skin].mean() / old[:, None], STRONGEST)
    drawn, region = face.draw(ratio)
    out, inside = _canvas(face, image), np.pad(np.isfinite(drawn[..., 0]).astype(np.uint8), 1)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1] / (RIM * np.ptp(face.vertices[:, 1]))
    rim = np.clip(depth, 0, 1)[..., None]
    share = 1 + rim * rim * (3 - 2 * rim) * (np.nan_to_num(drawn) - 1)
    out[region] = _srgb(_linear(out[region]) * share)
    return out


def swap_face(source: Face, target: Face, image: Image | None = None) -> Image:
    """The target's photo with the source's face: its texture on the target's shape, pose and expression.

    From brows to chin, blended without a seam (Perez, Gangnet and Blake, Poisson image editing, SIGGRAPH 2003, by
    OpenCV's ``seamlessClone``). For both to change places call it twice.

    Both people must have agreed; say that the picture is a swap wherever it is shown.

    Parameters
    ----------
    source, target : Face
    image : (H, W, 3) uint8, optional
        See :func:`paint`; of the size of the target's photo.

    Raises
    ------
    ValueError
        If either face is turned by more than 40 degrees of yaw or 30 of pitch, or is smaller than 40 pixels from brows
        to chin: too little of it is seen to be worn or to wear another.
    """
    for name, face in (("source", source), ("target", target)):
        for axis, limit in MOST_TURNED.items():
            angle = getattr(face.pose, axis)
            if abs(angle) > limit:
                raise ValueError(
                    f"the {name} face is too turned to be swapped: {axis} {angle:.0f} degrees, at most {limit:.0f}; "
                    "choose a photo that looks more toward the camera"
                )
        height = float(np.ptp(face.landmarks[:, 1]))
        if height < SMALLEST:
            raise ValueError(
                f"the {name} face is too small to be swapped: {height:.0f} pixels from brows to chin, at least "
                f"{SMALLEST:.0f}; choose a larger photo"
            )
    size = int(np.clip(2 * np.ptp(target.landmarks[:, 1]), 256, 1024))
    drawn, region = target.draw(target.layout.texel_uv)
    out = _canvas(target, image)
    under = out[region]
    worn = np.clip(_read(source.texture(size).astype(np.float32), drawn), 0, 255)
    points = target.landmarks[:, :2] - [region[1].start, region[0].start]
    lifted = points[BROWS] + 0.6 * (points[BROWS] - points[EYES].mean(0)) * [0, 1]
    hull = cv2.convexHull(np.rint(np.concatenate([points, lifted])).astype(np.int32))
    mask = np.zeros(under.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    mask[np.isnan(drawn[..., 0])] = 0
    if mask.any():  # an overexposed face would be too harsh in a dark photo (Reinhard and others, Color transfer, 2001)
        (middle, spread), (own, wide) = ((x[mask > 0].mean(0), x[mask > 0].std(0)) for x in (under, worn))
        worn = np.clip((worn - own) * np.clip(spread / np.maximum(wide, 1), 0.5, 1.5) + middle, 0, 255)
    out[region] = _cloned(worn, under, mask)
    return out


def _cloned(worn: Array, under: Image, mask: Image) -> Image:
    """``worn`` in ``under`` where the mask is, its colours shifted smoothly so that they meet at the edge."""
    full = mask.shape[::-1]
    size = np.maximum(np.rint(np.array(full) * min(1.0, CLONED / max(full))), 8).astype(int).tolist()
    small, ground = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (np.rint(worn).astype(np.uint8), under))
    inside = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) // 255 * 255
    margin = max(round(0.015 * size[1]), 1)  # the very edge of a face may be hair, or not there
    square = np.ones((2 * margin + 1,) * 2)
    inside = cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    x, y, w, h = cv2.boundingRect(inside)
    if not w:
        return under
    soft = cv2.GaussianBlur(cv2.erode(inside, square) / np.float32(255), (0, 0), margin)
    # OpenCV writes into the mask that it is given
    clone = cv2.seamlessClone(small, ground, inside.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
    smooth = cv2.resize(np.dstack([clone.astype(np.float32) - small, soft]), full, interpolation=cv2.INTER_LINEAR)
    return np.clip(np.rint(under + smooth[..., 3:] * (worn + smooth[..., :3] - under)), 0, 255).astype(np.uint8)


def _canvas(face: Face, image: Image | None) -> Image:
    if image is not None and np.shape(image) != face.image.shape:
        raise ValueError(f"the image has shape {np.shape(image)}, the photo of this face {face.image.shape}")
    return np.array(face.image if image is None else image)


def _read(texture: Array, drawn: Array) -> NDArray[np.float32]:
    """A texture (S, S, C) at the places (u, v) that the first two channels of ``drawn`` hold."""
    x, y = (np.nan_to_num(drawn[..., k]) * len(texture) - np.float32(0.5) for k in (0, 1))
    return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _linear(colors: ArrayLike) -> Array:
    return (np.asarray(colors, np.float32) / 255) ** 2.2


def _srgb(light: Array) -> Image:
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)
