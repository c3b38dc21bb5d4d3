"""Wrong answers to the exercises of chapter 2: each check must say "Not yet" to all of them."""

import numpy as np


# 02-1 constant
def skin_area(position_map):
    return 419.0


# 02-1 no-op
def skin_area(position_map):
    return areas(layout.points(position_map), layout.triangles)


# 02-1 hard-coded
def skin_area(position_map):
    return areas(layout.points(layout.mean_map), layout.triangles).sum() / 100


# 02-1 square millimetres
def skin_area(position_map):
    return areas(layout.points(position_map), layout.triangles).sum()


# 02-1 seen from the front
def skin_area(position_map):
    points = layout.points(position_map) * [1, 1, 0]
    return areas(points, layout.triangles).sum() / 100


# 02-1 square centimetres by ten
def skin_area(position_map):
    return areas(layout.points(position_map), layout.triangles).sum() / 10


# 02-1 parallelograms
def skin_area(position_map):
    return 2 * areas(layout.points(position_map), layout.triangles).sum() / 100


# 02-1 triangles of the mesh
def skin_area(position_map):
    return areas(layout.map_to_vertices(position_map), model.triangles).sum() / 100


# 02-2 constant
def read_between(position_map, u, v):
    return np.zeros(3)


# 02-2 no-op
def read_between(position_map, u, v):
    return position_map


# 02-2 hard-coded
def read_between(position_map, u, v):
    return position_map[round(v * 20 - 0.5) % len(position_map), round(u * 20 - 0.5) % len(position_map)]


# 02-2 nearest
def read_between(position_map, u, v):
    size = len(position_map)
    return position_map[round(v * size - 0.5), round(u * size - 0.5)]


# 02-2 mean of four
def read_between(position_map, u, v):
    size = len(position_map)
    i, j = int(v * size - 0.5), int(u * size - 0.5)
    return position_map[i : i + 2, j : j + 2].mean((0, 1))


# 02-2 along a row alone
def read_between(position_map, u, v):
    size = len(position_map)
    column, row = u * size - 0.5, v * size - 0.5
    i, j = round(row), int(column)
    a = column - j
    return (1 - a) * position_map[i, j] + a * position_map[i, j + 1]


# 02-2 half a texel off
def read_between(position_map, u, v):
    size = len(position_map)
    column, row = u * size, v * size
    i, j = int(row), int(column)
    a, b = column - j, row - i
    four = position_map[i : i + 2, j : j + 2]
    return np.einsum("i,j,ijk", [1 - b, b], [1 - a, a], four)


# 02-2 weights the wrong way round
def read_between(position_map, u, v):
    size = len(position_map)
    column, row = u * size - 0.5, v * size - 0.5
    i, j = int(row), int(column)
    a, b = column - j, row - i
    four = position_map[i : i + 2, j : j + 2]
    return np.einsum("i,j,ijk", [b, 1 - b], [a, 1 - a], four)


# 02-2 u is the row
def read_between(position_map, u, v):
    size = len(position_map)
    column, row = v * size - 0.5, u * size - 0.5
    i, j = int(row), int(column)
    a, b = column - j, row - i
    four = position_map[i : i + 2, j : j + 2]
    return np.einsum("i,j,ijk", [1 - b, b], [1 - a, a], four)


# 02-3 constant
def texture(image, position_map):
    return np.full((*position_map.shape[:2], 3), 128, np.uint8)


# 02-3 no-op
def texture(image, position_map):
    return image


# 02-3 hard-coded
def texture(image, position_map):
    row, column = position_map[..., 1].astype(int), position_map[..., 0].astype(int)
    return image[row.clip(0, 127) % len(image), column.clip(0, 127) % image.shape[1]]


# 02-3 x is the row
def texture(image, position_map):
    row, column = np.rint(position_map[..., :2]).astype(int).transpose(2, 0, 1)
    height, width = image.shape[:2]
    return image[row.clip(0, height - 1), column.clip(0, width - 1)]


# 02-3 edges forgotten
def texture(image, position_map):
    column, row = np.rint(position_map[..., :2]).astype(int).transpose(2, 0, 1)
    return image[row % len(image), column % image.shape[1]]


# 02-3 rounded down
def texture(image, position_map):
    column, row = position_map[..., :2].astype(int).transpose(2, 0, 1)
    height, width = image.shape[:2]
    return image[row.clip(0, height - 1), column.clip(0, width - 1)]


# 02-3 edges by size
def texture(image, position_map):
    column, row = np.rint(position_map[..., :2]).astype(int).transpose(2, 0, 1)
    return image[row.clip(0, 127), column.clip(0, 127)]
