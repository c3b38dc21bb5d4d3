"""Who is in a synthetic photo: identity, expression and head pose."""

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..geometry.camera import rotation_matrix
from ..morphable_model.model import MorphableModel
from ..morphable_model.seen_expressions import other_side

# Expressions that people show to a camera: how often (relative to the others), and the range of each weight.
# "*" stands for Left and Right.
EXPRESSION_TYPES: dict[str, tuple[float, dict[str, tuple[float, float]]]] = {
    "smile": (0.36, {"mouthSmile*": (0.3, 1), "cheekSquint*": (0.1, 0.8), "eyeSquint*": (0, 0.6),
                     "mouthUpperUp*": (0, 0.4), "mouthDimple*": (0, 0.5), "jawOpen": (0, 0.15)}),
    "laugh": (0.16, {"mouthSmile*": (0.4, 1), "cheekSquint*": (0.3, 1), "eyeSquint*": (0.1, 0.9),
                     "mouthUpperUp*": (0.1, 0.5), "mouthLowerDown*": (0, 0.6), "jawOpen": (0.15, 0.7)}),
    "frown": (0.1, {"browDown*": (0.3, 1), "mouthFrown*": (0.1, 0.8), "noseSneer*": (0, 0.6), "eyeSquint*": (0, 0.6)}),
    "surprise": (0.08, {"browInnerUp": (0.3, 1), "browOuterUp*": (0.3, 1), "eyeWide*": (0.2, 1),
                        "jawOpen": (0.1, 0.7)}),
    "kiss": (0.06, {"mouthPucker": (0.4, 1), "mouthFunnel": (0, 0.5)}),
    "speech": (0.16, {"jawOpen": (0.05, 0.4), "mouthFunnel": (0, 0.6), "mouthLowerDown*": (0, 0.5),
                      "mouthUpperUp*": (0, 0.3), "mouthStretch*": (0, 0.4)}),
    "shout": (0.08, {"jawOpen": (0.5, 1), "browDown*": (0, 0.7), "noseSneer*": (0, 0.7), "mouthUpperUp*": (0, 0.5)}),
}  # fmt: skip


class People:
    """Draws identities and expressions of the bundled face model, whose statistics on real photos are known."""

    def __init__(self, model: MorphableModel):
        self.model = model
        self.statistics = read_bundled_arrays("face_statistics.npz")
        names = model.expression_names
        self._mirrored = np.array([names.index(other_side(name)) for name in names])

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict]:
        """Identity and expression weights (K + E,) of one person, and the labels that are known of the person.

        Half of the people follow the statistics of faces fitted to real photos; they have no labels. The others follow
        the settings of the model (``male``, ``old``, ...), which are the labels.
        """
        labels: dict = {}
        if rng.random() < 0.5:
            identity, expression = self._like_photos(rng)
        else:
            identity, labels = self.by_settings(rng)
            # photographed heads are deeper than MakeHuman's average
            identity = identity + self.statistics["mean"][: len(identity)]
            expression = np.zeros(len(self.model.expression))
        if rng.random() < 0.6:
            expression = expression + self.posed_expression(rng)
        if rng.random() < 0.25:
            expression = expression + self.odd_expression(rng)
        return np.r_[identity, np.clip(expression, -0.5, 1.1)].astype(np.float32), labels

    def look(self, coefficients: NDArray[np.float32], gaze: Array) -> NDArray[np.float32]:
        """The coefficients of a person who looks in a direction (2,), pitch and yaw in degrees: here, as they were."""
        return coefficients

    def _like_photos(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Identity (K,) and expression (E,) with the mean and covariance of fits to real photos."""
        k = len(self.model.identity)
        mean, root = self.statistics["mean"], self.statistics["root"]
        c = rng.standard_normal(len(mean)) @ root
        # 68 points do not determine most of the identity: a fit leaves it at 0, but real faces vary there
        c[:k] += rng.standard_normal(k) * np.sqrt(np.maximum(0.6**2 - (root[:, :k] ** 2).sum(0), 0))
        c[:k] *= rng.uniform(1.0, 1.6)
        c[k:] *= rng.uniform(1.0, 2.5)  # the regularisation of the fit made expressions smaller than they were
        return c[:k] + mean[:k], c[k:] + mean[k:]

    def by_settings(self, rng: np.random.Generator) -> tuple[Array, dict]:
        """Identity (K,) for random settings of the face model, and these settings."""
        settings = {
            "male": float(rng.beta(0.5, 0.5)),
            "child": float(rng.random() < 0.2) * rng.uniform(0.2, 1),
            "old": float(rng.random() < 0.3) * rng.uniform(0.2, 1),
            **dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.5] * 3).tolist(), strict=True)),
        }
        return self.model.sample_identity(rng, settings)

    def posed_expression(self, rng: np.random.Generator) -> Array:
        """One of :data:`EXPRESSION_TYPES` as weights (E,), nearly symmetric; one in five closes the eyes."""
        names = self.model.expression_names
        shares = np.array([share for share, _ in EXPRESSION_TYPES.values()])
        _, ranges = list(EXPRESSION_TYPES.values())[rng.choice(len(shares), p=shares / shares.sum())]
        out = self.weights_within(rng, ranges)
        if rng.random() < 0.2:
            out[[names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]] += rng.uniform(0.2, 1)
        return out

    def weights_within(self, rng: np.random.Generator, ranges: dict[str, tuple[float, float]]) -> Array:
        """Weights (E,) within ranges as those of :data:`EXPRESSION_TYPES`, nearly the same on both sides."""
        names = self.model.expression_names
        out = np.zeros(len(names))
        for name, (low, high) in ranges.items():
            value = rng.uniform(low, high)
            for side in ("Left", "Right") if "*" in name else ("",):
                out[names.index(name.replace("*", side))] += value * np.exp(rng.normal(0, 0.15))
        return out

    def odd_expression(self, rng: np.random.Generator) -> Array:
        """Weights (E,) of one to four random expressions, mostly on both sides of the face."""
        count = len(self.model.expression)
        chosen = rng.choice(count, rng.integers(1, 5), replace=False)
        out = np.zeros(count)
        out[chosen] = rng.uniform(0, 0.8, len(chosen))
        return np.maximum(out, out[self._mirrored]) if rng.random() < 0.7 else out


def sample_pose(rng: np.random.Generator) -> Array:
    """Rotation matrix of a natural head pose: yaw up to profile, some pitch, little roll."""
    yaw = rng.normal(0, 25) if rng.random() < 0.3 else rng.uniform(-92, 92)
    return rotation_matrix(np.clip(rng.normal(-3, 14), -50, 50), np.clip(yaw, -95, 95), rng.normal(0, 7))


def sample_picture_rotation(rng: np.random.Generator) -> float:
    """Degrees by which the photo is rotated in its plane: mostly little, seldom upside down."""
    kind = rng.random()
    if kind < 0.94:
        return float(np.clip(rng.normal(0, 15), -50, 50))
    return float(rng.uniform(-100, 100) if kind < 0.99 else rng.uniform(-180, 180))
