"""Wrong answers to the exercises of chapter 7: each check must say "Not yet" to all of them."""

import numpy as np


# 07-1 constant
def without_pose(points, camera):
    return np.zeros_like(points)


# 07-1 no-op
def without_pose(points, camera):
    return points


# 07-1 hard-coded
def without_pose(points, camera):
    return turned.frontal()


# 07-1 no rotation
def without_pose(points, camera):
    return (points - camera.translation) / camera.scale * [1, -1, 1]


# 07-1 turned once more
def without_pose(points, camera):
    return (points - camera.translation) / camera.scale * [1, -1, 1] @ camera.rotation.T


# 07-1 y down
def without_pose(points, camera):
    return (points - camera.translation) / camera.scale @ camera.rotation


# 07-1 no scale
def without_pose(points, camera):
    return (points - camera.translation) * [1, -1, 1] @ camera.rotation


# 07-1 no shift
def without_pose(points, camera):
    return points / camera.scale * [1, -1, 1] @ camera.rotation


# 07-2 constant
def mirror_filled(texture, mask):
    return np.zeros_like(texture)


# 07-2 no-op
def mirror_filled(texture, mask):
    return texture


# 07-2 hard-coded
def mirror_filled(texture, mask):
    return filled


# 07-2 rest not black
def mirror_filled(texture, mask):
    return np.where(mask[..., None], texture, texture[:, ::-1])


# 07-2 rows reversed
def mirror_filled(texture, mask):
    other = mask[::-1] & ~mask
    return np.where(mask[..., None], texture, np.where(other[..., None], texture[::-1], 0)).astype(np.uint8)


# 07-2 the right half only
def mirror_filled(texture, mask):
    half = texture[:, texture.shape[1] // 2 :]
    return np.concatenate([half[:, ::-1][:, : texture.shape[1] - half.shape[1]], half], axis=1)


# 07-3 constant
def brightness(normals, toward, ambient):
    return np.full(len(normals), 0.5)


# 07-3 no-op
def brightness(normals, toward, ambient):
    return np.full(len(normals), ambient)


# 07-3 hard-coded
def brightness(normals, toward, ambient):
    return 0.35 + 0.65 * np.clip(normals @ toward / np.linalg.norm(toward), 0, 1)


# 07-3 lamp of any length
def brightness(normals, toward, ambient):
    return ambient + (1 - ambient) * np.clip(normals @ toward, 0, None)


# 07-3 light from behind
def brightness(normals, toward, ambient):
    return ambient + (1 - ambient) * (normals @ toward / np.linalg.norm(toward))


# 07-3 both sides lit
def brightness(normals, toward, ambient):
    return ambient + (1 - ambient) * np.abs(normals @ toward / np.linalg.norm(toward))


# 07-3 too bright
def brightness(normals, toward, ambient):
    return ambient + np.clip(normals @ toward / np.linalg.norm(toward), 0, 1)


# 07-4 constant
def mouth_of(source, target):
    return {name: 0.0 for name in target}


# 07-4 no-op
def mouth_of(source, target):
    return dict(target)


# 07-4 hard-coded
def mouth_of(source, target):
    return target | {"jawOpen": 0.6}


# 07-4 jawOpen alone
def mouth_of(source, target):
    return target | {"jawOpen": source["jawOpen"]}


# 07-4 jaw forgotten
def mouth_of(source, target):
    return {name: source[name] if name.startswith("mouth") else target[name] for name in target}


# 07-4 the wrong way round
def mouth_of(source, target):
    return {name: target[name] if name.startswith(("mouth", "jaw")) else source[name] for name in target}


# 07-4 mouth and jaw alone
def mouth_of(source, target):
    return {name: source[name] for name in target if name.startswith(("mouth", "jaw"))}


# 07-2 rows of texture and mask reversed
def mirror_filled(texture, mask):
    other = np.where(mask[::-1, :, None], texture[::-1], 0)
    return np.where(mask[..., None], texture, other)


# 07-3 the product is cut, not divided by the length
def brightness(normals, toward, ambient):
    return ambient + (1 - ambient) * np.clip(normals @ toward, 0, 1)
