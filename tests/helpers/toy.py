"""A source of photos with known faces, and a network small enough to train in a test."""

import keras
import numpy as np
from keras import layers

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.datasets import AUGMENTATIONS, Augmentation
from lprnet_utils.datasets.sources import Source
from lprnet_utils.geometry import Camera, landmark_box, rotation_matrix

# geometric changes only: the colours stay as they are
AUGMENTATIONS["geometry"] = Augmentation(0.5, 20, 60, 0.1, (0.85, 1.2), 0.08, (1, 1))


class ToySource(Source):
    """Faces of the model, drawn as one bright dot at the tip of the nose of a 160 x 160 photo."""

    cropped, size = False, 128

    def __init__(self, count, seed=0):
        rng = np.random.default_rng(seed)
        layout, model = UVLayout(), MorphableModel.load()
        self.weights = np.ones(count)
        self._maps, self._landmarks, self._images = [], [], []
        y, x = np.mgrid[0:160, 0:160]
        for _ in range(count):
            camera = Camera(rotation_matrix(*rng.uniform(-20, 20, 3)), 0.7, np.array([80.0, 80.0, 0.0]))
            position = layout.vertices_to_map(camera.project(model.vertices(rng.normal(size=80))))
            points = layout.landmarks(position)
            dot = 255 * np.exp(-((x - points[30, 0]) ** 2 + (y - points[30, 1]) ** 2) / 8)
            self._maps.append(position)
            self._landmarks.append(points)
            self._images.append(dot[..., None].repeat(3, 2).astype(np.uint8))

    def __len__(self):
        return len(self._maps)

    def image(self, i):
        return self._images[i]

    def landmarks(self, i):
        return self._landmarks[i]

    def box(self, i):
        return landmark_box(self._landmarks[i])

    def maps(self, indices):
        return np.stack([self._maps[i] for i in indices])


def tiny_network():
    inputs = keras.Input((128, 128, 3))
    x = layers.Conv2D(4, 5, strides=8, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.UpSampling2D(8)(x)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="sigmoid")(x))
