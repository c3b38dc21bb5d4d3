"""Expressions to choose from, and the head of :mod:`lprnet_utils.avatar` for those who look for it here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..avatar import Avatar, draw_avatar, write_avatar

__all__ = ["PRESETS", "Avatar", "draw_avatar", "write_avatar"]

# a name without Left or Right stands for both sides
PRESETS: dict[str, dict[str, float]] = {
    "At rest": {},
    "Smile": {"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.3},
    "Surprise": {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.45},
    "Anger": {"browDown": 1.0, "noseSneer": 0.6, "mouthFrown": 0.5, "mouthPress": 0.4, "eyeSquint": 0.3},
    "Kiss": {"mouthPucker": 1.0, "mouthFunnel": 0.3},
    "Wink": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.2},
}


def __getattr__(name: str) -> Any:
    """The head, once it is asked for: the renderer that it needs takes a while to import."""
    if name in ("Avatar", "draw_avatar", "write_avatar"):
        from .. import avatar

        return getattr(avatar, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
