"""Folders of optional real data, from environment variables; the tests that need them skip without."""

import os
from pathlib import Path

import pytest

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
