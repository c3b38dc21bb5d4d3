"""Wrong answers to the exercises of chapter 0: each check must say "Not yet" to all of them."""

import numpy as np


# 00-1 constant
def box_of(landmarks):
    return [0, 0, 10_000, 10_000]


# 00-1 no-op
def box_of(landmarks):
    return landmarks


# 00-1 hard-coded
def box_of(landmarks):
    return face.box


# 00-1 the whole array
def box_of(landmarks):
    return landmarks.min(), landmarks.min(), landmarks.max(), landmarks.max()


# 00-1 y first
def box_of(landmarks):
    x, y = landmarks[:, 1], landmarks[:, 0]
    return x.min(), y.min(), x.max(), y.max()


# 00-1 min and max by turns
def box_of(landmarks):
    x, y = landmarks[:, 0], landmarks[:, 1]
    return x.min(), x.max(), y.min(), y.max()


# 00-1 first and last point
def box_of(landmarks):
    return landmarks[0, 0], landmarks[0, 1], landmarks[-1, 0], landmarks[-1, 1]


# 00-2 constant
def nearest_point(position_map):
    return 225.0, 120.0


# 00-2 no-op
def nearest_point(position_map):
    return position_map


# 00-2 hard-coded
def nearest_point(position_map):
    return position_map[min(69, len(position_map) - 1), min(64, position_map.shape[1] - 1), :2]


# 00-2 row and column
def nearest_point(position_map):
    return np.unravel_index(position_map[..., 2].argmax(), position_map.shape[:2])


# 00-2 the farthest
def nearest_point(position_map):
    return position_map.reshape(-1, 3)[position_map[..., 2].argmin(), :2]


# 00-2 largest of all
def nearest_point(position_map):
    return position_map.reshape(-1, 3)[position_map.argmax() // 3, :2]


# 00-2 y first
def nearest_point(position_map):
    return position_map.reshape(-1, 3)[position_map[..., 2].argmax(), 1::-1]


# 00-2 maximum of each channel
def nearest_point(position_map):
    return position_map.max((0, 1))[:2]


# 00-3 constant
def to_photo(points, matrix):
    return np.full((len(points), 2), 256.0)


# 00-3 no-op
def to_photo(points, matrix):
    return points


# 00-3 hard-coded
def to_photo(points, matrix):
    return points / 0.9 + [150, 40]


# 00-3 forward
def to_photo(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


# 00-3 shift alone
def to_photo(points, matrix):
    return points - matrix[:, 2]


# 00-3 scale alone
def to_photo(points, matrix):
    return (points - matrix[:, 2]) / matrix[0, 0]


# 00-3 shift after
def to_photo(points, matrix):
    return points @ np.linalg.inv(matrix[:, :2]).T - matrix[:, 2]


# 00-3 transpose forgotten
def to_photo(points, matrix):
    return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2])


# 00-1 bottom before top
def box_of(landmarks):
    (left, top, _), (right, bottom, _) = landmarks.min(0), landmarks.max(0)
    return left, bottom, right, top
