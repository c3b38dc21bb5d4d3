"""Edit a photo with its 3D face: paint on the skin, relight it, swap faces.

Change or swap the faces only of people who agreed to it, say openly that a picture was edited, and never let someone
appear to say or do what they did not.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.images import read_image
from ..geometry.landmarks import BROWS, EYES
from ..geometry.shading import GAMMA, sh_basis
from ..reconstruction.face import Face
from ..uv.maps import SURFACE
from ..uv.texture import photo_to_texture, texel_normals

MAX_SWAP_ANGLES = {"yaw": 40.0, "pitch": 30.0}  # degrees: beyond these, half of the face would be invented
MIN_SWAP_HEIGHT = 40.0  # pixels from brows to chin
MIN_LIGHT_COSINE = 0.2  # of a normal to the camera, for a texel from which the light is estimated
MIN_LIGHT = 0.15  # of the estimated light, relative to its mean
MAX_LIGHT_RATIO = 2.2  # of the new light to the old
NORMAL_BLUR = 2.0  # texels: hides folds such as those of the eyelids from the light
LIGHT_FADE_WIDTH = 0.1  # of the face's height: the new light fades toward the outline over this distance
MAX_CLONE_SIZE = 320  # pixels: the colour shift of a swap is smooth, so a small picture is enough


def paint(face: Face, texture: ArrayLike, image: Image | None = None) -> Image:
    """The photo (H, W, 3) with an edited texture on the face: make-up, a drawing, a mask.

    The difference between the texture and :meth:`Face.texture` of the same size is added to the photo. An unchanged
    texture therefore changes no pixel, and fine detail of the photo stays. Changes fade toward the visible outline of
    the face, where the position map is not exact enough for painting.

    Parameters
    ----------
    face : Face
    texture : (S, S, 3) uint8
    image : (H, W, 3) uint8, optional
        Paint on this picture instead of the face's photo, such as the result for another face of the photo.

    Raises
    ------
    ValueError
        If the texture is not square or not uint8, or the image has another size than the photo.
    """
    texture = np.asarray(texture)
    if texture.ndim != 3 or texture.shape != (len(texture), len(texture), 3) or texture.dtype != np.uint8:
        raise ValueError(f"a texture is (S, S, 3) uint8, got {texture.shape} {texture.dtype}; edit face.texture()")
    change = texture.astype(np.float32) - face.texture(len(texture))
    drawn, region = face.draw(np.concatenate([face.layout.texel_uv[..., :2], face.trust[..., None]], -1))
    out = _canvas(face, image)
    changed = out[region] + np.nan_to_num(drawn[..., 2:]) * _sample_texture(change, drawn)
    out[region] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return out


def relight(
    face: Face, toward: ArrayLike = (-1.0, 0.6, 1.0), ambient: float = 0.35, color: ArrayLike = (1.0, 1.0, 1.0),
    image: Image | None = None,
) -> Image:  # fmt: skip
    """The photo with the face in another light.

    The light of the photo is estimated as spherical harmonics of the surface's normals, assuming skin of one colour.
    Each pixel is multiplied by the ratio of the new light to the old (the ratio image of Wen, Liu and Huang, Face
    relighting with radiance environment maps, CVPR 2003). Hair, neck and background keep their light. There are no cast
    shadows.

    Parameters
    ----------
    face : Face
    toward : (3,) array
        Direction from the face toward the lamp: x right in the picture, y up, z toward the camera.
    ambient : float
        Share of the light that comes from all directions, 0 to 1.
    color : (3,) array
        Of the lamp; the mean brightness of the face stays the same.
    image : (H, W, 3) uint8, optional
        See :func:`paint`.

    Raises
    ------
    ValueError
        If the direction is zero or not finite, or ambient is not from 0 to 1.
    """
    toward, color = np.asarray(toward, float), np.asarray(color, float)
    if toward.shape != (3,) or not np.isfinite(toward).all() or not toward.any():
        raise ValueError(f"the direction toward the lamp is three numbers, not all 0, got {toward.tolist()}")
    if color.shape != (3,) or not (np.isfinite(color) & (color >= 0)).all() or not color.any():
        raise ValueError(f"the lamp's colour is three numbers from 0 on, not all 0, got {color.tolist()}")
    if not 0 <= ambient <= 1:
        raise ValueError(f"ambient is a share of the light from 0 to 1, not {ambient}")
    ratio = _light_ratio(face, toward / np.linalg.norm(toward), ambient, color)
    drawn, region = face.draw(ratio)
    out, inside = _canvas(face, image), np.isfinite(drawn[..., 0])
    opacity = _fade_toward_outline(inside, LIGHT_FADE_WIDTH * np.ptp(face.vertices[:, 1]))
    light = _to_linear(out[region]) * (1 + opacity * (np.nan_to_num(drawn) - 1))
    out[region] = np.rint(255 * np.clip(light, 0, 1) ** (1 / GAMMA)).astype(np.uint8)
    return out


def _light_ratio(face: Face, toward: Array, ambient: float, color: Array) -> Array:
    """New light over old light (N*N, 3) at the texels; ``toward`` is a unit vector."""
    layout = face.layout
    normals = cv2.GaussianBlur(texel_normals(face.position_map, layout), (0, 0), NORMAL_BLUR).reshape(-1, 3)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    facing = face.texels_visible.ravel() & (normals[:, 2] > MIN_LIGHT_COSINE)
    skin = np.flatnonzero((layout.kind == SURFACE).ravel() & facing)
    if len(skin) < 100:
        raise ValueError("too little of the face is visible to estimate its light")
    colors = photo_to_texture(face.image, face.position_map, layout, layout.size)
    brightness = _to_linear(colors).mean(-1).ravel()
    basis = sh_basis(normals).astype(float)
    old = basis @ _fit_harmonics(basis[skin], brightness[skin])
    old = np.maximum(old / old[skin].mean(), MIN_LIGHT)
    lamp = np.clip(normals @ toward, 0, None)[:, None]
    new = ambient + (1 - ambient) * lamp * color / color.mean()
    if not (mean := new[skin].mean()) > 0:
        raise ValueError("this lamp lights nothing of the face that the photo shows: give some ambient light")
    return np.minimum(new / mean / old[:, None], MAX_LIGHT_RATIO)


def _fit_harmonics(basis: Array, brightness: Array) -> Array:
    """Spherical harmonics (9,) of the light on skin texels, from their basis (n, 9) and brightness (n,)."""
    weight = np.ones(len(basis))
    for _ in range(5):  # brows, lips and hair fit badly: reweighted least squares give them small weights
        rows = basis * weight[:, None]
        harmonics = np.linalg.solve(rows.T @ basis + 1e-2 * len(basis) * np.diag([0] + 8 * [1]), rows.T @ brightness)
        residual = np.abs(basis @ harmonics - brightness)
        weight = 1 / (1 + (residual / (2 * np.median(residual) + 1e-6)) ** 2)
    return harmonics


def _fade_toward_outline(inside: NDArray[np.bool_], width: float) -> Array:
    """Opacity (h, w, 1) that rises smoothly from 0 at the outline of a mask to 1 at a distance of ``width`` pixels."""
    padded = np.pad(inside.astype(np.uint8), 1)
    distance = np.clip(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] / width, 0, 1)[..., None]
    return distance * distance * (3 - 2 * distance)


def swap_face(source: Face, target: Face, image: Image | None = None) -> Image:
    """The target's photo with the source's face: its texture on the target's shape, pose and expression.

    The face is replaced from brows to chin and blended without a seam (Perez, Gangnet and Blake, Poisson image editing,
    SIGGRAPH 2003, by OpenCV's ``seamlessClone``). Call it twice to exchange two faces.

    Both people must have agreed. Say that the picture is a swap wherever you show it.

    Parameters
    ----------
    source, target : Face
    image : (H, W, 3) uint8, optional
        See :func:`paint`; it has the size of the target's photo.

    Raises
    ------
    ValueError
        If either face has more than 40 degrees of yaw or 30 of pitch, or less than 40 pixels from brows to chin.
    """
    for name, face in (("source", source), ("target", target)):
        _check_swappable(name, face)
    size = int(np.clip(2 * np.ptp(target.landmarks[:, 1]), 256, 1024))
    drawn, region = target.draw(target.layout.texel_uv)
    out = _canvas(target, image)
    background = out[region]
    transferred = np.clip(_sample_texture(source.texture(size).astype(np.float32), drawn), 0, 255)
    mask = _swap_mask(target.landmarks[:, :2] - [region[1].start, region[0].start], np.isfinite(drawn[..., 0]))
    if mask.any():
        transferred = _match_colors(transferred, background, mask > 0)
    out[region] = _clone_seamlessly(transferred, background, mask)
    return out


def _check_swappable(name: str, face: Face) -> None:
    for axis, limit in MAX_SWAP_ANGLES.items():
        angle = getattr(face.pose, axis)
        if abs(angle) > limit:
            why = f"{axis} {angle:.0f} degrees, at most {limit:.0f}; choose a photo that looks more toward the camera"
            raise ValueError(f"the {name} face is too turned to be swapped: {why}")
    height = float(np.ptp(face.landmarks[:, 1]))
    if height < MIN_SWAP_HEIGHT:
        why = f"{height:.0f} pixels from brows to chin, at least {MIN_SWAP_HEIGHT:.0f}; choose a larger photo"
        raise ValueError(f"the {name} face is too small to be swapped: {why}")


def _swap_mask(landmarks: Array, inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Mask (h, w), 0 or 255, of the face from a little above the brows to the chin, inside the drawn face."""
    above_brows = landmarks[BROWS] + 0.6 * (landmarks[BROWS] - landmarks[EYES].mean(0)) * [0, 1]
    hull = cv2.convexHull(np.rint(np.concatenate([landmarks, above_brows])).astype(np.int32))
    mask = np.zeros(inside.shape, np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    mask[~inside] = 0
    return mask


def _match_colors(transferred: Array, background: Image, inside: NDArray[np.bool_]) -> Array:
    """Give the transferred face the mean and, within limits, the contrast of the background inside the mask."""
    # otherwise an overexposed face would be too harsh in a dark photo (Reinhard et al., Color transfer, 2001)
    target_mean, target_spread = background[inside].mean(0), background[inside].std(0)
    mean, spread = transferred[inside].mean(0), transferred[inside].std(0)
    contrast = np.clip(target_spread / np.maximum(spread, 1), 0.5, 1.5)
    return np.clip((transferred - mean) * contrast + target_mean, 0, 255)


def _clone_seamlessly(transferred: Array, background: Image, mask: Image) -> Image:
    """Paste ``transferred`` where the mask is, with a smooth colour shift that makes the edges meet."""
    full = mask.shape[::-1]
    size = np.maximum(np.rint(np.array(full) * min(1.0, MAX_CLONE_SIZE / max(full))), 8).astype(int).tolist()
    pictures = np.rint(transferred).astype(np.uint8), background, mask
    small, small_background, small_mask = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in pictures)
    margin = max(round(0.015 * size[1]), 1)  # hair may cover the outline of a face, or the outline be inexact
    kernel = np.ones((2 * margin + 1,) * 2)
    inside = cv2.erode(small_mask // 255 * 255, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    x, y, w, h = cv2.boundingRect(inside)
    if not w:
        return background
    opacity = cv2.GaussianBlur(cv2.erode(inside, kernel) / np.float32(255), (0, 0), margin)
    # seamlessClone writes into its mask, so it gets a copy
    clone = cv2.seamlessClone(small, small_background, inside.copy(), (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)
    smooth = cv2.resize(np.dstack([clone.astype(np.float32) - small, opacity]), full, interpolation=cv2.INTER_LINEAR)
    shift, opacity = smooth[..., :3], smooth[..., 3:]
    return np.clip(np.rint(background + opacity * (transferred + shift - background)), 0, 255).astype(np.uint8)


def _canvas(face: Face, image: Image | None) -> Image:
    picture = face.image if image is None else read_image(image)
    if picture.shape != face.image.shape:
        raise ValueError(f"the image has shape {picture.shape}, the photo of this face {face.image.shape}")
    return picture.copy()


def _sample_texture(texture: Array, drawn: Array) -> NDArray[np.float32]:
    """A texture (S, S, C) at the UV coordinates in the first two channels of ``drawn``."""
    x, y = (np.nan_to_num(drawn[..., k]) * len(texture) - np.float32(0.5) for k in (0, 1))
    return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _to_linear(colors: ArrayLike) -> Array:
    return (np.asarray(colors, np.float32) / 255) ** GAMMA
