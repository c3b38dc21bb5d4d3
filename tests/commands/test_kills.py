"""Commands that are killed at random moments, and run again: the same files, no process and no unfinished file left.

``LPRNET_KILLS`` is the number of kills of each command; before a release it is 20, which takes half an hour. Another
command joins by a function in ``COMMANDS``.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from checkout import ROOT
from processes import end_session, running_in_session, wait_until

from lprnet_utils.common import write_checked
from lprnet_utils.common.files import UNFINISHED_PREFIX
from lprnet_utils.datasets import pack
from lprnet_utils.synthetic import SyntheticFaces, rendered_clip
from lprnet_utils.video import write_video

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")]
KILLS = int(os.environ.get("LPRNET_KILLS", 5))
LPRNET = "import sys; from lprnet_utils.commands.main import main; sys.exit(main())"
# A function of the main program is sent to the workers as it is; there it makes small shards.
SMALL_SHARDS = """
import sys
from lprnet_utils.commands.main import main
from lprnet_utils.synthetic import folders
def small(path, number, seed, generator):
    from lprnet_utils.synthetic import folders
    folders.SHARD_SIZE = 12
    folders._synthesize_shard(path, number, seed, generator)
folders._synthesize_shard = small
sys.exit(main())
"""


def photo(inputs, out):
    folder = inputs / "photos"
    if not folder.exists():
        folder.mkdir()
        for k, frame in enumerate(rendered_clip(8, (160, 120), 1, seed=3)):
            cv2.imwrite(str(folder / f"{k}.png"), frame.image[..., ::-1])
    return LPRNET, ["photo", folder, "-o", out, "--landmarks", "--pose", "--obj", "--overlay", "--workers", 2]


def video(inputs, out):
    source = inputs / "talk.mp4"
    if not source.exists():
        write_video([frame.image for frame in rendered_clip(12, (160, 120), 1, seed=3)], source, 25)
    out.mkdir(exist_ok=True)
    return LPRNET, ["video", source, out / "faces.mp4", "--record", out / "faces.csv"]


def synthesize(inputs, out):
    return SMALL_SHARDS, ["synthesize", out, "--samples", 4 * 1024, "--workers", 2]


def train(inputs, out):
    shards, recipe = inputs / "shards", inputs / "tiny.toml"
    if not shards.exists():
        shards.mkdir()
        faces = SyntheticFaces(3)
        for k in range(2):
            write_checked(shards / f"shard-{k:05d}.bin", pack(faces.sample(8 * k + i) for i in range(8)))
        numbers = {"samples": 48, "batch_size": 4, "warmup": 8, "checkpoint_every": 8, "validate_every": 16}
        text = 'network = "lprnet_lite"\nsynthetic = 1.0\noptimizer = "muon"\n'
        recipe.write_text(text + "".join(f"{name} = {value}\n" for name, value in numbers.items()))
    return LPRNET, ["train", "--config", recipe, "--shards", shards, "--run", out, "--deterministic"]


COMMANDS = {"photo": photo, "video": video, "synthesize": synthesize, "train": train}


def start(command, inputs, out):
    program, arguments = COMMANDS[command](inputs, out)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True, "env": environment}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], **options)


def run(command, inputs, out):
    """Run a command to its end, and return how long it took."""
    begin = time.monotonic()
    process = start(command, inputs, out)
    errors = process.communicate(timeout=300)[1]
    assert process.returncode == 0, errors.decode()[-2000:]
    wait_until(lambda: not running_in_session(process.pid), 5)
    return time.monotonic() - begin


def contents(folder):
    """What is in a folder: the digest of each file. Reports and logs are compared without counts and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        data = b"" if path.is_dir() else path.read_bytes()
        if path.name == "report.json":
            values = json.loads(data)
            data = json.dumps({k: v for k, v in values.items() if k != "done" and k != "skipped"}).encode()
        elif path.name == "log.csv":
            speed = 3  # images per second
            data = b"\n".join(b",".join(np.delete(row.split(b","), speed)) for row in data.splitlines())
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_goes_on_as_if_nothing_had_been(command, tmp_path):
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    seconds = run(command, inputs, tmp_path / "whole")  # compiles what is compiled once
    shutil.rmtree(tmp_path / "whole")
    seconds = run(command, inputs, tmp_path / "whole")
    whole, out, killed = contents(tmp_path / "whole"), tmp_path / "killed", 0
    assert len(whole) > 1 and not any(UNFINISHED_PREFIX in name for name in whole)
    rng = np.random.default_rng(21)
    for number in range(KILLS):
        process = start(command, inputs, out)
        try:
            time.sleep(rng.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            wait_until(lambda left=process.pid: not running_in_session(left), 5)
        finally:
            end_session(process)
        seconds = min(seconds, run(command, inputs, out))  # on a busy machine the first run may have been slow
        assert contents(out) == whole, f"after kill {number}"
        shutil.rmtree(out)
    assert killed > KILLS // 2, "the other runs had ended before"


def unfinished(folder):
    """Temporary files and folders anywhere in a folder, which may come and go meanwhile (``rglob`` would fail)."""
    names = [name for _, folders, files in os.walk(folder) for name in (*folders, *files)]
    return [name for name in names if name.startswith(UNFINISHED_PREFIX)]


def test_photo_leaves_no_unfinished_file_if_it_is_asked_to_end(tmp_path):
    inputs, rng = tmp_path / "inputs", np.random.default_rng(21)
    inputs.mkdir()
    for number in range(4):
        out = tmp_path / str(number)
        process = start("photo", inputs, out)
        try:
            wait_until(lambda folder=out: unfinished(folder), 120)
            time.sleep(rng.uniform(0, 0.2))
            process.terminate()
            process.communicate(timeout=20)
            assert process.returncode == 143
            wait_until(lambda left=process.pid: not running_in_session(left), 5)
        finally:
            end_session(process)
        assert not unfinished(out)
