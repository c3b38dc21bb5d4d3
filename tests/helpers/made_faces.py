"""Faces with known geometry: the model's, seen by a given camera."""

from dataclasses import replace

import numpy as np

from lprnet_utils import Face, MorphableModel, UVLayout
from lprnet_utils.geometry import Camera, rotation_matrix
from lprnet_utils.morphable_model import Fits


def made_face(pitch=0.0, yaw=0.0, roll=0.0, identity=(), size=300, expression=(), scale=1.1):
    """A :class:`Face` of the model in a photo of colour ramps, and its camera."""
    layout, model = UVLayout(), MorphableModel.load()
    camera = Camera(rotation_matrix(pitch, yaw, roll), scale, np.array([size / 2, size / 2 + 8, 0.0]))
    position = layout.vertices_to_map(camera.project(model.vertices(identity, expression)))
    y, x = np.mgrid[0:size, 0:size]
    photo = np.stack([x * 255 // size, y * 255 // size, np.full_like(x, 77)], -1).astype(np.uint8)
    return Face(position, 1.0, np.array([60, 60, 240, 240.0]), photo, layout), camera


def painted_face(paint, *pose, **options):
    """A face with the colours ``paint(u, v)`` (..., 3) of 0 to 255 in a grey photo, and its camera."""
    face, camera = made_face(*pose, **options)
    places = face.uv_coordinates()
    colors = np.where(places[..., 2:] > 0, paint(places[..., 0], places[..., 1]), 128.0)
    return replace(face, image=np.clip(np.rint(colors), 0, 255).astype(np.uint8)), camera


def mean_vertices():
    """Vertices of the mean face, in the order of the mesh of a :class:`Face`."""
    layout = UVLayout()
    return layout.trimmed_mesh()[0] @ layout.mean_map.reshape(-1, 3)


def stripes(u, v):
    """Symmetric stripes, too fine to survive a blur, and different in each channel."""
    side = np.abs(u - 0.5)
    return np.stack([120 + 60 * np.cos(40 * v), 120 + 60 * np.cos(30 * side), 60 + 200 * v], -1)


def sample_fits(mean, basis, count, rng):
    """Random fits of a landmark model, and their landmarks (count, 68, 3)."""
    coefficients = np.c_[
        rng.normal(size=(count, 80)) * 0.7, rng.uniform(0, 0.5, (count, 51)) * (rng.random((count, 51)) < 0.1)
    ]
    rotations = np.array([rotation_matrix(*rng.uniform([-25, -80, -40], [25, 80, 40])) for _ in range(count)])
    scale = rng.uniform(0.4, 2.0, count)
    truth = Fits(coefficients, rotations, scale, rng.uniform(-50, 200, (count, 3)))
    return truth, truth.evaluate(mean, basis)
