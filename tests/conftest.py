"""Fixtures shared by several folders. Tests that need optional real data are skipped without it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.common import data_path, read_image
from lprnet_utils.uv import texture

collect_ignore_glob = ["course/wrong_answers/*"]  # parts of notebooks, which run there alone

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow


def _real_data(variable: str):
    """A fixture with the folder that an environment variable names."""

    @pytest.fixture(scope="session")
    def folder() -> Path:
        value = os.environ.get(variable)
        if not value:
            pytest.skip(f"{variable} is not set: this test needs real data that does not ship with the project")
        if not Path(value).is_dir():
            pytest.fail(f"{variable} is {value}, which is not a folder: correct it, or unset it to skip the test")
        return Path(value)

    return folder


aflw2000_dir = _real_data("LPRNET_AFLW2000")  # AFLW2000-3D, or a part of it
aflw_train_dir = _real_data("LPRNET_AFLW_TRAIN")  # the training photos
ict_dir = _real_data("LPRNET_ICT")  # arrays and sample files of ICT-FaceKit
w300_dir = _real_data("LPRNET_300WLP")  # samples of 300W-LP


@pytest.fixture(scope="session")
def net() -> LPRNet:
    """The default weights."""
    return LPRNet()


@pytest.fixture(scope="session")
def photos():
    """The bundled photos by name."""
    names = json.loads(data_path("samples/points.json").read_text(encoding="utf-8"))["photos"]
    return {name: read_image(data_path(f"samples/{name}")) for name in names}


@pytest.fixture(scope="session")
def faces(net, photos):
    """The faces found in each bundled photo."""
    return {name: net.reconstruct(photo) for name, photo in photos.items()}


@pytest.fixture(scope="session")
def model() -> MorphableModel:
    return MorphableModel.load()


@pytest.fixture(scope="session")
def layout() -> UVLayout:
    return UVLayout()


@pytest.fixture(scope="session")
def landmark_model(model, layout):
    """The 68 landmarks of the face model: mean (68, 3) and basis (K + E, 68, 3)."""
    mean, basis = layout.position_basis(model)
    read = layout.landmark_matrix
    return read @ mean, np.stack([read @ b for b in basis])


@pytest.fixture
def painted_skin(monkeypatch):
    """Textures keep all colours: the stripes that tests paint onto a face are unlike skin."""
    monkeypatch.setattr(texture, "skin_unlikeness", lambda colors, trust, layout: np.zeros(trust.shape, np.float32))
