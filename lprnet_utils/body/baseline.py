"""How far a network is off on synthetic photos, in mm, beside the mean pose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..common.arrays import Array, Image
from ..datasets.shards import Sample
from ..datasets.surfaces import load_surface
from ..geometry.camera import similarity_alignment
from ..geometry.crop import crop_matrix, transform_points, warp_image
from ..morphable_model.fitting import Fits
from ..uv.maps import MapLayout

Predict = Callable[[Image], Array]  # from a crop (N, N, 3) uint8 to a map (N, N, 3) in its pixels
VIEWS = {"front": (0, 45), "side": (45, 135), "behind": (135, 181)}  # degrees from the front of the camera's direction


def mean_pose_placed(layout: MapLayout, views: int = 1) -> Array:
    """Maps (views, N, N, 3) of the mean pose, upright in the middle of a crop as :func:`crop_matrix` makes it.

    The first is seen from the front (of a hand, from its back), the second from behind (its palm).
    """
    out = []
    for turn in (1, -1)[:views]:
        seen = layout.flat(layout.mean_map) * [turn, 1, turn]
        landmarks = layout.landmark_matrix @ (seen * [1, -1, 1])
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        matrix = crop_matrix(np.r_[low, high], layout.size)
        points = transform_points(matrix, seen * [1, -1, 1]).reshape(layout.size, layout.size, 3)
        out.append(layout.centre_depth(points.astype(np.float32)))
    return np.array(out)


def mean_pose_turned(layout: MapLayout, true: Array) -> Array:
    """The mean pose's surface (M, 3) laid over a true one (M, 3) by the best scale, rotation and shift.

    No method that knows only the mean pose can do better: it is told place, size and direction by the truth.
    """
    mean = layout.points(layout.mean_map) * [1, -1, 1]  # y down, as in a picture
    scale, rotation, shift = similarity_alignment(mean, true)
    return scale * mean @ rotation.T + shift


def _errors(points: Array, true: Array, scale: float) -> dict[str, float]:
    """Mean distances in mm of points (M, 3) of a picture, as they are and aligned; ``scale`` in pixels per mm."""
    s, rotation, shift = similarity_alignment(points, true)
    aligned = s * points @ rotation.T + shift
    return {name: float(np.linalg.norm(p - true, axis=1).mean() / scale)
            for name, p in (("placed", points), ("aligned", aligned))}  # fmt: skip


def measure(predict: Predict, layout: MapLayout, samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """The errors of a network on synthetic photos, and those of the mean pose, one row a photo, in mm.

    The crop goes round the box of the true landmarks. ``placed`` compares surfaces in the crop, with mean z 0 on both
    sides; ``aligned`` does after the best similarity. ``mean placed`` is the mean pose in the middle of the crop, of a
    hand from the side, back or palm, that the photo shows; ``mean turned`` is laid over the truth. A row has the
    sample's labels besides, and ``turn``, the angle in degrees between the part's front and the camera.
    """
    rows = []
    surface = load_surface(Path(), layout.chart, layout.size, None)
    two_sided = layout.chart == "hand"
    resting = [layout.points(m).astype(float) for m in mean_pose_placed(layout, 1 + two_sided)]
    for sample in samples:
        camera = sample.camera
        fits = Fits(*(np.array([v]) for v in (sample.coefficients, camera.rotation, camera.scale, camera.translation)))
        true_map = surface.texels(fits).reshape(layout.size, layout.size, 3)  # the sample's may have another size
        landmarks = layout.landmarks(true_map)[:, :2]
        matrix = crop_matrix(np.r_[landmarks.min(0), landmarks.max(0)], layout.size)
        true = layout.points(layout.centre_depth(transform_points(matrix, true_map).astype(np.float32)))
        found = layout.points(layout.centre_depth(predict(warp_image(sample.image, matrix, layout.size)).copy()))
        scale = sample.camera.scale * float(np.hypot(*matrix[0, :2]))
        mean = resting[int(sample.labels.get("side") == "palm")]
        turned = mean_pose_turned(layout, true)
        rows.append({
            **_errors(found.astype(float), true, scale),
            "mean placed": _errors(mean, true, scale)["placed"],
            "mean turned": float(np.linalg.norm(turned - true, axis=1).mean() / scale),
            "turn": float(np.degrees(np.arccos(np.clip(sample.camera.rotation[2, 2], -1, 1)))),
            **sample.labels,
        })  # fmt: skip
    return rows


def summarise(rows: list[dict[str, Any]], group: Callable[[dict[str, Any]], str]) -> dict[str, dict[str, float]]:
    """Means of the errors of :func:`measure` for each group of rows and for ``all``, and the two ratios.

    ``ratio placed`` is the network's error over that of the mean pose in the crop; ``ratio turned`` that after
    alignment over that of the mean pose laid over the truth.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    out = {}
    for name, chosen in [*sorted(groups.items()), ("all", rows)]:
        mean = {k: float(np.mean([r[k] for r in chosen])) for k in ("placed", "aligned", "mean placed", "mean turned")}
        mean["ratio placed"] = mean["placed"] / mean["mean placed"]
        mean["ratio turned"] = mean["aligned"] / mean["mean turned"]
        out[name] = mean | {"photos": len(chosen)}
    return out


def view_of(row: dict[str, Any]) -> str:
    """From where the head of a row of :func:`measure` is seen: ``front``, ``side`` or ``behind``."""
    return next(name for name, (low, high) in VIEWS.items() if low <= row["turn"] < high)
