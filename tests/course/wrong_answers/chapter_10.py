"""Wrong answers to the exercises of chapter 10: each check must say "Not yet" to all of them."""

import numpy as np


# 10-1 constant
def cell_areas(position_map):
    return np.ones((len(position_map) - 1, len(position_map) - 1))


# 10-1 no-op
def cell_areas(position_map):
    return position_map


# 10-1 hard-coded
def cell_areas(position_map):
    return np.full((len(position_map) - 1, len(position_map) - 1), 3.4)


# 10-1 length times width
def cell_areas(position_map):
    across = np.linalg.norm(np.diff(position_map, axis=1), axis=2)[:-1]
    down = np.linalg.norm(np.diff(position_map, axis=0), axis=2)[:, :-1]
    return across * down


# 10-1 one triangle
def cell_areas(position_map):
    a, b, c = position_map[:-1, :-1], position_map[1:, :-1], position_map[:-1, 1:]
    return np.linalg.norm(np.cross(b - a, c - a), axis=2) / 2


# 10-1 in the picture plane
def cell_areas(position_map):
    a, b, c = position_map[:-1, :-1], position_map[1:, :-1], position_map[:-1, 1:]
    return np.abs(np.cross(b - a, c - a)[..., 2])


# 10-1 a parallelogram
def cell_areas(position_map):
    a, b, c = position_map[:-1, :-1], position_map[1:, :-1], position_map[:-1, 1:]
    return np.linalg.norm(np.cross(b - a, c - a), axis=2) + 0.1


# 10-2 constant
def bend(points, weights, pivot, rotation):
    return np.zeros_like(points)


# 10-2 no-op
def bend(points, weights, pivot, rotation):
    return points


# 10-2 hard-coded
def bend(points, weights, pivot, rotation):
    return points @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


# 10-2 about the origin
def bend(points, weights, pivot, rotation):
    return points + weights[:, None] * (points @ rotation.T - points)


# 10-2 the wrong way
def bend(points, weights, pivot, rotation):
    return points + weights[:, None] * ((points - pivot) @ rotation + pivot - points)


# 10-2 all or nothing
def bend(points, weights, pivot, rotation):
    return np.where(weights[:, None] > 0.5, (points - pivot) @ rotation.T + pivot, points)


# 10-2 weights forgotten
def bend(points, weights, pivot, rotation):
    return (points - pivot) @ rotation.T + pivot


# 10-3 constant
def predict_left(predict, crop):
    return np.zeros(crop.shape)


# 10-3 no-op
def predict_left(predict, crop):
    return predict(crop)


# 10-3 hard-coded
def predict_left(predict, crop):
    return predict(crop[:, ::-1]) * [-1, 1, 1] + [63, 0, 0]


# 10-3 not mirrored back
def predict_left(predict, crop):
    return predict(crop[:, ::-1])


# 10-3 as for a face
def predict_left(predict, crop):
    return predict(crop[:, ::-1])[:, ::-1] * [-1, 1, 1] + [crop.shape[1] - 1, 0, 0]


# 10-3 off by one
def predict_left(predict, crop):
    return predict(crop[:, ::-1]) * [-1, 1, 1] + [crop.shape[1], 0, 0]


# 10-3 upside down
def predict_left(predict, crop):
    return predict(crop[::-1]) * [-1, 1, 1] + [crop.shape[1] - 1, 0, 0]


# 10-4 constant
def touches(points, uv, near, far):
    return np.zeros(len(points), bool)


# 10-4 no-op
def touches(points, uv, near, far):
    return points


# 10-4 hard-coded
def touches(points, uv, near, far):
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    return ((distance < 4) & (np.linalg.norm(uv[:, None] - uv, axis=2) > 0.1)).any(1)


# 10-4 near in space alone
def touches(points, uv, near, far):
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    return ((distance < near) & ~np.eye(len(points), dtype=bool)).any(1)


# 10-4 the nearest one alone
def touches(points, uv, near, far):
    distance = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(len(points))
    nearest = distance.argmin(1)
    return (distance.min(1) < near) & (np.linalg.norm(uv - uv[nearest], axis=1) > far)


# 10-4 in the picture plane
def touches(points, uv, near, far):
    distance = np.linalg.norm(points[:, None, :2] - points[:, :2], axis=2)
    return ((distance < near) & (np.linalg.norm(uv[:, None] - uv, axis=2) > far)).any(1)


# 10-1 twice the first triangle
def cell_areas(position_map):
    corner, down, across = position_map[:-1, :-1], position_map[1:, :-1], position_map[:-1, 1:]
    return np.linalg.norm(np.cross(down - corner, across - corner), axis=2)


# 10-1 half the product of the diagonals
def cell_areas(position_map):
    one = position_map[1:, 1:] - position_map[:-1, :-1]
    other = position_map[1:, :-1] - position_map[:-1, 1:]
    return np.linalg.norm(np.cross(one, other), axis=2) / 2


# 10-1 the other diagonal
def cell_areas(position_map):
    a, b, c, d = position_map[:-1, :-1], position_map[:-1, 1:], position_map[1:, :-1], position_map[1:, 1:]
    areas = (np.linalg.norm(np.cross(one - a, d - a), axis=2) / 2 for one in (b, c))
    return sum(areas)
