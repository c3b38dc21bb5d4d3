"""What the browser tests need; without it they are skipped."""

import shutil

import pytest
from chromium import NAMES
from web_browser import WEB


@pytest.fixture(scope="session")
def chromium():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    return program or pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")


@pytest.fixture(scope="session")
def node():
    program = shutil.which("node") or pytest.skip("no Node on the path; make web installs one where there is none")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        pytest.skip("web/node_modules is not there: make web installs it")
    return program
