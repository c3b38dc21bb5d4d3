"""A head to animate: what it consists of, and how expression and pose move it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import rotation_matrix
from ..geometry.mesh import triangle_edges
from ..geometry.shading import GAMMA
from ..morphable_model.gaze import LOOK_ASIDE, LOOK_DOWN, LOOK_UP
from ..reconstruction.face import Face
from ..reconstruction.mesh_files import textured
from ..synthetic.head import Part, ambient_occlusion
from . import atlas, eyes, hair
from .mouth import Mouth, inside_of_mouth
from .person import PersonShape
from .pieces import NECK_LID, SKIN, SOCKET, Piece, compact
from .shape import LID, HeadShape
from .visemes import sided

if TYPE_CHECKING:
    import trimesh

SHADE_ROUNDS = 6
LASH_PICTURE = (512, 128)  # width and height in texels


class Avatar:
    """A face as a whole head with adjustable pose and expression.

    The face keeps its own shape and colours. Skull, ears, neck, eyes, teeth and tongue are MakeHuman's, with the
    identity that photos tell (:class:`.PersonShape`); where they meet the face, its details fall off smoothly.

    Parameters
    ----------
    face : Face
    texture : int
        Side of the texture in texels; two thirds of it show the face.
    hair : str, optional
        A name of :func:`.hair_styles`; ``photo``: short or long hair, or none, as the photo seems to show; or None.
    hair_color : str or (3,) array, optional
        A name such as ``brown``, ``#RRGGBB``, or RGB, 0 to 255; ValueError for others. By default the photo's, or
        brown.
    others : sequence of Face
        The same person in other photos or frames. They make the shape better; colours and eyes are those of ``face``.

    Attributes
    ----------
    rest : (n, 3) float32
        Vertices of the skin without the fitted expression, in mm of the face frame. The first are those of the face
        model. Details that the model does not explain stay.
    texture : (S, S, 3) uint8
        The colours of everything but hair and lashes.
    names : tuple of E str
        ARKit's names of the expressions, ``tongueOut`` last.
    targets : (E, n, 3) float32
        Offsets of the skin in mm.
    seen : (E,) float32
        The expression weights in the photo. Those that are found badly are 0 and stay in ``rest``, see
        :func:`lprnet_utils.reconstruction.expressions.unsupported_expressions`.
    eyes : (2, 3)
        Centres of the right and the left eyeball in mm.
    joints : dict
        Places (3,) in mm of the joints of Mixamo's skeleton.

    Raises
    ------
    ValueError
        If there is no such hair, or if the texture's side is not 2 to 8192.
    """

    def __init__(
        self,
        face: Face,
        texture: int = 1024,
        hair: str | None = "photo",
        hair_color: ArrayLike | None = None,
        others: Sequence[Face] = (),
    ):
        self.shape = shape = HeadShape.load()
        self.names = shape.names
        person = PersonShape.of([face, *others])
        identity, skin = person.identity, person.skin
        self.seen, self._details = np.append(person.seen, 0).astype(np.float32), person.details
        targets = shape.expression.copy()
        self.eyes = eyes.eye_centres(shape, identity, skin)
        eyes.clear_lids(shape, skin, targets, self.eyes)
        more, offsets, self._socket = eyes.sockets(shape, skin, targets, self.eyes)
        self.rest = np.concatenate([skin, more]).astype(np.float32)
        self.targets = np.concatenate([targets, offsets], 1).astype(np.float32)
        base = shape.base_vertices(identity)
        self.joints = self._joint_places(base)
        self._mouth = inside_of_mouth(shape, identity, self._details[shape.lip_rim].mean(0))
        self._dress(face, texture, base, hair, hair_color)

    def _joint_places(self, base: Array) -> dict[str, NDArray[np.float64]]:
        file = self.shape.file
        parts = np.split(file["joint_vertices"].astype(int), np.cumsum(file["joint_counts"].astype(int))[:-1])
        return {str(n): base[rows].mean(0).astype(float) for n, rows in zip(file["joint_names"], parts, strict=True)}

    def _dress(self, face: Face, texture: int, base: Array, style: str | None, hair_color: ArrayLike | None) -> None:
        """Choose hair and colours, and bake the texture."""
        skin = atlas.Skin(face, texture)
        colors, head = skin.colors, self.rest[: len(self.shape.mean)]
        seen, color = hair.seen_hair(face, head + self.seen_offsets(len(head)), skin.tone)
        if style == hair.FROM_PHOTO:
            style = hair.STYLES_OF_PHOTO.get(seen)
        if hair_color is not None:
            color = hair.linear_light(hair.rgb_of(hair_color))
        self.hair_color = np.asarray(hair.likely_color(skin.tone) if color is None else color, float)
        self.hair: Part | None = None
        if style is not None:
            self.hair = hair.hair_part(style, base, self._details, self.hair_color)
            cover = hair.under_hair(head, self.hair, len(self.shape.model.mean))
            colors = hair.shaded(colors, cover, self.hair_color)
        iris, white = eyes.eye_colors(face.image, face.irises, skin.tone)
        angle = eyes.iris_angle(face.irises, face.coefficients.camera.scale, float(self.shape.head_file["eye_radius"]))
        eye = eyes.eye_picture(round(atlas.EYE_TILE[2] * texture), iris, white, angle)
        self.texture: Image = atlas.bake(skin, texture, colors, eye)

    def seen_offsets(self, count: int) -> NDArray[np.float32]:
        """Offsets (count, 3) of the first vertices by the expression of the photo."""
        return np.tensordot(self.seen, self.targets[:, :count], 1)

    def skin_piece(self) -> Piece:
        """Face, skull, ears, neck and inside of the mouth: a closed mesh."""
        shape, count = self.shape, len(self.shape.model.mean)
        socket_corners, numbers = np.unique(self._socket, return_inverse=True)
        uv = np.concatenate([atlas.corner_uv(shape), np.tile(atlas.in_tile([[0.5, 0.5]], atlas.SOCKET_TILE),
                                                             (len(socket_corners), 1))])  # fmt: skip
        corner = np.r_[np.arange(count), shape.vertex, socket_corners]
        first = count + len(shape.vertex)
        parts = [shape.face_triangles, shape.corners + count, numbers.reshape(-1, 3) + first]
        lid = shape.chart[shape.corners[:, 0]] == LID
        group = np.r_[np.full(len(parts[0]), SKIN), np.where(lid, NECK_LID, SKIN), np.full(len(parts[2]), SOCKET)]
        return compact(
            Piece("Skin", self.rest, self.targets, np.concatenate(parts).astype(np.int32), uv, corner,
                  True, group.astype(np.uint8))
        )  # fmt: skip

    def skin_joints(self) -> NDArray[np.float32]:
        """Weights (m, 3) of the joints Spine2, Neck and Head at the vertices of :meth:`skin_piece`."""
        weights = np.tile(np.float32([0, 0, 1]), (len(self.rest), 1))
        weights[: len(self.shape.joint_weights)] = self.shape.joint_weights
        return weights[np.unique(np.concatenate([self.shape.triangles, self._socket]))]

    def eye_pieces(self) -> list[Piece]:
        """The right and the left eyeball, around their own centres."""
        points, uv, triangles = eyes.eyeball(float(self.shape.head_file["eye_radius"]))
        place = atlas.in_tile(uv, atlas.EYE_TILE)
        none = np.zeros((0, len(points), 3), np.float32)
        return [Piece.plain(f"Eye{side}", points, none, triangles, place) for side in eyes.SIDES]

    def mouth_piece(self) -> Piece:
        """Teeth and tongue."""
        mouth: Mouth = self._mouth
        tiles = (*atlas.TEETH_TILES.values(), atlas.TONGUE_TILE)
        uv = np.zeros((len(mouth.uv), 2))
        for kind, tile in enumerate(tiles):
            uv[mouth.kind == kind] = atlas.in_tile(mouth.uv[mouth.kind == kind], tile)
        return Piece.plain("Teeth", mouth.vertices, mouth.targets, mouth.triangles, uv)

    @cached_property
    def lashes(self) -> tuple[Piece, Image]:
        """The lashes and their texture (h, w, 4)."""
        shape, count = self.shape, len(self.shape.mean)
        color = np.minimum(self.hair_color, 0.05) * 0.5
        rest = eyes.fringes(shape, self.rest[:count], self.eyes, color)
        vertices = np.concatenate([part.vertices for part in rest])
        targets = np.zeros((len(self.names), *vertices.shape), np.float32)
        lids = np.concatenate([np.r_[lids.upper, lids.lower] for lids in shape.eyelids])
        for k, target in enumerate(self.targets[:, :count]):
            if np.abs(target[lids]).max() > 0.02:
                moved = eyes.fringes(shape, self.rest[:count] + target, self.eyes, color)
                targets[k] = np.concatenate([part.vertices for part in moved]) - vertices
        kinds = len(rest) // 2  # of parts: upper lashes, lower lashes, shadow
        sheets = np.concatenate([part.texture for part in rest[:kinds]])
        picture = np.dstack([np.tile(np.rint(255 * color ** (1 / GAMMA)), (*sheets.shape[:2], 1)), sheets[..., 1]])
        picture = cv2.resize(picture.astype(np.float32), LASH_PICTURE, interpolation=cv2.INTER_AREA)
        uv = [part.uv * [1, 0.94 / kinds] + [0, (k % kinds + 0.03) / kinds] for k, part in enumerate(rest)]
        first = np.cumsum([0, *(len(part.vertices) for part in rest)])
        triangles = np.concatenate([part.triangles + n for part, n in zip(rest, first, strict=False)])
        return Piece.plain("Lashes", vertices, targets, triangles, np.concatenate(uv)), picture.astype(np.uint8)

    def hair_piece(self) -> tuple[Piece, Image] | None:
        """The hair and its texture (h, w, 4); None without hair."""
        if self.hair is None:
            return None
        none = np.zeros((0, len(self.hair.vertices), 3), np.float32)
        uv = np.asarray(self.hair.uv, float)
        return Piece.plain("Hair", self.hair.vertices, none, self.hair.triangles, uv), hair.hair_picture(self.hair)

    def vertices(
        self, expression: ArrayLike | dict[str, float] = (), pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Vertices (n, 3) of the skin in mm, posed: y up, z toward the viewer. The first are those of the face model.

        Parameters
        ----------
        expression : dict of :meth:`weights` by name, or (E,) array
            Missing weights are 0.
        pose : pitch, yaw, roll in degrees

        Raises
        ------
        ValueError
            If there is no expression of a name, or if there are too many weights.
        """
        moved = self.rest + np.tensordot(self.all_weights(expression), self.targets, 1)
        return (moved @ rotation_matrix(*pose).T).astype(np.float32)

    def all_weights(self, expression: ArrayLike | dict[str, float]) -> NDArray[np.float32]:
        """Weights (E,) of an expression by name or by the first weights; ValueError if there are too many."""
        if isinstance(expression, dict):
            return self.weights(expression)
        given = np.asarray(expression, np.float32).ravel()
        if len(given) > len(self.names):
            raise ValueError(f"{len(given)} expression weights given, this avatar has {len(self.names)}")
        return np.append(given, np.zeros(len(self.names) - len(given), np.float32))

    @cached_property
    def surface(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Triangles (T, 3) and texture positions (C, 2) of :meth:`surface_points`."""
        first = np.cumsum([0, *(len(piece.corner) for piece in self.solid)])
        triangles = [piece.triangles + n for piece, n in zip(self.solid, first, strict=False)]
        return np.concatenate(triangles).astype(np.int32), np.concatenate([piece.uv for piece in self.solid])

    @cached_property
    def surface_places(self) -> NDArray[np.intp]:
        """For each of the :meth:`surface_points` (C,) the number of the first one at the same place.

        Where the surface has an edge, as around the lid of the neck, those on each side count by themselves.
        """
        out, corners = [], 0
        for piece in self.solid:
            place = piece.corner.astype(np.int64)
            if len(piece.group):
                place[piece.triangles] += len(piece.vertices) * piece.group[:, None].astype(np.int64)
            _, first, number = np.unique(place, return_index=True, return_inverse=True)
            out.append(corners + first[number])
            corners += len(piece.corner)
        return np.concatenate(out)

    def surface_points(
        self, expression: ArrayLike | dict[str, float] = (), pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Points (C, 3) in mm of all that shows :attr:`texture`, posed; see :meth:`vertices`. The eyes turn too."""
        weights, points = self.all_weights(expression), []
        turns = dict(zip(eyes.SIDES, zip(self.eye_rotations(weights), self.eyes, strict=True), strict=True))
        for piece in self.solid:
            moved = piece.vertices
            if len(piece.targets):
                moved = moved + np.tensordot(weights, piece.targets, 1)
            elif piece.name.startswith("Eye"):
                turn, centre = turns[piece.name.removeprefix("Eye")]
                moved = (moved - centre) @ turn.T + centre
            points.append(moved[piece.corner])
        return (np.concatenate(points) @ rotation_matrix(*pose).T).astype(np.float32)

    @cached_property
    def shade(self) -> NDArray[np.float32]:
        """How much (C,) of the sky each of the :meth:`surface_points` sees at rest: folds and hollows see little."""
        places = self.surface_places
        triangles = np.ascontiguousarray(places[self.surface[0]], np.int32)
        seen = ambient_occlusion(self.surface_points(), triangles)
        edges, count = triangle_edges(triangles), len(places)
        both = np.concatenate([edges, edges[:, ::-1]])
        around = np.maximum(np.bincount(both[:, 0], minlength=count), 1)
        for _ in range(SHADE_ROUNDS):  # few directions were looked at: their rims are evened out
            seen = (seen + np.bincount(both[:, 0], seen[both[:, 1]], count) / around) / 2
        return seen[places].astype(np.float32)

    def mesh(
        self, expression: ArrayLike | dict[str, float] = (), pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> trimesh.Trimesh:
        """:meth:`surface_points` as a textured trimesh in metres, for :func:`lprnet_utils.reconstruction.save_mesh`.

        Hair and lashes, which are partly transparent, are not in it: :func:`.write_avatar` writes them.
        """
        triangles, uv = self.surface
        return textured(self.surface_points(expression, pose) / 1000, triangles, uv, self.texture)

    @cached_property
    def solid(self) -> list[Piece]:
        """All pieces that show :attr:`texture`: skin, teeth with tongue, both eyeballs in their places."""
        balls = [Piece.plain(e.name, e.vertices + c, e.targets, e.triangles, e.uv)
                 for e, c in zip(self.eye_pieces(), self.eyes, strict=True)]  # fmt: skip
        return [self.skin_piece(), self.mouth_piece(), *balls]

    def weights(self, expression: dict[str, float]) -> NDArray[np.float32]:
        """Weights (E,) by name; ValueError for an unknown one. A name without Left or Right stands for both sides."""
        by_name = sided(expression, self.names)
        return np.array([by_name.get(name, 0.0) for name in self.names], np.float32)

    def eye_rotations(self, weights: Array) -> list[NDArray[np.float64]]:
        """Rotations (3, 3) of the right and the left eye by the weights (E,) of ``eyeLook``."""
        by_name = dict(zip(self.names, np.asarray(weights, float), strict=True))
        out = []
        for side, inward in (("Right", -1), ("Left", 1)):
            up, down, into, away = (by_name[f"eyeLook{way}{side}"] for way in ("Up", "Down", "In", "Out"))
            out.append(rotation_matrix(LOOK_UP * up - LOOK_DOWN * down, inward * LOOK_ASIDE * (into - away), 0.0))
        return out
