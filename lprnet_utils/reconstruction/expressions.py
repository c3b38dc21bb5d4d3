"""Identity and expression weights of the bundled face model, fitted to a position map.

A map has thousands of points, so the fit is one linear problem, and its matrices are the same for every face. They are
computed once; a frame of a video then costs one product and one small bounded problem.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_asset
from ..geometry.camera import Camera
from ..morphable_model.model import MorphableModel, transform_basis
from ..morphable_model.seen_expressions import SEEN_EXPRESSIONS
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    from .closer_look import CloserLook
    from .face import Face

TEXEL_STEP = 2  # the fit reads every second texel in each direction
MAP_NOISE_MM = 1.5  # standard deviation of the points of a map
EFFECTIVE_POINTS = 300  # independent points in a map: a network's errors are the same over whole regions
MEAN_WEIGHT = 0.25  # prior mean of an expression weight; the prior is exponential, so a few shapes explain a face
MEAN_RARE_WEIGHT = 0.08  # prior mean of expressions that the fit would otherwise mistake for a smile
RARE_EXPRESSIONS = ("mouthDimple", "mouthPress", "mouthShrugUpper")
WAYS = "fit", "closer look"  # to find an expression
QUALITY_COLUMNS = "expression", "way", "correlation 0-30", "correlation 30-60", "correlation 60-90", "false positives %"
QUALITY_FILE, MIN_CORRELATION = "expressions.csv", 0.5
ROUNDS = 4  # of camera and shape in turn, for an unknown person
TRACKING_ROUNDS = 2  # the same for the next frame of a video
# How much of a weight that a closer look saw is taken from a fit to the map before it. The two err differently, more so
# on photos of people than on rendered ones. Chosen on 87 portraits of people who smile or do not
FIRST_MAP_SHARE = 0.15


@dataclass(frozen=True)
class Coefficients:
    """Weights of a :class:`lprnet_utils.MorphableModel` that describe a face."""

    identity: Array  # (K,) float32: weight of each mode, in standard deviations
    expression: Array  # (E,) float32: weight of each expression, 0 to 1
    names: tuple[str, ...]  # ARKit's names of the expressions
    camera: Camera  # from the face frame to the photo frame
    error: float  # root mean square distance in mm between the map and this face
    # names of the weights that were given, not found by this fit: those of a closer look, see join, and of the gaze
    seen: frozenset[str] = frozenset()

    def named(self, min_weight: float = 0.0, supported: bool = False) -> dict[str, float]:
        """Expression weights by name, largest first, without those under ``min_weight``.

        With ``supported`` also without those that are found badly, see :func:`unsupported_expressions`.
        """
        shown = (self.expression >= min_weight) & (self.supported if supported else True)
        kept = [k for k in np.argsort(-self.expression, kind="stable") if shown[k]]
        return {self.names[k]: round(float(self.expression[k]), 4) for k in kept}

    @property
    def supported(self) -> NDArray[np.bool_]:
        """Which expressions (E,) are found well enough, in the way they were, to be believed."""
        fitted, seen = (unsupported_expressions(way) for way in WAYS)
        return np.array([name not in (seen if name in self.seen else fitted) for name in self.names])


@lru_cache(maxsize=2)
def expression_quality(way: str = "fit") -> dict[str, dict[str, float]]:
    """How well each expression is found, by the ``fit`` to a map or by a ``closer look``.

    It was measured on rendered people, by ``scripts/calibration/measure_expressions.py``. For each name there are
    ``correlation 0-30``, ``30-60`` and ``60-90`` of found and true weights at this yaw in degrees, and
    ``false positives %``: how often a weight of over 0.15 is found where the true one is under 0.05.

    ValueError if there is no such way.

    Examples
    --------
    >>> quality = expression_quality()
    >>> len(quality), quality["jawOpen"]["correlation 0-30"] > 0.8
    (51, True)
    """
    if way not in WAYS:
        raise ValueError(f"expressions are found by {' or '.join(map(repr, WAYS))}, not by {way!r}")
    rows = csv.reader(io.StringIO(read_asset(QUALITY_FILE).decode()))
    _, _, *columns = next(rows)
    return {name: dict(zip(columns, map(float, values), strict=True)) for name, by, *values in rows if by == way}


@lru_cache(maxsize=2)
def unsupported_expressions(way: str = "fit") -> frozenset[str]:
    """The names whose weights correlate with the true ones by less than 0.5 even from the front (0 to 30 degrees).

    ``way`` is that of :func:`expression_quality`. Both sides of an expression count together. A face still has these
    weights, because they explain parts of a map. Viewers and avatars leave them with the person.
    """
    found: dict[str, list[float]] = {}
    quality = expression_quality(way)
    for name, row in quality.items():
        found.setdefault(_without_side(name), []).append(row[QUALITY_COLUMNS[2]])
    return frozenset(n for n in quality if np.mean(found[_without_side(n)]) < MIN_CORRELATION)


def weight_beside(weight: float, at_rest: float) -> float:
    """The weight of an expression of somebody in whom a face at rest has another weight: 0 at rest, 1 stays 1."""
    return max(weight - at_rest, 0.0) / max(1 - at_rest, 1e-6)


def fit_face(face: Face, neutral: Face | None = None) -> Coefficients:
    """The work of :meth:`.Face.fit_coefficients`, which says what it takes, returns and refuses."""
    fitter, seen = ShapeFitter.load(face.layout.size), face.seen_expressions
    if neutral is None:
        return fitter.fit(face.position_map, seen)
    if neutral.layout.size != face.layout.size:
        sizes = f"{neutral.layout.size} and {face.layout.size}"
        raise ValueError(f"take the same weights for both faces: they have maps of {sizes} texels")
    rest = fitter.join(neutral.closer_look).weights if neutral.closer_look else {}
    seen = {name: weight_beside(weight, rest.get(name, 0.0)) for name, weight in seen.items()}
    return fitter.fit_beside(face.position_map, neutral.position_map, seen)


def _without_side(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")


class ShapeFitter:
    """Fits a face model in the bundled topology to position maps; :meth:`load` is for the bundled model."""

    def __init__(self, model: MorphableModel, layout: UVLayout):
        self.model, self.layout = model, layout
        self._texels = self._texel_grid(layout)
        texel_weights = layout.matrix[self._texels]
        self.mean = (texel_weights @ model.mean).astype(np.float32)
        modes = transform_basis(texel_weights, np.concatenate([model.identity, model.expression]))
        self._modes = modes.reshape(len(modes), -1).astype(np.float32)
        self._count = count = len(model.identity)
        self._seen = [model.expression_names.index(name) for name in SEEN_EXPRESSIONS]
        identity, expression, rigid = self._modes[:count], self._modes[count:], self._rigid_modes()
        is_rare = [name.startswith(RARE_EXPRESSIONS) for name in model.expression_names]
        mean_weights = np.where(is_rare, MEAN_RARE_WEIGHT, MEAN_WEIGHT)
        self._identity_solver = BoundedLeastSquares(np.concatenate([identity, rigid]), count, expression, mean_weights)
        self._expression_solver = BoundedLeastSquares(rigid, 0, expression, mean_weights)

    @staticmethod
    def _texel_grid(layout: UVLayout) -> NDArray[np.intp]:
        """Indices (n,) of the texels that the fit reads, symmetric about the middle of the map."""
        n = layout.size
        columns = np.r_[0 : n // 2 : TEXEL_STEP, n - 1 - np.r_[0 : n // 2 : TEXEL_STEP]]
        chosen = np.zeros((n, n), bool)
        chosen[np.ix_(np.arange(0, n, TEXEL_STEP), columns)] = True
        return layout.texels[chosen.ravel()[layout.texels]]

    def _rigid_modes(self) -> NDArray[np.float32]:
        """Small movements (7, 3n) of the whole face: shifts, rotations about three axes, growth."""
        axes = np.eye(3, dtype=np.float32)
        rigid = [np.broadcast_to(a, self.mean.shape) for a in axes] + [np.cross(a, self.mean) / 50 for a in axes]
        return np.stack([*rigid, self.mean / 50]).reshape(7, -1)

    @classmethod
    def load(cls, size: int = 128) -> Self:
        """The fitter of the bundled model with 51 ARKit expressions, created once per process."""
        return cls._load(size)

    @classmethod
    @lru_cache(maxsize=2)
    def _load(cls, size: int) -> Self:  # with a default, load() and load(128) would make two
        return cls(MorphableModel.load(), UVLayout(size))

    def join(self, look: CloserLook) -> CloserLook:
        """The same closer look, but its expressions have a share of those that a fit to the map before it finds.

        The fit takes the camera of the mean face: further rounds of camera and shape hardly change these weights.
        """
        if look.joined or not np.isfinite(look.expressions).any():
            return look
        none = np.zeros(len(self.model.expression_names))
        residual = self._residual(self.mean, self.layout.flat(look.first_map)[self._texels], self.mean)
        _, found = self._identity_solver.solve(residual, none, self._bounds(None))
        expressions = look.expressions + FIRST_MAP_SHARE * (found[self._seen] - look.expressions)
        return replace(look, expressions=expressions, joined=True)

    def fit(self, position_map: ArrayLike, seen: dict[str, float] | None = None) -> Coefficients:
        """Identity, expression and camera of a position map (N, N, 3) in the photo frame.

        ``seen`` has expression weights, 0 to 1, that are known otherwise, such as those of the gaze.
        """
        points = self.layout.flat(position_map)[self._texels]
        weights, shape, bounds = np.zeros(len(self._modes), np.float32), self.mean, self._bounds(seen)
        for _ in range(ROUNDS):
            residual = self._residual(shape, points, self.mean)
            identity, expression = self._identity_solver.solve(residual, weights[self._count :], bounds)
            weights = np.r_[identity, expression].astype(np.float32)
            shape = self.mean + (weights @ self._modes).reshape(-1, 3)
        return self._result(weights[: self._count], weights[self._count :], points, shape, seen)

    def fit_beside(
        self, position_map: ArrayLike, neutral_map: ArrayLike, seen: dict[str, float] | None = None
    ) -> Coefficients:
        """The same for a map of a person whose face at rest is known by another map, whatever the pose of both.

        What the person looks like cannot be mistaken for an expression then: a corner of the mouth that points up at
        rest is no smile.
        """
        rest = self.fit(neutral_map, dict.fromkeys(self.model.expression_names, 0.0))
        neutral = rest.camera.unproject(self.layout.flat(neutral_map)[self._texels]).astype(np.float32)
        return self._fit_expression(position_map, neutral, rest, seen)

    def fit_expression(
        self, position_map: ArrayLike, known: Coefficients, seen: dict[str, float] | None = None
    ) -> Coefficients:
        """Expression and camera of another map of the same person, such as the next frame of a video.

        ``known`` is an earlier result for this person; the last frame's is the best start. For ``seen`` see
        :meth:`fit`.
        """
        neutral = self.mean + (known.identity.astype(np.float32) @ self._modes[: self._count]).reshape(-1, 3)
        return self._fit_expression(position_map, neutral, known, seen)

    def _fit_expression(
        self, position_map: ArrayLike, neutral: Array, known: Coefficients, seen: dict[str, float] | None
    ) -> Coefficients:
        """The same for a person whose neutral face has these points (n, 3)."""
        points = self.layout.flat(position_map)[self._texels]
        expression = known.expression.astype(np.float32)
        shape = neutral + (expression @ self._modes[self._count :]).reshape(-1, 3)
        bounds = self._bounds(seen)
        for _ in range(TRACKING_ROUNDS):
            residual = self._residual(shape, points, neutral)
            _, expression = self._expression_solver.solve(residual, expression, bounds)
            expression = expression.astype(np.float32)
            shape = neutral + (expression @ self._modes[self._count :]).reshape(-1, 3)
        return self._result(known.identity, expression, points, shape, seen)

    def _bounds(self, seen: dict[str, float] | None) -> tuple[Array, Array]:
        """The lowest and the highest value (E,) of each expression weight."""
        low, high = np.zeros(len(self.model.expression_names)), np.ones(len(self.model.expression_names))
        for name, weight in (seen or {}).items():
            k = self.model.expression_names.index(name)
            low[k] = high[k] = min(max(weight, 0.0), 1.0)
        return low, high

    def _residual(self, shape: Array, points: Array, neutral: Array) -> NDArray[np.float32]:
        """Difference (3n,) between the points, transformed by the camera that fits ``shape``, and the neutral face."""
        camera = Camera.fit(shape[::3], points[::3])  # a third of the points suffices for seven numbers
        return (camera.unproject(points) - neutral).astype(np.float32).ravel()

    def _result(
        self, identity: Array, expression: Array, points: Array, shape: Array, seen: dict[str, float] | None
    ) -> Coefficients:
        camera = Camera.fit(shape, points)
        error = float(np.sqrt(((camera.unproject(points) - shape) ** 2).sum(1).mean()))
        return Coefficients(identity, expression, self.model.expression_names, camera, error, frozenset(seen or ()))


class BoundedLeastSquares:
    """Least squares with free coefficients f (Gaussian prior) and coefficients b in 0 to 1 (exponential prior).

    Minimises ``|F f + B b - r|^2 / (2 s^2) + |f'|^2 / 2 + sum(b / m)``, where f' are the first ``count`` of f and m the
    prior means of b. F and B are the transposes of ``free`` and ``bounded``. The free coefficients are eliminated
    beforehand (Schur complement), which leaves a bounded problem in b alone.
    """

    def __init__(self, free: Array, count: int, bounded: Array, prior_means: Array):
        self.count, self.prior_means = count, prior_means
        self.split = n = len(free)
        self.rows = np.concatenate([free, bounded])
        self.scale = 3 * EFFECTIVE_POINTS / free.shape[1] / MAP_NOISE_MM**2
        normal = self.scale * (self.rows @ self.rows.T).astype(float)
        normal[:n, :n] += np.diag(np.r_[np.ones(count), np.full(n - count, 1e-6)])
        ff, fb, bb = normal[:n, :n], normal[:n, n:], normal[n:, n:]
        self.inverse, self.cross = np.linalg.inv(ff), np.linalg.solve(ff, fb)
        self.schur = bb - fb.T @ self.cross
        self.schur += np.eye(len(bb)) * 1e-3  # two of the shapes are nearly opposite

    def solve(self, residual: Array, start: Array, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        """The first ``count`` free coefficients and the bounded ones; ``start`` is a guess of the bounded ones."""
        right = self.scale * (self.rows @ residual).astype(float)
        f, b = right[: self.split], right[self.split :]
        bounded = bounded_minimum(self.schur, b - self.cross.T @ f - 1 / self.prior_means, start, *bounds)
        return (self.inverse @ f - self.cross @ bounded)[: self.count], bounded


def bounded_minimum(
    matrix: Array, vector: Array, start: ArrayLike, low: ArrayLike = 0.0, high: ArrayLike = 1.0
) -> Array:
    """The x between ``low`` and ``high`` that minimises ``x A x / 2 - x v`` with A positive definite.

    Projected Newton steps (Bertsekas, Projected Newton methods for optimization problems with simple constraints, SIAM
    Journal on Control and Optimization 20, 1982): a few of them from a good start; scipy's ``lsq_linear`` takes ten
    times as long.
    """
    x = np.clip(np.asarray(start, float), low, high)
    slope = matrix @ x - vector
    for _ in range(100):
        held = ((x <= low) & (slope > 0)) | ((x >= high) & (slope < 0))
        free = np.flatnonzero(~held)
        if np.abs(slope[free]).max(initial=0.0) < 1e-6:
            break
        step = np.zeros_like(x)
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], slope[free])
        before, length = x @ (slope - vector) / 2, 1.0
        while True:
            trial = np.clip(x - length * step, low, high)
            new = matrix @ trial - vector
            if trial @ (new - vector) / 2 <= before or length < 1e-6:
                break
            length /= 2
        x, slope = trial, new
    return x
