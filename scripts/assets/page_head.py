"""The head that the page's avatar shows: ``data/head.npz`` with its 51 expressions as a small .glb file.

Vertices are 16-bit multiples of ``UNIT``, and a morph target stores only the vertices that it moves (glTF's sparse
accessors with ``KHR_mesh_quantization``), which makes the file eight times smaller than one of floats. Eyeballs are
nodes of their own, ``RightEye`` and ``LeftEye``, so that they can turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from page_paint import skin_texture
from scipy.spatial import cKDTree

from lprnet_utils.avatar.gltf import BYTE, ELEMENT_BUFFER, FLOAT, SHORT, USHORT, Glb, material
from lprnet_utils.geometry.mesh import vertex_normals
from lprnet_utils.synthetic.head import Head
from lprnet_utils.uv.outline import cut_mesh

UNIT = 5e-5  # metres
MOVED = 1  # units that a vertex moves at least, to be stored
COLLAR = -64.0  # mm above the underside of the chin: cloth begins below it
CLOTH_THICKNESS = 2.5  # mm
BUST_CENTRE, BUST_RADII = (0.0, -20.0, -75.0), (172.0, 262.0, 175.0)  # mm: the bust ends at this ellipsoid
CLOTH = (0.055, 0.10, 0.16)  # linear RGB
# of the cap, in mm: its edge at the front and how it falls toward the back, the brim's width, the wool
CAP_EDGE, CAP_SLOPE, CAP_BRIM, CAP_THICKNESS = 56.0, 0.2, 24.0, 6.0
CAP_ROUNDS, CAP_RIBS, CAP_COLOR = 3, 64, (0.62, 0.20, 0.13)
TEETH, MOUTH = (0.80, 0.75, 0.66), (0.10, 0.02, 0.02)
EYE_ROWS, EYE_COLUMNS, EYE_TEXTURE = 20, 28, 128
IRIS_RADIUS, PUPIL_RADIUS = np.deg2rad(27.0), np.deg2rad(10.5)  # angles from the axis of the eyeball
IRIS_COLOR, RING_COLOR = (112, 72, 40), (42, 26, 16)


@dataclass
class Piece:
    """A mesh whose vertices depend linearly on those of the head."""

    vertices: np.ndarray  # (n, 3) mm
    targets: np.ndarray  # (E, n, 3) mm
    triangles: np.ndarray
    colors: np.ndarray  # (n, 3) linear, 0 to 1
    uv: np.ndarray | None = None
    normals: np.ndarray | None = None  # (n, 3); those of the mesh if None


def head_glb() -> bytes:
    """The file of the avatar's head: the node Head, and Skin, Cap, RightEye and LeftEye below it."""
    head, glb = Head(), Glb()
    names = list(head.model.expression_names)
    rest, moved = head_shapes(head)
    skin = skin_texture(512)
    face = glb.add("materials", material(glb.texture(skin)))
    plain = glb.add("materials", material())
    pieces = [(face_piece(head, rest, moved), face)]
    pieces += [(piece, plain) for piece in (skin_piece(head, rest, moved), inside_piece(head, rest, moved))]
    primitives = [primitive(glb, piece, used) for piece, used in pieces]
    mesh = {"name": "Skin", "primitives": primitives, "weights": [0.0] * len(names), "extras": {"targetNames": names}}
    scale = {"scale": [UNIT] * 3}
    nodes = [{"name": "Skin", "mesh": glb.add("meshes", mesh)} | scale]
    nodes.append({"name": "Cap", "mesh": glb.add("meshes", cap_mesh(glb, head, rest))} | scale)
    ball = glb.add("meshes", eye_mesh(glb, float(head.file["eye_radius"])))
    for name, centre in zip(("RightEye", "LeftEye"), head.file["eye_centre"], strict=True):
        nodes.append({"name": name, "mesh": ball, "translation": np.round(centre / 1000, 6).tolist()})
    children = [glb.add("nodes", node) for node in nodes]
    glb.tree["scenes"] = [{"nodes": [glb.add("nodes", {"name": "Head", "children": children})]}]
    glb.tree |= {
        "scene": 0,
        "extensionsUsed": ["KHR_mesh_quantization"],
        "extensionsRequired": ["KHR_mesh_quantization"],
    }
    glb.tree["asset"]["copyright"] = "MakeHuman's base mesh, targets and skins, CC0 1.0"
    return glb.bytes()


def head_shapes(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) of the mean head in mm, and the offsets (E, n, 3) of its expressions."""
    people, count = len(head.model.identity), len(head.model.expression)
    coefficients = np.zeros((count + 1, people + count))
    coefficients[1:, people:] = np.eye(count)
    shapes = head.vertices(coefficients, np.zeros((count + 1, 2)))
    return shapes[0], shapes[1:] - shapes[0]


def face_piece(head: Head, rest: np.ndarray, moved: np.ndarray) -> Piece:
    """The face with its texture, which light in folds darkens."""
    n = head.face_count
    light = np.repeat(occlusion(head)[:n, None], 3, 1)
    return Piece(rest[:n], moved[:, :n], head.triangles[: head.face_triangles], light, head.model.uv)


def skin_piece(head: Head, rest: np.ndarray, moved: np.ndarray) -> Piece:
    """Skull, ears and neck, and a shirt below the collar. The bust ends at an ellipsoid."""
    part = head.kind["head"]
    points, offsets = rest[part], moved[:, part]
    triangles = head.file["triangles"].astype(int)
    shades = np.array([head.file["head_colors"][k] for k in skin_numbers(head)], float) / 255
    colors = (shades**2.2).mean(0) * occlusion(head)[part, None]
    inside = 1 - (((points - BUST_CENTRE) / BUST_RADII) ** 2).sum(1)
    matrix, triangles = cut_mesh(inside, triangles)
    points, colors = matrix @ points, matrix @ colors
    offsets = np.stack([matrix @ one for one in offsets])
    collar = matrix @ (head.file["height"] - COLLAR) - 0.0012 * points[:, 0] ** 2  # it dips at the front
    neck, neck_triangles = cut_mesh(collar, triangles)
    shirt, shirt_triangles = cut_mesh(-collar, triangles)
    normals = vertex_normals(np.asarray(shirt @ points, np.float32), shirt_triangles)
    cloth = shirt @ points + CLOTH_THICKNESS * normals
    light = np.clip((shirt @ colors).mean(1) / max(colors.mean(), 1e-6), 0.6, 1.1)[:, None]
    vertices = np.concatenate([neck @ points, cloth])
    targets = np.stack([np.concatenate([neck @ one, shirt @ one]) for one in offsets])
    both = np.concatenate([neck_triangles, shirt_triangles + neck.shape[0]])
    return Piece(vertices, targets, both, np.concatenate([neck @ colors, light * CLOTH]))


def inside_piece(head: Head, rest: np.ndarray, moved: np.ndarray) -> Piece:
    """Teeth and the dark pocket behind the lips."""
    teeth = head.file["teeth_triangles"].astype(int) + head.face_count
    pocket = head.triangles[-3 * len(head.rim) :]
    triangles = np.concatenate([teeth, pocket])
    kept, numbers = np.unique(triangles, return_inverse=True)
    are_teeth, numbers = np.isin(kept, head.teeth)[:, None], numbers.reshape(-1, 3)
    colors = np.where(are_teeth, TEETH, MOUTH) * np.ones((1, 3))
    # a row of teeth is a thin band: the means over its front, edge and back would leave the front in the dark
    points = rest[kept]
    outward = points * [1, 0, 1] - [0, 0, points[are_teeth[:, 0], 2].min()]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    facing = np.where(are_teeth, outward, mesh_normals(points, numbers))
    return Piece(points, moved[:, kept], numbers, colors, normals=facing)


def skin_numbers(head: Head) -> list[int]:
    """The numbers of the skins that the avatar's is a mean of."""
    names = head.file["skin_names"].tolist()
    return [names.index(name) for name in ("young_african_female", "young_asian_female")]


def occlusion(head: Head) -> np.ndarray:
    """Light (n,), 0 to 1, that reaches the vertices: half of the ambient occlusion, so that folds stay soft."""
    return 0.5 + 0.5 * np.clip(head.ambient_occlusion, 0, 1)


def primitive(glb: Glb, piece: Piece, material: int) -> dict[str, Any]:
    """A glTF primitive of a piece, with a morph target for each expression."""
    places = np.rint(piece.vertices / 1000 / UNIT).astype(int)
    facing = mesh_normals(piece.vertices, piece.triangles) if piece.normals is None else piece.normals
    attributes = {"POSITION": glb.positions(places, SHORT), "NORMAL": unit_vectors(glb, facing)}
    attributes["COLOR_0"] = glb.accessor(np.rint(255 * np.clip(piece.colors, 0, 1)), 5121, normalized=True)
    if piece.uv is not None:
        attributes["TEXCOORD_0"] = glb.accessor(np.rint(65535 * piece.uv), USHORT, normalized=True)
    targets = [{"POSITION": target(glb, np.rint(one / 1000 / UNIT).astype(int))} for one in piece.targets]
    indices = glb.accessor(piece.triangles.ravel(), USHORT, ELEMENT_BUFFER)
    return {"attributes": attributes, "indices": indices, "material": material, "targets": targets}


def target(glb: Glb, offsets: np.ndarray) -> int:
    """A sparse accessor of whole offsets (n, 3) of a morph target, in bytes where they fit."""
    small = np.abs(offsets).max() <= 127
    return glb.sparse(offsets, BYTE if small else SHORT, MOVED)


def mesh_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (n, 3) of a mesh."""
    return vertex_normals(np.asarray(vertices, np.float32), np.asarray(triangles, np.int32))


def unit_vectors(glb: Glb, units: np.ndarray) -> int:
    """An accessor of unit vectors (n, 3) in bytes."""
    return glb.accessor(np.rint(127 * units), BYTE, normalized=True)


def cap_mesh(glb: Glb, head: Head, rest: np.ndarray) -> dict[str, Any]:
    """A knitted cap: the skull above a line, moved outward and made smooth, with a brim."""
    skin = head.triangles[: head.skin_triangles]
    points = np.asarray(rest, np.float32)
    above = points[:, 1] - (CAP_EDGE + CAP_SLOPE * points[:, 2])
    matrix, triangles = cut_mesh(np.where(points[:, 2] > -215, above, -1).astype(np.float32), skin)
    points, height = matrix @ points, np.asarray(matrix @ above)
    # face and head are two meshes that overlap a little: what lies at the same place moves together
    tree = cKDTree(points)
    near = tree.query(points, 9)[1]
    middle = np.array([0.0, 15.0, -85.0])
    for _ in range(CAP_ROUNDS):
        points = 0.5 * points + 0.5 * points[near].mean(1)
    outward = (points - middle) / np.linalg.norm(points - middle, axis=1, keepdims=True)
    brim = np.clip((CAP_BRIM - height) / 2.5, 0, 1) * np.clip(height / 2.0 + 0.25, 0, 1)
    ribs = 0.5 + 0.5 * np.cos(CAP_RIBS * np.arctan2(points[:, 0], points[:, 2] - middle[2]))
    points = points + outward * (CAP_THICKNESS + 3.2 * brim)[:, None]
    shade = (0.78 + 0.22 * ribs) * (1 + 0.18 * brim) * np.clip(0.55 + height / 30, 0.55, 1)
    colors = np.clip(shade[:, None] * CAP_COLOR, 0, 1)
    used = glb.add("materials", material(None, 0.9, doubleSided=True))
    attributes = {
        "POSITION": glb.positions(np.rint(points / 1000 / UNIT).astype(int), SHORT),
        "NORMAL": unit_vectors(glb, smooth_normals(points, triangles, near)),
        "COLOR_0": glb.accessor(np.rint(255 * colors), 5121, normalized=True),
    }
    indices = glb.accessor(triangles.ravel(), USHORT, ELEMENT_BUFFER)
    return {"name": "Cap", "primitives": [{"attributes": attributes, "indices": indices, "material": used}]}


def smooth_normals(points: np.ndarray, triangles: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Unit normals (n, 3) that do not show where two meshes meet."""
    units = mesh_normals(points, triangles)[near].mean(1)
    return units / np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-9)


def eye_mesh(glb: Glb, radius: float) -> dict[str, Any]:
    """An eyeball in metres that looks along z; its texture is a picture of it from the front."""
    polar = np.pi * 0.72 * np.linspace(0, 1, EYE_ROWS) ** 1.15
    around = np.arange(EYE_COLUMNS) * 2 * np.pi / EYE_COLUMNS
    grid = [np.outer(np.sin(polar), np.cos(around)), np.outer(np.sin(polar), np.sin(around))]
    units = np.stack([*grid, np.repeat(np.cos(polar)[:, None], EYE_COLUMNS, 1)], -1).reshape(-1, 3)
    spread = np.repeat(polar / polar[-1], EYE_COLUMNS)  # the texture has the polar angle as its radius
    flat = units[:, :2] / np.maximum(np.linalg.norm(units[:, :2], axis=1, keepdims=True), 1e-9)
    uv = 0.5 + 0.5 * flat * spread[:, None] * [1, -1]
    number = np.arange(len(units)).reshape(EYE_ROWS, EYE_COLUMNS)
    a, b = number[:-1], number[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    used = glb.add("materials", material(glb.texture(eye_texture(polar[-1]), 92), 0.12))
    attributes = {
        "POSITION": glb.positions(np.float32(units * radius / 1000), FLOAT),
        "NORMAL": unit_vectors(glb, units),
        "TEXCOORD_0": glb.accessor(np.rint(65535 * uv), USHORT, normalized=True),
    }
    indices = glb.accessor(triangles.ravel(), USHORT, ELEMENT_BUFFER)
    return {"name": "Eye", "primitives": [{"attributes": attributes, "indices": indices, "material": used}]}


def eye_texture(last_angle: float) -> np.ndarray:
    """Pupil, iris with its fibres, limbus and white: (EYE_TEXTURE, EYE_TEXTURE, 3) uint8."""
    n, rng = 4 * EYE_TEXTURE, np.random.default_rng(5)
    y, x = (np.mgrid[:n, :n] + 0.5) / n * 2 - 1
    angle, turn = np.hypot(x, y) * last_angle, np.arctan2(y, x)
    fibres = sum(np.cos(k * turn + rng.uniform(0, 6.3)) for k in (17, 29, 43, 61, 89)) / 5
    depth = np.clip((angle - PUPIL_RADIUS) / (IRIS_RADIUS - PUPIL_RADIUS), 0, 1)
    iris = np.array(IRIS_COLOR) * (1.15 - 0.45 * np.abs(depth - 0.35) + 0.25 * fibres)[..., None]
    limbus = np.clip((angle - 0.84 * IRIS_RADIUS) / (0.14 * IRIS_RADIUS), 0, 1)[..., None]
    iris = iris + limbus * (np.array(RING_COLOR) - iris)
    red = np.clip((angle - 0.9) / 0.8, 0, 1)[..., None]
    white = np.array([226, 222, 216]) * (1 - red) + np.array([196, 150, 138]) * red
    outside = np.clip((angle - IRIS_RADIUS) / 0.035 + 0.5, 0, 1)[..., None]
    picture = iris + outside * (white - iris)
    pupil = np.clip((PUPIL_RADIUS - angle) / 0.02 + 0.5, 0, 1)[..., None]
    picture = picture + pupil * (np.array([8, 7, 7]) - picture)
    small = cv2.resize(picture, (EYE_TEXTURE, EYE_TEXTURE), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)
