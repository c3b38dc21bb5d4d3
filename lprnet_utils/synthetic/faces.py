"""Synthetic photos of faces with exact position maps."""

import numpy as np

from ..common.arrays import Array, Image
from ..datasets.shards import Sample
from ..geometry.camera import Camera, rotation_angles, rotation_matrix
from ..geometry.crop import crop_side
from ..geometry.shading import Light
from ..uv.layout import UVLayout
from .appearance import Appearance
from .effects import background, fingers, obstacle, shadow, simulate_camera
from .head import Head, Part
from .people import People, sample_picture_rotation, sample_pose
from .renderer import SUPERSAMPLING, Rendering, Surface, draw_head

BLOCK_SIZE = 32  # samples whose vertices are computed together


class SyntheticFaces:
    """An unlimited source of synthetic photos.

    A sample is determined by the seed and its number: the same picture on every machine with the same libraries.

    Parameters
    ----------
    seed : int
    size : int
        Side of images and maps.
    head : Head, optional
        Another head than the bundled one.
    people : People, optional
        Draws the coefficients of that head.
    layout : UVLayout, optional
        Of the position maps. By default it has the landmarks of labels, as when the bundled photos were made.

    Attributes
    ----------
    model : MorphableModel
        The bundled face model.
    landmark_weights : (68, V) sparse matrix
        From the face's vertices to its 68 landmarks.
    crop_weights : (L, V) sparse matrix
        From the vertices of the layout's mesh to the points that the crop goes round.

    Examples
    --------
    >>> from lprnet_utils.synthetic import SyntheticFaces
    >>> sample = SyntheticFaces(seed=0).sample(12)
    >>> sample.image.shape, sample.position_map.shape
    ((128, 128, 3), (128, 128, 3))
    """

    most_hidden = 0.5  # share of the face that hair, hat and glasses may hide

    def __init__(
        self, seed: int = 0, size: int = 128, head: Head | None = None, people: People | None = None,
        layout: UVLayout | None = None,
    ):  # fmt: skip
        self.seed, self.size = seed, size
        self.head = head or Head()
        self.model = self.head.model
        # crops, lashes and beards went by the landmarks of labels when the bundled photos were made
        self.layout = layout or UVLayout.of_labels(size)
        self.landmark_weights = self.layout.landmark_matrix @ self.layout.matrix
        self.crop_weights = self.landmark_weights
        self.people = people or People(self.model)
        self.appearance = Appearance(self.head, self.landmark_weights)
        self._cached_block: tuple = (None, None)

    def sample(self, number: int, geometry: bool = False) -> Sample:
        """Sample ``number`` of this seed, with depth, normals and visibility if ``geometry``."""
        coefficients, labels, heads = self.block(number // BLOCK_SIZE)
        k = number % BLOCK_SIZE
        rng = self.picture_rng(number)
        vertices, labels = heads[k], dict(labels[k])
        surface = self.surface(coefficients[k], vertices)
        picture_rotation, pose = self.pose(rng)
        labels["yaw"] = rotation_angles(pose)[1]
        camera = self.camera(rng, self.crop_weights @ surface, rotation_matrix(0, 0, picture_rotation) @ pose)
        position_map = self.layout.vertices_to_map(camera.project(surface).astype(np.float32))
        mean_depth = position_map[..., 2][self.layout.mask].mean()
        light, picture = self.scene(rng)
        if rng.random() < 0.12:
            picture = self._add_bystander(rng, picture, heads[(k + 1) % BLOCK_SIZE], camera)
        drawn = self._render_person(rng, vertices, camera, light, labels)
        optional = []
        if geometry:
            depth = drawn.depth.reshape(self.size, -1, self.size, SUPERSAMPLING).max((1, 3)) - mean_depth
            visible = drawn.sees(position_map)
            optional = [depth.astype(np.float32), drawn.normals(self.head.triangles), visible]
        position_map[..., 2] -= mean_depth
        picture = drawn.over(picture)
        if rng.random() < 0.15:
            picture = shadow(rng, picture)
        picture = self.put_before(rng, picture, drawn)
        image = self.photograph(rng, picture)
        return Sample(image, position_map, coefficients[k], camera, labels, *optional)

    def surface(self, coefficients: Array, vertices: Array) -> Array:
        """The vertices (V, 3) of the layout's mesh of a head with these coefficients and vertices: the face's."""
        return vertices[: self.head.face_count]

    def put_before(self, rng: np.random.Generator, picture: Array, drawn: Rendering) -> Array:
        """The picture (N, N, 3), seldom with fingers or an obstacle before the face."""
        if rng.random() < 0.08:
            return fingers(rng, picture, drawn.picture[drawn.coverage > 0.9])
        return obstacle(rng, picture) if rng.random() < 0.12 else picture

    def photograph(self, rng: np.random.Generator, picture: Array) -> Image:
        """The photo (N, N, 3) uint8 of a picture (N, N, 3) in linear light."""
        return simulate_camera(rng, picture)

    def scene(self, rng: np.random.Generator) -> tuple[Light, Array]:
        """The light, and the picture (N, N, 3) behind the person in linear light."""
        return Light.sample(rng), background(rng, self.size)

    def block(self, number: int) -> tuple[Array, tuple[dict, ...], Array]:
        """Coefficients, labels and vertices of a block of samples, by one matrix product for all of them."""
        if self._cached_block[0] != number:
            drawn = []
            for k in range(BLOCK_SIZE):
                rng = np.random.default_rng([self.seed, number * BLOCK_SIZE + k, 0])
                (person, labels), gaze = self.people.sample(rng), self.gaze(rng, number * BLOCK_SIZE + k)
                drawn.append((self.people.look(person, gaze), labels, gaze))
            coefficients, labels, gaze = zip(*drawn, strict=True)
            vertices = self.head.vertices(np.array(coefficients), gaze)
            self._cached_block = number, (np.array(coefficients), labels, vertices)
        return self._cached_block[1]

    def picture_rng(self, number: int) -> np.random.Generator:
        """What draws all of a sample but its person."""
        return np.random.default_rng([self.seed, number, 1])

    def pose(self, rng: np.random.Generator) -> tuple[float, Array]:
        """Rotation of the picture in degrees, and the head's pose (3, 3): the first that a sample draws."""
        return sample_picture_rotation(rng), sample_pose(rng)

    def gaze(self, rng: np.random.Generator, number: int) -> Array:
        """Pitch and yaw (2,) of a sample's eyes, in degrees from the head's front; up and to the head's right."""
        return rng.normal(0, [6, 12])

    def camera(self, rng: np.random.Generator, landmarks: Array, rotation: Array) -> Camera:
        """Camera for which the picture is the network's crop, with the scale and shift of an inexact face box."""
        flat = landmarks @ rotation.T * [1, -1, 1]
        low, high = flat.min(0), flat.max(0)
        scale = self.size / crop_side(np.r_[low[:2], high[:2]]) * np.exp(rng.uniform(np.log(0.85), np.log(1.2)))
        centre = (self.size - 1) / 2 + rng.uniform(-0.08, 0.08, 2) * self.size
        shift = centre - scale * (low + high)[:2] / 2
        return Camera(rotation, float(scale), np.r_[shift, 0.0])

    def _render_person(
        self, rng: np.random.Generator, vertices: Array, camera: Camera, light: Light, labels: dict
    ) -> Rendering:
        """One person, with the camera's exposure."""
        surface, parts = self.dress(rng, vertices, camera, light, labels)
        drawn = draw_head(self.head, vertices, surface, light, camera, self.size, parts)
        if drawn.hidden > self.most_hidden:  # too little of the face is seen to learn from
            drawn = draw_head(self.head, vertices, surface, light, camera, self.size)
        coarse = drawn.picture[::3, ::3][drawn.coverage[::3, ::3] > 0.5]
        tenth = 9 * coarse.size // 10
        bright = np.partition(coarse, tenth, None)[tenth] if coarse.size else 1.0
        exposure = (0.75 / max(bright, 0.03)) ** rng.uniform(0.4, 1.0) * np.exp(rng.normal(0, 0.3))
        drawn.picture[:] *= np.float32(exposure)
        return drawn

    def dress(
        self, rng: np.random.Generator, vertices: Array, camera: Camera, light: Light, labels: dict
    ) -> tuple[Surface, list[Part]]:
        """The surface of a head with vertices (n, 3), and what it wears; ``labels`` is added to."""
        surface, hair_color = self.appearance.surface(rng, labels)
        return surface, self.appearance.accessories(rng, vertices, hair_color, labels)

    def _add_bystander(self, rng: np.random.Generator, picture: Array, vertices: Array, camera: Camera) -> Array:
        """Draw another person into the picture, to the left or right of its centre."""
        side = rng.choice([-1, 1]) * rng.uniform(0.45, 0.8) * self.size
        shift = camera.translation + [side, rng.uniform(-0.3, 0.3) * self.size, 0]
        rotation = rotation_matrix(0, 0, sample_picture_rotation(rng)) @ sample_pose(rng)
        other = Camera(rotation, camera.scale * rng.uniform(0.5, 1.0), shift)
        return self._render_person(rng, vertices, other, Light.sample(rng), {}).over(picture)
