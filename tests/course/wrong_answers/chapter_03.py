"""Wrong answers to the exercises of chapter 3: each check must say "Not yet" to all of them."""

import numpy as np


# 03-1 constant
def irradiance(light, normals):
    return np.ones((len(normals), 3))


# 03-1 no-op
def irradiance(light, normals):
    return sh_basis(normals) @ light.harmonics


# 03-1 hard-coded
def irradiance(light, normals):
    return sh_basis(normals) @ (A[:, None] * lights["even"].harmonics)


# 03-1 the same factor for all
def irradiance(light, normals):
    return sh_basis(normals) @ (2 / 3 * light.harmonics)


# 03-1 factors twice
def irradiance(light, normals):
    return (A * sh_basis(normals)) @ (A[:, None] * light.harmonics)


# 03-1 constant and linear part alone
def irradiance(light, normals):
    return (sh_basis(normals) * A)[:, :4] @ light.harmonics[:4]


# 03-1 no surface is dark
def irradiance(light, normals):
    return np.maximum(sh_basis(normals) @ (A[:, None] * light.harmonics), 0)


# 03-1 factors upside down
def irradiance(light, normals):
    return sh_basis(normals) @ (A[::-1, None] * light.harmonics)


# 03-2 constant
def my_mirror_map(position_map, width):
    return np.full_like(position_map, width / 2)


# 03-2 no-op
def my_mirror_map(position_map, width):
    return position_map.copy()


# 03-2 hard-coded
def my_mirror_map(position_map, width):
    flipped = position_map[:, ::-1].copy()
    flipped[..., 0] = 127 - flipped[..., 0]
    return flipped


# 03-2 x alone
def my_mirror_map(position_map, width):
    flipped = position_map.copy()
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped


# 03-2 columns alone
def my_mirror_map(position_map, width):
    return position_map[:, ::-1].copy()


# 03-2 one pixel off
def my_mirror_map(position_map, width):
    flipped = position_map[:, ::-1].copy()
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


# 03-2 rows
def my_mirror_map(position_map, width):
    flipped = position_map[::-1].copy()
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped


# 03-2 in place
def my_mirror_map(position_map, width):
    position_map[..., 0] = width - 1 - position_map[..., 0]
    return position_map[:, ::-1]


# 03-2 minus x
def my_mirror_map(position_map, width):
    return position_map[:, ::-1] * [-1, 1, 1]


# 03-3 constant
def balanced(tones, edges):
    return np.full(len(tones), 1 / len(tones))


# 03-3 no-op
def balanced(tones, edges):
    return tones


# 03-3 hard-coded
def balanced(tones, edges):
    group = np.digitize(tones, EDGES[1:-1])
    weights = 1 / np.bincount(group, minlength=5)[group]
    return weights / weights.sum()


# 03-3 not normalised
def balanced(tones, edges):
    group = np.digitize(tones, edges[1:-1])
    return 1 / np.bincount(group)[group]


# 03-3 the wrong way round
def balanced(tones, edges):
    group = np.digitize(tones, edges[1:-1])
    weights = np.bincount(group)[group].astype(float)
    return weights / weights.sum()


# 03-3 root of the count
def balanced(tones, edges):
    group = np.digitize(tones, edges[1:-1])
    weights = 1 / np.sqrt(np.bincount(group)[group])
    return weights / weights.sum()


# 03-3 all edges
def balanced(tones, edges):
    group = np.digitize(tones, edges[2:])
    weights = 1 / np.bincount(group)[group]
    return weights / weights.sum()


# 03-3 one for each range
def balanced(tones, edges):
    group = np.digitize(tones, edges[1:-1])
    _, first = np.unique(group, return_index=True)
    weights = np.zeros(len(tones))
    weights[first] = 1 / len(first)
    return weights
