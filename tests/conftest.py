"""Fixtures shared by several folders. Tests that need optional real data are skipped without it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.common import data_path, read_image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: this test needs real data that does not ship with the project")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable} is set to {value}, which is not a folder: correct it, or unset it to skip this test")
    return folder


@pytest.fixture(scope="session")
def aflw2000_dir() -> Path:
    """AFLW2000-3D, or a part of it."""
    return _folder("LPRNET_AFLW2000")


@pytest.fixture(scope="session")
def aflw_train_dir() -> Path:
    """The training photos."""
    return _folder("LPRNET_AFLW_TRAIN")


@pytest.fixture(scope="session")
def ict_dir() -> Path:
    """Arrays and sample files of ICT-FaceKit."""
    return _folder("LPRNET_ICT")


@pytest.fixture(scope="session")
def w300_dir() -> Path:
    """Samples of 300W-LP."""
    return _folder("LPRNET_300WLP")


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
def landmark_model():
    """The 68 landmarks of the face model: mean (68, 3) and basis (K + E, 68, 3)."""
    layout = UVLayout()
    mean, basis = layout.position_basis(MorphableModel.load())
    read = layout.landmark_matrix
    return read @ mean, np.stack([read @ b for b in basis])
