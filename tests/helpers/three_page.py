"""Pictures of .glb files as three.js draws them in a headless browser."""

import base64
import json
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from chromium import Chromium
from web_browser import WEB, plain_server

from lprnet_utils.commands.serve import running

PAGE = """<!doctype html><html><head><meta charset="utf-8"><script type="importmap">
{"imports": {"three": "./three/build/three.module.js", "three/addons/": "./three/examples/jsm/"}}</script></head>
<body><script type="module">
import * as THREE from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
const scene = new THREE.Scene();
scene.background = new THREE.Color('white');
const sky = new THREE.HemisphereLight('white', 'gray', 2.2), lamp = new THREE.DirectionalLight('white', 1.6);
lamp.position.set(-0.5, 0.6, 1);
scene.add(sky, lamp);
let model = null, turned = [];
window.load = async (name) => {
  if (model) scene.remove(model.scene);
  model = await new GLTFLoader().loadAsync(name);
  scene.add(model.scene);
  const meshes = [];
  model.scene.traverse((part) => {
    if (part.isMesh) meshes.push([part.name, Object.keys(part.morphTargetDictionary ?? {})]);
  });
  return Object.fromEntries(meshes);
};
window.draw = (look) => {
  renderer.setSize(look.size, look.size);
  const camera = new THREE.PerspectiveCamera(18, 1, 0.05, 10), angle = (look.yaw * Math.PI) / 180;
  const target = new THREE.Vector3(...look.target);
  camera.position.set(Math.sin(angle), 0, Math.cos(angle)).multiplyScalar(look.distance).add(target);
  camera.lookAt(target);
  lamp.position.set(-0.5, 0.6, 1).applyAxisAngle(new THREE.Vector3(0, 1, 0), angle);
  for (const [node, rest] of turned) node.quaternion.copy(rest);
  turned = Object.entries(look.turn ?? {}).map(([name, angles]) => {
    const node = model.scene.getObjectByName(name), rest = node.quaternion.clone();
    node.quaternion.multiply(new THREE.Quaternion().setFromEuler(new THREE.Euler(...angles)));
    return [node, rest];
  });
  model.scene.traverse((part) => {
    if (!part.isMesh) return;
    part.frustumCulled = false;
    const numbers = part.morphTargetDictionary ?? {};
    for (const name in numbers) part.morphTargetInfluences[numbers[name]] = look.weights?.[name] ?? 0;
    part.kept ??= part.material;
    part.material = look.clay ? new THREE.MeshStandardMaterial({ color: 0xbbbbbb, roughness: 0.8 }) : part.kept;
    part.visible = !(look.hidden ?? []).includes(part.name);
  });
  renderer.render(scene, camera);
  return renderer.domElement.toDataURL('image/png').split(',')[1];
};
window.ready = true;
</script></body></html>"""


class ThreePage:
    """A page with three.js that draws a file of its folder."""

    def __init__(self, browser):
        self.browser = browser

    def load(self, name):
        """Load a file; the names of the morph targets of each mesh."""
        return self.browser.run(f"load({name!r})")

    def draw(self, yaw=0, size=400, target=(0, -0.025, -0.06), distance=1.0, **look):
        """A picture (size, size, 3) from a direction; see the page for what ``look`` may have."""
        options = {"yaw": yaw, "size": size, "target": target, "distance": distance} | look
        data = base64.b64decode(self.browser.run(f"draw({json.dumps(options)})"))
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@contextmanager
def three_page(folder: Path, modules: Path = WEB / "node_modules"):
    """A :class:`ThreePage` for the files of a folder; skips where there is no browser or no three.js."""
    if not (modules / "three").is_dir():
        pytest.skip("web/node_modules has no three: make web installs it")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    if not (folder / "three").exists():
        (folder / "three").symlink_to(modules / "three")
    profile = folder / "browser"
    profile.mkdir(exist_ok=True)
    with running(plain_server(folder)) as address, Chromium(profile) as browser:
        browser.open(address + "index.html")
        browser.wait("window.ready === true")
        yield ThreePage(browser)
