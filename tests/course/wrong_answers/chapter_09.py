"""Wrong answers to the exercises of chapter 9: each check must say "Not yet" to all of them."""

import numpy as np


# 09-1 constant
def stored(kernel, bits):
    return np.zeros_like(kernel)


# 09-1 no-op
def stored(kernel, bits):
    return kernel


# 09-1 hard-coded
def stored(kernel, bits):
    step = np.abs(kernel).max(axis=0) / 127
    return np.rint(kernel / np.where(step > 0, step, 1)) * step


# 09-1 one step for all
def stored(kernel, bits):
    step = np.abs(kernel).max() / (2 ** (bits - 1) - 1)
    return np.rint(kernel / step) * step


# 09-1 a step for each input
def stored(kernel, bits):
    step = np.abs(kernel).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.rint(kernel / np.where(step > 0, step, 1)) * step


# 09-1 twice too many levels
def stored(kernel, bits):
    step = np.abs(kernel).max(axis=0) / (2**bits - 1)
    return np.rint(kernel / np.where(step > 0, step, 1)) * step


# 09-1 integers without the step
def stored(kernel, bits):
    step = np.abs(kernel).max(axis=0) / (2 ** (bits - 1) - 1)
    return np.rint(kernel / np.where(step > 0, step, 1))


# 09-1 divides by zero
def stored(kernel, bits):
    step = np.abs(kernel).max(axis=0) / (2 ** (bits - 1) - 1)
    return np.rint(kernel / step) * step


# 09-2 constant
def bytes_of_dense(inputs, outputs):
    return 1_000_000


# 09-2 no-op
def bytes_of_dense(inputs, outputs):
    return inputs * outputs


# 09-2 hard-coded
def bytes_of_dense(inputs, outputs):
    return 264_192


# 09-2 one step for the layer
def bytes_of_dense(inputs, outputs):
    return inputs * outputs + 4 + 4 * outputs


# 09-2 steps forgotten
def bytes_of_dense(inputs, outputs):
    return inputs * outputs + 4 * outputs


# 09-2 everything in float32
def bytes_of_dense(inputs, outputs):
    return 4 * inputs * outputs + 8 * outputs


# 09-2 a step for each input
def bytes_of_dense(inputs, outputs):
    return inputs * outputs + 4 * inputs + 4 * outputs


# 09-3 constant
def to_photo(points, box):
    return np.zeros_like(points)


# 09-3 no-op
def to_photo(points, box):
    return points


# 09-3 hard-coded
def to_photo(points, box):
    return (points - to_crop[:, 2]) / scale


# 09-3 the way there
def to_photo(points, box):
    x0, y0, x1, y1 = box
    return (points - 63.5) * 128 / (0.75 * (x1 - x0 + y1 - y0)) + [(x0 + x1) / 2, (y0 + y1) / 2]


# 09-3 half a pixel
def to_photo(points, box):
    x0, y0, x1, y1 = box
    return (points - 64) / 128 * 0.75 * (x1 - x0 + y1 - y0) + [(x0 + x1) / 2, (y0 + y1) / 2]


# 09-3 the box without its margin
def to_photo(points, box):
    x0, y0, x1, y1 = box
    return (points - 63.5) / 128 * (x1 - x0 + y1 - y0) / 2 + [(x0 + x1) / 2, (y0 + y1) / 2]


# 09-3 from the box's corner
def to_photo(points, box):
    x0, y0, x1, y1 = box
    return points / 128 * 0.75 * (x1 - x0 + y1 - y0) + [x0, y0]


# 09-4 constant
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.full_like(picture, 128)


# 09-4 no-op
def draw_behind(picture, depth, glasses, glasses_depth):
    return picture


# 09-4 hard-coded
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.where((glasses_depth > 0)[..., None], glasses, picture)


# 09-4 face hides nothing
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.where(np.isfinite(glasses_depth)[..., None], glasses, picture)


# 09-4 NaN beside the face
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.where((glasses_depth > depth)[..., None], glasses, picture)


# 09-4 the wrong way round
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.where((glasses_depth < depth)[..., None], glasses, picture)


# 09-4 face where glasses end
def draw_behind(picture, depth, glasses, glasses_depth):
    return np.where((depth >= glasses_depth)[..., None], picture, glasses)
