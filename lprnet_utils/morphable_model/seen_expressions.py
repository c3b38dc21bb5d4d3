"""The expressions that a closer look sees: of an eye with its brow and cheek, and of mouth, jaw and nose."""

import numpy as np

from ..common.arrays import Array

_OF_AN_EYE = "eyeBlink", "eyeSquint", "eyeWide", "browDown", "browOuterUp", "cheekSquint"
_OF_HALF_A_MOUTH = ("mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch",
                    "mouthUpperUp", "noseSneer")  # fmt: skip
_OF_A_WHOLE_MOUTH = ("cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel",
                     "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
                     "mouthShrugUpper")  # fmt: skip
# of the right eye, the left eye and the mouth, the regions of a closer look; both eyes see browInnerUp
REGION_EXPRESSIONS = (
    *(tuple(name + side for name in _OF_AN_EYE) + ("browInnerUp",) for side in ("Right", "Left")),
    tuple(name + side for name in _OF_HALF_A_MOUTH for side in ("Right", "Left")) + _OF_A_WHOLE_MOUTH,
)
SEEN_EXPRESSIONS = tuple(dict.fromkeys(name for names in REGION_EXPRESSIONS for name in names))  # 43, each once


def other_side(name: str) -> str:
    """The name of an expression in the mirrored face.

    Examples
    --------
    >>> other_side("eyeBlinkLeft"), other_side("jawOpen")
    ('eyeBlinkRight', 'jawOpen')
    """
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


# which expression of a mouth each is in the mirrored face
MIRRORED_MOUTH = [REGION_EXPRESSIONS[2].index(other_side(name)) for name in REGION_EXPRESSIONS[2]]


def join_regions(found: list[Array], confidence: Array) -> Array:
    """Weights (43,) of :data:`SEEN_EXPRESSIONS` from those of each region; NaN where no region is seen.

    What two regions see is their mean by ``confidence`` (3,).
    """
    places = {name: k for k, name in enumerate(SEEN_EXPRESSIONS)}
    total, weights = np.zeros(len(places)), np.zeros(len(places))
    for names, values, sure in zip(REGION_EXPRESSIONS, found, np.asarray(confidence, float), strict=True):
        rows = [places[name] for name in names]
        total[rows] += sure * np.clip(values, 0, 1)
        weights[rows] += sure
    return np.where(weights > 0, total / np.where(weights > 0, weights, 1), np.nan)
