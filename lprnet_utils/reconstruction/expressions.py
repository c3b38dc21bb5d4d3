"""Who a face is and what it does: identity and expression weights of the bundled model, fitted to a whole position map.

A map has thousands of points, so the fit is one linear problem whose matrices are the same for every face: they are
made once, and a frame of a video costs a product and a small bounded problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..geometry.camera import Camera
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout

STEP = 2  # every second texel in each direction is enough
NOISE = 1.5  # mm that a map's points are off
POINTS = 300  # so many points' worth of evidence: what a network is off by, it is off by for whole regions
USUAL = 0.25  # mean of an expression weight: the prior falls off exponentially, so that a few shapes explain a face
RARE = 0.08  # ... of those that a smile would be mistaken for
RARELY = ("mouthDimple", "mouthPress", "mouthShrugUpper")
ROUNDS = 4  # of camera and shape in turn, for a face of which nothing is known


@dataclass(frozen=True)
class Coefficients:
    """A face as numbers of a :class:`lprnet_utils.MorphableModel`.

    Attributes
    ----------
    identity : (K,) float32
        Standard deviations of each mode.
    expression : (E,) float32
        Weight of each expression, 0 to 1.
    names : tuple of E str
        ARKit's names of the expressions.
    camera : Camera
        From mm of the face frame to pixels of the photo.
    error : float
        Root mean square distance in mm between the map and this face.
    """

    identity: Array
    expression: Array
    names: tuple[str, ...]
    camera: Camera
    error: float

    def named(self, least: float = 0.0) -> dict[str, float]:
        """Expression weights by name, largest first; those under ``least`` left out."""
        order = np.argsort(-self.expression, kind="stable")
        return {self.names[k]: round(float(self.expression[k]), 4) for k in order if self.expression[k] >= least}


class ShapeFitter:
    """Fits a face model to position maps.

    Parameters
    ----------
    model : MorphableModel
        In the bundled topology.
    layout : UVLayout
        Of the maps.
    """

    def __init__(self, model: MorphableModel, layout: UVLayout):
        self.model, self.layout = model, layout
        n = layout.size
        columns = np.r_[0 : n // 2 : STEP, n - 1 - np.r_[0 : n // 2 : STEP]]  # alike on both sides
        some = np.zeros((n, n), bool)
        some[np.ix_(np.arange(0, n, STEP), columns)] = True
        self._texels = layout.texels[some.ravel()[layout.texels]]
        read = layout.matrix[self._texels]
        self.mean = (read @ model.mean).astype(np.float32)
        modes = np.concatenate([model.identity, model.expression]).transpose(1, 0, 2).reshape(len(model.mean), -1)
        modes = (read @ modes).reshape(len(self._texels), -1, 3).transpose(1, 0, 2)
        # small movements of the whole: shifts, turns about three axes, growth
        axes = np.eye(3, dtype=np.float32)
        rigid = [np.broadcast_to(a, self.mean.shape) for a in axes] + [np.cross(a, self.mean) / 50 for a in axes]
        rigid = np.stack([*rigid, self.mean / 50]).reshape(7, -1)
        self._count = count = len(model.identity)
        self._modes = np.ascontiguousarray(modes.reshape(len(modes), -1), np.float32)
        usual = np.array([RARE if name.startswith(RARELY) else USUAL for name in model.expression_names])
        self._all = _Bounded(np.concatenate([self._modes[:count], rigid]), count, self._modes[count:], usual)
        self._moving = _Bounded(rigid, 0, self._modes[count:], usual)

    @classmethod
    @lru_cache(maxsize=2)
    def load(cls, size: int = 128) -> ShapeFitter:
        """The fitter of the bundled model with 51 ARKit expressions, made once in a process."""
        return cls(MorphableModel.load(), UVLayout(size))

    def fit(self, position_map: ArrayLike) -> Coefficients:
        """Identity, expression and camera of a position map (N, N, 3) in pixels."""
        points, c = self._points(position_map), np.zeros(len(self._modes), np.float32)
        shape = self.mean
        for _ in range(ROUNDS):
            free, bounded = self._all.solve(self._residual(shape, points, self.mean), c[self._count :])
            c = np.r_[free, bounded].astype(np.float32)
            shape = self.mean + (c @ self._modes).reshape(-1, 3)
        return self._result(c[: self._count], c[self._count :], points, shape)

    def fit_expression(self, position_map: ArrayLike, known: Coefficients) -> Coefficients:
        """Expression and camera of another map of a person whose :meth:`fit` is known: the next frame of a video.

        For a video pass the last frame's result, the nearer start.
        """
        points, e = self._points(position_map), known.expression.astype(np.float32)
        neutral = self.mean + (known.identity.astype(np.float32) @ self._modes[: self._count]).reshape(-1, 3)
        shape = neutral + (e @ self._modes[self._count :]).reshape(-1, 3)
        for _ in range(2):
            e = self._moving.solve(self._residual(shape, points, neutral), e)[1].astype(np.float32)
            shape = neutral + (e @ self._modes[self._count :]).reshape(-1, 3)
        return self._result(known.identity, e, points, shape)

    def _residual(self, shape: Array, points: Array, neutral: Array) -> NDArray[np.float32]:
        """What the points (n, 3), seen by the camera that fits the present shape, have beyond the neutral face."""
        camera = Camera.fit(shape[::3], points[::3])  # a third of them tell seven numbers as well
        return (camera.unproject(points) - neutral).astype(np.float32).ravel()

    def _points(self, position_map: ArrayLike) -> NDArray[np.float32]:
        return self.layout.flat(position_map)[self._texels]

    def _result(self, identity: Array, expression: Array, points: Array, shape: Array) -> Coefficients:
        camera = Camera.fit(shape, points)
        error = float(np.sqrt(((camera.unproject(points) - shape) ** 2).sum(1).mean()))
        return Coefficients(identity, expression, self.model.expression_names, camera, error)


class _Bounded:
    """Least squares for free coefficients with a Gaussian prior and bounded ones, 0 to 1, with an exponential one.

    Minimises ``|F f + B b - r|^2 / (2 s^2) + |f'|^2 / 2 + sum(b / m)``, where f' are the first ``count`` of f and m the
    usual weights. The free ones are eliminated beforehand (Schur complement): a bounded problem in b alone is left.
    """

    def __init__(self, free: Array, count: int, bounded: Array, usual: Array):
        self.count, self.split, self.usual = count, len(free), usual
        self.rows = np.concatenate([free, bounded])
        self.scale = 3 * POINTS / free.shape[1] / NOISE**2
        normal = self.scale * (self.rows @ self.rows.T).astype(float)
        normal[: len(free), : len(free)] += np.diag(np.r_[np.ones(count), np.full(len(free) - count, 1e-6)])
        ff, fb, bb = (
            normal[: len(free), : len(free)],
            normal[: len(free), len(free) :],
            normal[len(free) :, len(free) :],
        )
        self.inverse, self.cross = np.linalg.inv(ff), np.linalg.solve(ff, fb)
        self.schur = bb - fb.T @ self.cross
        self.schur += np.eye(len(bb)) * 1e-3  # two of the shapes are nearly opposites

    def solve(self, residual: Array, start: Array) -> tuple[Array, Array]:
        right = self.scale * (self.rows @ residual).astype(float)
        f, b = right[: self.split], right[self.split :]
        bounded = bounded_minimum(self.schur, b - self.cross.T @ f - 1 / self.usual, start)
        return (self.inverse @ f - self.cross @ bounded)[: self.count], bounded


def bounded_minimum(matrix: Array, vector: Array, start: ArrayLike) -> Array:
    """The x in [0, 1] that minimises ``x A x / 2 - x v``, A positive definite, by projected Newton steps.

    A few steps from a good start, where scipy's ``lsq_linear`` takes ten times as long.

    References
    ----------
    D. Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM Journal on Control
    and Optimization 20, 1982.
    """
    x = np.clip(np.asarray(start, float), 0, 1)
    slope = matrix @ x - vector
    for _ in range(100):
        held = ((x <= 0) & (slope > 0)) | ((x >= 1) & (slope < 0))
        free = np.flatnonzero(~held)
        if np.abs(slope[free]).max(initial=0.0) < 1e-6:
            break
        step = np.zeros_like(x)
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], slope[free])
        before, length = x @ (slope - vector) / 2, 1.0
        while True:
            trial = np.clip(x - length * step, 0, 1)
            new = matrix @ trial - vector
            if trial @ (new - vector) / 2 <= before or length < 1e-6:
                break
            length /= 2
        x, slope = trial, new
    return x
