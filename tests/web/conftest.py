"""What the browser tests need; without it they are skipped."""

import shutil
import subprocess

import numpy as np
import pytest
from chromium import NAMES
from PIL import Image
from web_browser import DIST, NETWORKS, WEB

from lprnet_utils import LPRNet
from lprnet_utils.common import data_path

LIBRARY, COPY = DIST / "index.js", WEB / "bin" / "copy-files.js"


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


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Photos by name: a plain one, a larger one, and what browsers and Python could read in different ways."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(data_path("samples/astronaut.jpg"), folder / "plain.jpg")
    picture = Image.open(folder / "plain.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown a quarter turn clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=exif, quality=95)
    picture.resize((2000, 2000), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=95)
    ramp = np.linspace(255, 120, 512).astype(np.uint8)[:, None].repeat(512, 1)
    picture.putalpha(Image.fromarray(ramp))
    picture.save(folder / "veiled.png")
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(folder / "nobody.png")
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory, node, photos):
    """A folder with an empty page, the library, its files as `npx lprnet-files` copies them, and the photos."""
    if not (LIBRARY.is_file() and (DIST / "files" / "manifest.json").is_file()):
        pytest.skip("the page is not built: make web")
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><link rel=icon href=data:,><title>A test</title>")
    shutil.copy(LIBRARY, folder)
    done = subprocess.run([node, str(COPY), str(folder / "files")], capture_output=True, text=True)
    assert done.returncode == 0 and str(folder / "files") in done.stdout, done.stderr
    shutil.copytree(photos, folder / "photos")
    return folder


@pytest.fixture(scope="session")
def page_net():
    """The networks of the page."""
    return LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS)


@pytest.fixture(scope="session")
def expected(site, page_net):
    """What this package finds in the photos, with the networks of the page."""
    return {path.name: page_net.reconstruct(path) for path in sorted((site / "photos").iterdir())}
