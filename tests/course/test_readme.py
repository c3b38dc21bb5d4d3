"""README.md: its first snippet runs on any photo; in the table of PRNet's options all calls run and all flags exist."""

import re
import shutil

import numpy as np
import pytest
from checkout import ROOT, text_of
from PIL import Image

from lprnet_utils.commands.main import parser
from lprnet_utils.common import data_path
from lprnet_utils.reconstruction import draw_landmarks, draw_mesh, draw_pose_box
from lprnet_utils.viewer import paint, swap_face

README = text_of(ROOT / "README.md")
SECTION = re.search(r"^## What PRNet's demo did.+?(?=^## )", README, re.MULTILINE | re.DOTALL)[0]
LINES = [line for line in SECTION.splitlines() if line.startswith("| ")][1:]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]
# the options of PRNet's demo.py and demo_texture.py
OPTIONS = ["i", "o", "gpu", *"isDlib is3d isMat isKpt isPose isShow isImage isFront isDepth isTexture isMask".split()]
OPTIONS += ["texture_size", "mode 0", "mode 1"]


@pytest.mark.parametrize("count", [0, 1])
def test_the_first_snippet_runs_on_any_photo(count, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if count:
        shutil.copy(data_path("samples/astronaut.jpg"), "photo.jpg")
    else:
        Image.new("RGB", (300, 200), "white").save("photo.jpg")
    exec(compile(re.search(r"```python\n(.+?)```", README, re.DOTALL)[1], "README.md", "exec"), {})
    told = capsys.readouterr()
    assert told.out.endswith(f"{count} faces\n") and "research" not in told.err
    assert [path.name for path in tmp_path.glob("*.glb")] == ["face0.glb"] * count


def test_the_table_has_every_option_of_prnet():
    named = " ".join(row[0] for row in ROWS)
    assert [name for name in OPTIONS if not re.search(rf"--?{name}\b", named)] == []


@pytest.fixture(scope="module")
def names(net, photos, faces):
    """The names that the calls in the table use."""
    (face,), (other,) = faces["astronaut.jpg"], faces["grace_hopper.jpg"]
    eyes = np.zeros((512, 512), bool)
    eyes[150:250, 80:430] = True
    functions = {f.__name__: f for f in (paint, swap_face, draw_landmarks, draw_mesh, draw_pose_box)}
    known = {"net": net, "image": photos["astronaut.jpg"], "face": face, "other": other, "box": face.box, "eyes": eyes}
    return known | functions | {"texture": face.texture(512).copy()}


@pytest.mark.parametrize("row", ROWS, ids=[re.sub(r"[`:].*", "", row[0].lstrip("`-")) for row in ROWS])
def test_the_calls_run_and_the_flags_exist(row, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    option, calls, flags = row
    code = re.compile("`([^`]+)`").findall
    assert code(calls) or option == "`--gpu`"
    for call in code(calls):
        exec(compile(call, call, "exec"), names)
    for name in re.findall(r'save\("([^"]+)"', calls):
        assert (tmp_path / name).stat().st_size > 10_000
    for flag in code(flags):
        line = [flag, "-o", "out"] if not flag.startswith("-") else ["photo.jpg", "-o", "out", *flag.split()]
        parser().parse_args(["photo", *line])  # exits where there is no such flag
