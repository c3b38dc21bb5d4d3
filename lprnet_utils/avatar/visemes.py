"""The 15 visemes of Oculus' lip sync as mixtures of ARKit's expressions.

Names and order are those of the Oculus Lipsync reference (sil, PP, FF, TH, DD, kk, CH, SS, nn, RR, aa, E, I, O, U),
with the prefix ``viseme_`` that ReadyPlayerMe gave them and that talking-head players look for. The weights are the
project's own. They follow how the sounds are made, as the reference describes and shows them: lips closed for PP, lower
lip at the upper teeth for FF, the tip of the tongue between the teeth for TH and at the gum for DD and nn, a rounded
mouth for CH, O and U, spread lips for SS, E and I, and the widest jaw for aa.

https://developers.meta.com/horizon/documentation/unity/audio-ovrlipsync-viseme-reference/
"""

from __future__ import annotations

# A name without Left or Right stands for both sides.
VISEMES: dict[str, dict[str, float]] = {
    "viseme_sil": {},
    "viseme_PP": {"mouthPress": 0.5, "mouthRollLower": 0.35, "mouthRollUpper": 0.35, "mouthClose": 0.02},
    "viseme_FF": {"jawOpen": 0.06, "mouthRollLower": 0.55, "mouthUpperUp": 0.35, "mouthShrugLower": 0.15},
    "viseme_TH": {"jawOpen": 0.16, "tongueOut": 0.35, "mouthLowerDown": 0.2, "mouthUpperUp": 0.12},
    "viseme_DD": {"jawOpen": 0.12, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15, "mouthStretch": 0.1},
    "viseme_kk": {"jawOpen": 0.2, "mouthLowerDown": 0.2, "mouthUpperUp": 0.15},
    "viseme_CH": {"jawOpen": 0.1, "mouthFunnel": 0.55, "mouthPucker": 0.2},
    "viseme_SS": {"jawOpen": 0.05, "mouthStretch": 0.35, "mouthLowerDown": 0.25, "mouthSmile": 0.12},
    "viseme_nn": {"jawOpen": 0.1, "mouthLowerDown": 0.18, "mouthUpperUp": 0.1},
    "viseme_RR": {"jawOpen": 0.12, "mouthFunnel": 0.35, "mouthLowerDown": 0.12},
    "viseme_aa": {"jawOpen": 0.5, "mouthLowerDown": 0.15, "mouthUpperUp": 0.1},
    "viseme_E": {"jawOpen": 0.25, "mouthStretch": 0.3, "mouthSmile": 0.2, "mouthLowerDown": 0.15},
    "viseme_I": {"jawOpen": 0.13, "mouthSmile": 0.35, "mouthStretch": 0.25, "mouthLowerDown": 0.1},
    "viseme_O": {"jawOpen": 0.32, "mouthFunnel": 0.5, "mouthPucker": 0.15},
    "viseme_U": {"jawOpen": 0.12, "mouthPucker": 0.65, "mouthFunnel": 0.25},
}


def sided(weights: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """Weights by the full names among ``names``: one without Left or Right stands for both sides."""
    out = {}
    for name, weight in weights.items():
        found = [n for n in names if n in (name, f"{name}Left", f"{name}Right")]
        if not found:
            raise ValueError(f"no expression {name!r}; there are {', '.join(names)}")
        out |= dict.fromkeys(found, weight)
    return out
