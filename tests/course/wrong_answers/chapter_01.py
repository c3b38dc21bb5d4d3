"""Wrong answers to the exercises of chapter 1: each check must say "Not yet" to all of them."""

import numpy as np


# 01-1 constant
def coefficients_of(face, mean, modes):
    return np.ones(len(modes))


# 01-1 no-op
def coefficients_of(face, mean, modes):
    return face - mean


# 01-1 hard-coded
def coefficients_of(face, mean, modes):
    return np.array([1.5, -0.5, 2.0])


# 01-1 dot product
def coefficients_of(face, mean, modes):
    return np.tensordot(modes, face - mean, 2)


# 01-1 dot product over length
def coefficients_of(face, mean, modes):
    flat = modes.reshape(len(modes), -1)
    return flat @ (face - mean).ravel() / np.linalg.norm(flat, axis=1)


# 01-1 one mode at a time
def coefficients_of(face, mean, modes):
    flat = modes.reshape(len(modes), -1)
    return flat @ (face - mean).ravel() / (flat**2).sum(1)


# 01-1 mean forgotten
def coefficients_of(face, mean, modes):
    return np.linalg.lstsq(modes.reshape(len(modes), -1).T, face.ravel(), rcond=None)[0]


# 01-2 constant
def mirrored(vertices):
    return model.mean


# 01-2 no-op
def mirrored(vertices):
    return vertices


# 01-2 hard-coded
def mirrored(vertices):
    return model.vertices((), {"eyeBlinkRight": 1})


# 01-2 x alone
def mirrored(vertices):
    return vertices * [-1, 1, 1]


# 01-2 numbers alone
def mirrored(vertices):
    return vertices[model.mirror]


# 01-2 upside down
def mirrored(vertices):
    return vertices[model.mirror] * [1, -1, 1]


# 01-2 rows reversed
def mirrored(vertices):
    return vertices[::-1] * [-1, 1, 1]


# 01-3 constant
def eye_distance(vertices):
    return 77.0


# 01-3 no-op
def eye_distance(vertices):
    return landmarks_of(vertices)


# 01-3 hard-coded
def eye_distance(vertices):
    marks = landmarks_of(model.mean)
    return np.linalg.norm(marks[36] - marks[45])


# 01-3 x alone
def eye_distance(vertices):
    marks = landmarks_of(vertices)
    return abs(marks[36, 0] - marks[45, 0])


# 01-3 without depth
def eye_distance(vertices):
    marks = landmarks_of(vertices)[:, :2]
    return np.linalg.norm(marks[36] - marks[45])


# 01-3 inner corners
def eye_distance(vertices):
    marks = landmarks_of(vertices)
    return np.linalg.norm(marks[39] - marks[42])


# 01-3 counted from one
def eye_distance(vertices):
    marks = landmarks_of(vertices)
    return np.linalg.norm(marks[35] - marks[44])


# 01-3 vertices for landmarks
def eye_distance(vertices):
    return np.linalg.norm(vertices[36] - vertices[45])


# 01-4 constant
def weighted_solve(A, b, w, ridge, D):
    return np.zeros(A.shape[1])


# 01-4 no-op
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve(A.T @ A + ridge * D, A.T @ b)


# 01-4 hard-coded
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve((A.T * w) @ A + 2.25 * D, (A.T * w) @ b)


# 01-4 rows times weight
def weighted_solve(A, b, w, ridge, D):
    A, b = A * w[:, None], b * w
    return np.linalg.solve(A.T @ A + ridge * D, A.T @ b)


# 01-4 left side alone
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve((A.T * w) @ A + ridge * D, A.T @ b)


# 01-4 right side alone
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve(A.T @ A + ridge * D, A.T @ (w * b))


# 01-4 ridge forgotten
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve((A.T * w) @ A, (A.T * w) @ b)


# 01-4 mean weight
def weighted_solve(A, b, w, ridge, D):
    return np.linalg.solve(w.mean() * A.T @ A + ridge * D, w.mean() * A.T @ b)
