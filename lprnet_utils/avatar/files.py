"""An avatar as a .glb file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..common.files import check_ending, write_files
from ..reconstruction.face import Face
from .avatar import Avatar
from .eyes import SIDES
from .gltf import ELEMENT_BUFFER, FLOAT, UBYTE, USHORT, Glb, material
from .hair import HAIR_CUT
from .motion import Motion, MovedNodes, add_motion
from .pieces import Piece
from .visemes import VISEMES, sided

LEAST_MOVE = 6e-5  # metres: vertices that a target moves less are left out of it
LEAST_TURN = 0.05  # the same for the normals
ROUGHNESS = {"Skin": 0.58, "Teeth": 0.3, "Eyes": 0.08, "Hair": 0.75, "Lashes": 0.9}
SKELETON = "Spine2", "Neck", "Head"  # of Mixamo's names; the eyes hang on the head
JPEG_QUALITY = 92


def write_avatar(
    face: Face,
    path: str | Path,
    texture: int = 1024,
    as_seen: bool = False,
    hair: str | None = "photo",
    hair_color: ArrayLike | None = None,
    others: Sequence[Face] = (),
) -> Path:
    """Write an :class:`Avatar` as a .glb file that three.js, Blender and game engines can animate, and return its path.

    It holds a head in metres, y up, looking along z, at the size of the mean face. Its skin, its teeth and its lashes
    have the same morph targets: ARKit's 52 expressions and the 15 visemes of :mod:`.visemes`, named in
    ``extras.targetNames``, as glTF 2.0 suggests (3.7.2.2). Software that drives other ARKit avatars drives this one;
    in three.js: ``mesh.morphTargetDictionary["jawOpen"]``. The joints have Mixamo's names: ``Neck`` and ``Head`` turn
    the head, ``LeftEye`` and ``RightEye`` the eyeballs.

    Parameters
    ----------
    face : Face
    path : path
        Ends in ``.glb``.
    texture : int
        Side of the texture in texels: 1024, 2048.
    as_seen : bool
        Use the photo's expression as initial weights, and turn the eyes; otherwise the face is at rest.
    hair, hair_color, others
        See :class:`Avatar`.

    Raises
    ------
    ValueError, FileNotFoundError
        If the path has another ending, if there is no such hair; if there is no such folder.
    """
    path = check_ending(path, (".glb",))
    avatar = Avatar(face, texture, hair, hair_color, others)
    write_files({path: glb_of(avatar, avatar.seen if as_seen else np.zeros_like(avatar.seen))})
    return path


def glb_of(avatar: Avatar, weights: Array, motion: Motion | None = None) -> bytes:
    """The file of an avatar with initial weights (E,), and with an animation if there is a motion."""
    glb = Glb()
    picture = glb.texture(avatar.texture, JPEG_QUALITY, "atlas")
    used = {name: glb.add("materials", material(picture, ROUGHNESS[name], name=name))
            for name in ("Skin", "Teeth", "Eyes")}  # fmt: skip
    joints = {name: avatar.joints[name] / 1000 for name in SKELETON}
    head = joints["Head"]

    def node(name: str, origin: Array, parent: Array, **keys: Any) -> dict[str, Any]:
        return {"name": name, "translation": np.round(origin - parent, 6).tolist()} | keys

    def mesh_below_head(piece: Piece, number: int) -> int:
        mesh = glb.add("meshes", mesh_of(glb, avatar, piece, number, weights))
        return glb.add("nodes", node(piece.name, np.zeros(3), head, mesh=mesh))

    eye_joints = {}
    for side, ball, centre, turn in zip(
        SIDES, avatar.eye_pieces(), avatar.eyes / 1000, avatar.eye_rotations(weights), strict=True
    ):
        mesh = glb.add("meshes", mesh_of(glb, avatar, ball, used["Eyes"], weights))
        child = glb.add("nodes", {"name": ball.name, "mesh": mesh})
        eye = node(f"{side}Eye", centre, head, children=[child])
        if not np.allclose(turn, np.eye(3)):
            eye["rotation"] = quaternion(turn)
        eye_joints[side] = glb.add("nodes", eye)
    morphed = [mesh_below_head(avatar.mouth_piece(), used["Teeth"])]
    lashes, strands = avatar.lashes
    look = material(glb.texture(strands, None, "lashes"), ROUGHNESS["Lashes"], name="Lashes", alphaMode="BLEND")
    morphed.append(mesh_below_head(lashes, glb.add("materials", look | {"doubleSided": True})))
    below_head = [*eye_joints.values(), *morphed]
    if avatar.hair is not None:
        hair, strands = avatar.hair_piece()
        look = material(glb.texture(strands, None, "hair"), ROUGHNESS["Hair"], name="Hair", alphaMode="MASK")
        look |= {"alphaCutoff": HAIR_CUT, "doubleSided": True}
        below_head.append(mesh_below_head(hair, glb.add("materials", look)))
    chain, children = {}, below_head
    for name, parent in zip(SKELETON[::-1], [*SKELETON[-2::-1], None], strict=True):
        origin = np.zeros(3) if parent is None else joints[parent]
        chain[name] = glb.add("nodes", node(name, joints[name], origin, children=children))
        children = [chain[name]]
    skin = add_skin(glb, avatar, [*(chain[name] for name in SKELETON), *(eye_joints[s] for s in SIDES)])
    body = {"name": "Skin", "skin": skin, "mesh": glb.add("meshes", skin_mesh(glb, avatar, used["Skin"], weights))}
    root = glb.add("nodes", body)
    glb.tree |= {"scene": 0, "scenes": [{"name": "Avatar", "nodes": [root, chain["Spine2"]]}]}
    if motion is not None:
        add_motion(glb, avatar, motion, MovedNodes([root, *morphed], chain["Neck"], chain["Head"], eye_joints))
    return glb.bytes()


def quaternion(rotation: Array) -> list[float]:
    """A rotation (3, 3) as x, y, z, w."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation).as_quat().round(6).tolist()


def add_skin(glb: Glb, avatar: Avatar, joints: list[int]) -> int:
    """The skeleton: its joints, which are not turned at rest, so that only their places are taken off."""
    places = [*(avatar.joints[name] for name in SKELETON), *avatar.eyes]
    matrices = np.tile(np.eye(4), (len(places), 1, 1))
    matrices[:, :3, 3] = -np.array(places) / 1000
    columns = matrices.transpose(0, 2, 1).reshape(-1, 16)  # glTF stores columns
    inverse = glb.accessor(columns, FLOAT, None)
    return glb.add("skins", {"joints": joints, "skeleton": joints[0], "inverseBindMatrices": inverse})


def skin_mesh(glb: Glb, avatar: Avatar, number: int, weights: Array) -> dict[str, Any]:
    """The mesh of the skin, with the weights of its joints."""
    piece = avatar.skin_piece()
    mesh = mesh_of(glb, avatar, piece, number, weights)
    shares = np.zeros((len(piece.vertices), 4))
    shares[:, :3] = avatar.skin_joints()
    shares = np.rint(255 * shares)
    shares[np.arange(len(shares)), shares.argmax(1)] += 255 - shares.sum(1)  # they add up to 1
    attributes = mesh["primitives"][0]["attributes"]
    numbers = np.where(shares > 0, np.arange(4), 0)
    attributes["JOINTS_0"] = glb.accessor(numbers[piece.corner], UBYTE)
    attributes["WEIGHTS_0"] = glb.accessor(shares[piece.corner], UBYTE, normalized=True)
    return mesh


def mesh_of(glb: Glb, avatar: Avatar, piece: Piece, number: int, weights: Array) -> dict[str, Any]:
    """A mesh of a piece in metres with its material, and a morph target for each expression and viseme."""
    normals = piece.normals(piece.vertices)
    attributes = {
        "POSITION": glb.positions(piece.vertices[piece.corner] / 1000, FLOAT),
        "NORMAL": glb.accessor(normals, FLOAT),
        "TEXCOORD_0": glb.accessor(piece.uv, FLOAT),
    }
    primitive: dict[str, Any] = {"attributes": attributes, "material": number}
    primitive["indices"] = glb.accessor(piece.triangles.ravel(), USHORT, ELEMENT_BUFFER)
    mesh = {"name": piece.name, "primitives": [primitive]}
    if not len(piece.targets):
        return mesh
    names, targets = [*avatar.names, *VISEMES], []
    mixtures = np.array([avatar.weights(sided(mix, avatar.names)) for mix in VISEMES.values()])
    for offsets in [*piece.targets, *np.tensordot(mixtures, piece.targets, 1)]:
        target = {"POSITION": glb.sparse(offsets[piece.corner] / 1000, FLOAT, LEAST_MOVE)}
        if piece.turns:
            turned = piece.normals(piece.vertices + offsets) - normals
            target["NORMAL"] = glb.sparse(turned, FLOAT, LEAST_TURN, bounds=False)
        targets.append(target)
    primitive["targets"] = targets
    start = np.r_[weights, np.zeros(len(VISEMES))]
    return mesh | {"weights": np.round(start, 4).tolist(), "extras": {"targetNames": names}}
