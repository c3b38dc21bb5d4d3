"""The packed npm package in a fresh project: the examples of its README, word by word, draw a face.

It needs Node, Chromium, what `make web` builds, and npm's registry or cache; without one of them it is skipped.
"""

import base64
import io
import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from checkout import ROOT
from chromium import NAMES
from PIL import Image
from web_browser import WEB, plain_server, ran

from lprnet_utils import LPRNet
from lprnet_utils.commands.serve import PageServer, running
from lprnet_utils.common import data_path, read_image

pytestmark = pytest.mark.slow

README = (WEB / "README.md").read_text(encoding="utf-8")
PHOTO = data_path("samples/astronaut.jpg")
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|ENOTCACHED")
RESOLUTIONS = {"bundler": "esnext", "nodenext": "nodenext"}  # of modules, and the kind of module for each
GLASSES = """import type { Face } from 'lprnet';
import * as three from 'three';
declare const face: Face, hat: three.Object3D, width: number, height: number;
"""  # what README's piece about poseMatrix takes from its reader


def code(pattern):
    """A piece of README's code, found by the text before it."""
    found = re.search(pattern + r"\n+```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no code after {pattern}"
    return found[1]


def npm(folder, *words):
    command = [shutil.which(words[0]), *words[1:]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def succeed(folder, *words):
    done = npm(folder, *words)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def chromium():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    return program or pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The package's file, and the folder of what it contains."""
    if not (shutil.which("node") and shutil.which("npm") and shutil.which("npx")):
        pytest.skip("no Node with npm on the path; make web installs one where there is none")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        pytest.skip("web/node_modules is not there: make web installs it")
    if not (WEB / "dist" / "files" / "manifest.json").is_file():
        pytest.skip("the package is not built: make web")
    folder = tmp_path_factory.mktemp("packed")
    (told,) = json.loads(succeed(WEB, "npm", "pack", "--json", "--pack-destination", str(folder)))
    return folder / told["filename"], {entry["path"] for entry in told["files"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory, packed):
    """A fresh project with the packed package, Vite, TypeScript and three.js; the photo; and the tracker's files."""
    folder = tmp_path_factory.mktemp("project")
    pinned = json.loads((WEB / "package.json").read_text())["devDependencies"]
    tools = {name: pinned[name] for name in ("vite", "typescript", "three", "@types/three")}
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module", "devDependencies": tools}))
    done = npm(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", str(packed[0]))
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("npm's registry cannot be reached, and its cache lacks a package")
    assert done.returncode == 0, done.stderr
    (folder / "src").mkdir()
    (folder / "public").mkdir()
    shutil.copy(PHOTO, folder / "public" / "photo.jpg")
    (copy,) = re.findall(r"^npx lprnet-files \S+", README, re.MULTILINE)
    succeed(folder, *copy.split())
    (folder / "index.html").write_text(code("The page needs nothing but the script:"))
    return folder


@pytest.fixture(scope="module")
def face():
    """What the Python package finds in the photo, with the networks of the npm package."""
    networks = WEB / "networks"
    (found,) = LPRNet(networks / "open.tflite", closer_look=networks).reconstruct(PHOTO)
    return found


def built(project, example):
    (project / "src" / "main.ts").write_text(example)
    succeed(project, "npx", "vite", "build")
    return project / "dist"


def type_check(project, example, library_too):
    """Accept the example under both ways of finding modules, as strictly as TypeScript can."""
    (project / "src" / "main.ts").write_text(example)
    for resolution, module in RESOLUTIONS.items():
        options = {
            "strict": True,
            "noEmit": True,
            "target": "es2022",
            "lib": ["es2022", "dom", "dom.iterable"],
            "types": [],
            "module": module,
            "moduleResolution": resolution,
            "skipLibCheck": not library_too,
        }
        (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["src/main.ts"]}))
        succeed(project, "npx", "tsc", "--noEmit")


def opened(chromium, address, **task):
    """What the page looks like: its title, whether it is isolated, and pictures."""
    answer = ran(shutil.which("node"), "example.mjs", chromium=chromium, address=address, **task)
    result = answer["result"]
    decoded = [Image.open(io.BytesIO(base64.b64decode(picture))) for picture in result["pictures"]]
    return result, [np.asarray(picture.convert("RGB")).astype(int) for picture in decoded]


def test_it_has_what_it_should_and_nothing_else(packed):
    names = packed[1]
    assert {
        "README.md",
        "LICENSE",
        "THIRD-PARTY.md",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/files/worker.js",
    } <= names
    assert {"dist/licences/MIT-ICT-FaceKit.txt", "dist/licences/Apache-2.0.txt"} <= names
    assert not [name for name in names if name.startswith(("src/", "page/", "dist/page/", "node_modules/"))]
    assert packed[0].stat().st_size < 5e6
    assert (WEB / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_photo_example_draws_a_face(project, chromium, face):
    """On a host without headers of isolation: one thread."""
    folder = built(project, code("<!-- example: photo -->"))
    with running(plain_server(folder)) as address:
        result, (shown,) = opened(chromium, address, title="faces$", pictures=1)
    assert result["title"] == "1 faces" and not result["isolated"]
    photo = read_image(PHOTO).astype(int)
    assert shown.shape == photo.shape
    red = np.argwhere((shown == [255, 0, 0]).all(2) & (photo != [255, 0, 0]).any(2))[:, ::-1]
    distances = np.linalg.norm(red[:, None] - face.landmarks[None, :, :2], axis=2)
    assert (distances.min(0) < 1.5).all(), "every landmark has a red dot where Python finds it"
    assert (distances.min(1) < 3).all(), "and there are no other dots"
    changed = np.abs(shown - photo).max(2) > 30
    hull = cv2.convexHull(np.rint(face.vertices[:, :2]).astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(photo.shape[:2], np.uint8), hull, 1) > 0
    assert changed[inside].mean() > 0.5 and changed[~inside].mean() < 0.002, "the mesh covers the face, and only it"


def test_the_camera_example_draws_a_face_that_turns(project, chromium, face, tmp_path):
    """On an isolated page, with a camera that shows the photo."""
    photo = read_image(PHOTO)
    height, width = photo.shape[:2]
    planes = cv2.cvtColor(photo, cv2.COLOR_RGB2YUV_I420).tobytes()
    clip = tmp_path / "clip.y4m"
    header = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    clip.write_bytes(header + 10 * (b"FRAME\n" + planes))
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={clip}")
    folder = built(project, code("<!-- example: camera -->"))
    with running(PageServer(folder)) as address:
        result, pictures = opened(chromium, address, title="^yaw", pictures=6, flags=flags)
    assert result["isolated"]
    assert float(result["title"].split()[1]) == pytest.approx(face.pose.yaw, abs=2)
    hull = cv2.convexHull(np.rint(face.vertices[:, :2]).astype(np.int32))
    shares, middles = [], []
    for shown in pictures:
        assert shown.shape == photo.shape
        drawn = shown.max(2) > 8
        shares.append(drawn.sum() / cv2.contourArea(hull))
        middles.append(np.argwhere(drawn).mean(0)[::-1])
        inside = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), hull, 1) > 0
        assert np.allclose(shown[drawn].mean(0), photo[inside].mean(0), atol=25), "the colours are those of the face"
    assert 0.6 < min(shares) and max(shares) < 1.3
    assert np.abs(np.mean(middles, 0) - hull.reshape(-1, 2).mean(0)).max() < 30
    assert max(np.abs(one - pictures[0]).mean() for one in pictures[1:]) > 1, "it turns"


def test_typescript_accepts_the_examples(project):
    type_check(project, code("<!-- example: photo -->"), library_too=True)
    type_check(project, code("<!-- example: camera -->"), library_too=False)
    type_check(project, GLASSES + code("use a perspective camera and `poseMatrix`:"), library_too=False)


def test_typescript_refuses_what_the_package_does_not_have(project):
    """The declarations are found: otherwise everything would be accepted."""
    with pytest.raises(AssertionError, match="landmark_"):
        type_check(project, code("<!-- example: photo -->").replace("landmarks", "landmark_"), library_too=True)
