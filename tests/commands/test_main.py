"""The command line: help, error messages, exit status, consoles and signals."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from checkout import ROOT
from data_files import write_aflw2000

import lprnet_utils
from lprnet_utils.commands.main import main
from lprnet_utils.common import data_path

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def started(code, *words, **options):
    """A process that runs some code, and then the command of these words."""
    code += "\nimport sys\nfrom lprnet_utils.commands.main import main\nsys.exit(main(sys.argv[1:]))"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT}
    return subprocess.Popen([sys.executable, "-c", code, *words], **pipes | options)


def instead_of_evaluate(body):
    """Code after which ``lprnet evaluate`` does something else."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"from lprnet_utils.commands import evaluate\ndef work(arguments):\n{lines}\nevaluate.evaluate = work"


@pytest.mark.parametrize(("words", "parts"), [
    ([], ["train", "evaluate", "bundled weights", "open              free for any use"]),
    (["photo"], ["  lprnet photo ", "exit status: 0"]),
    (["video"], ["  lprnet video ", "exit status: 0"]),
])  # fmt: skip
def test_help_and_usage(words, parts, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and all(part in text for part in parts)
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2, "usage"


def test_help_has_the_terms_of_all_weights_and_survives_damaged_ones(capsys, monkeypatch):
    with pytest.raises(SystemExit):
        main(["--help"])
    rows = dict(re.findall(r"^  (\w+) +((?:free|research) .+)$", capsys.readouterr().out, re.MULTILINE))
    assert rows == {"open": "free for any use", "published": "research only", "wild": "research only"}

    def damaged(name):
        raise ValueError("open.tflite is altered")

    monkeypatch.setattr("lprnet_utils.commands.main.weights_terms", damaged)
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0 and "cannot be read: open.tflite is altered" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"lprnet {lprnet_utils.__version__}\n"


@pytest.mark.parametrize(("words", "message"), [
    ("synthesize out --samples -5", "--samples: '-5' is not a whole number from 1 to 1000000000"),
    ("synthesize out --samples 0", "--samples: '0'"),
    ("synthesize out --samples 1e3", "--samples: '1e3' is not a whole number"),
    ("synthesize out --seed -1", "--seed: '-1'"),
    (f"synthesize out --seed {2**63}", "--seed"),
    ("synthesize out --workers 0", "--workers: '0' is not a whole number of at least 1"),
    ("convert-300wlp out --basel b --workers -1", "--workers: '-1'"),
    ("train-head-angle shards out.weights.h5 --samples 0", "--samples: '0'"),
    ("train --run x --stop-after 0", "--stop-after: '0'"),
    ("evaluate --synthetic -1", "--synthetic: '-1'"),
    ("evaluate --synthetic 0", "--synthetic: '0'"),
    ("evaluate --seed -1", "--seed: '-1'"),
    ("evaluate --passes 0", "--passes: '0'"),
    ("photo a.jpg -o out --max-faces 0", "--max-faces: '0'"),
    ("photo a.jpg -o out --workers nan", "--workers: 'nan'"),
    ("video a.mp4 b.mp4 --max-faces -2", "--max-faces: '-2'"),
    ("video a.mp4 b.mp4 --fps nan", "--fps: 'nan' is not a number"),
    ("video a.mp4 b.mp4 --fps 0", "--fps: '0'"),
    ("video a.mp4 b.mp4 --height -1", "--height: '-1'"),
    ("app --port 99999", "--port: '99999' is not a whole number from 1 to 65535"),
])  # fmt: skip
def test_numbers_out_of_bounds_are_refused(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2 and f"argument {message}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "ways"), [
    (["evaluate"], "give --aflw2000 FOLDER, --photos FOLDER or --synthetic, or set LPRNET_AFLW2000"),
    (["train", "--run", "x"],
     "give --photos FOLDER or --aflw-train FOLDER, or another recipe with --shards, or set LPRNET_AFLW_TRAIN"),
    (["convert-300wlp", "x", "--basel", "y"], "give its folder, or set LPRNET_300WLP"),
])  # fmt: skip
def test_missing_data_folder_is_named(arguments, ways, monkeypatch, tmp_path, capsys):
    variable = ways.split()[-1]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(variable, raising=False)
    assert main(arguments) == 2
    assert ways in capsys.readouterr().err
    monkeypatch.setenv(variable, "nowhere")
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("lprnet: nowhere is not a folder")


def test_errors_are_printed_and_have_status_2(capsys, tmp_path):
    assert main(["evaluate", "--aflw2000", str(tmp_path)]) == 2
    assert "holds no photo with its .mat file" in capsys.readouterr().err
    write_aflw2000(tmp_path, "image00001", np.random.default_rng(0).uniform(100, 300, (3, 68)), [0.0] * 7)
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    "photo me.jpg -o me.jpg",
    "photo me.jpg -o me.jpg/out",
    "synthesize me.jpg --samples 1",
    "train --run me.jpg --config lite-open --shards .",
    "evaluate --synthetic 1 --output me.jpg/out",
])  # fmt: skip
def test_a_file_in_the_place_of_the_output_folder_is_named(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me.jpg").write_bytes(b"a photo")
    assert main(words.split()) == 2
    assert "me.jpg is not a folder, so nothing can be written into it: name another" in capsys.readouterr().err
    assert (tmp_path / "me.jpg").read_bytes() == b"a photo" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("words", [
    ["photo", "me.jpg", "-o", ""],
    ["synthesize", " "],
    ["train", "--run", "", "--config", "lite-open"],
    ["evaluate", "--synthetic", "--output", ""],
])  # fmt: skip
def test_an_empty_name_is_no_folder(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2 and "the name of the folder is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "nothing in the current folder"


def test_a_folder_that_is_read_only_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere
    for words in (["photo", str(data_path("samples/astronaut.jpg")), "-o", str(tmp_path / "new")],
                  ["video", "talk.mp4", str(tmp_path / "out.mp4")]):  # fmt: skip
        assert main(words) == 2
        said = capsys.readouterr().err
        assert f"you may not write into {tmp_path}: name another" in said and ".part-" not in said


@pytest.mark.parametrize("words", [
    "train --run run --config published-wild --photos nofolder",
    "train --run run --config lite-open --shards nofolder",
    "evaluate --photos nofolder",
])  # fmt: skip
def test_a_folder_of_data_that_does_not_exist_is_named(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    assert capsys.readouterr().err == "lprnet: there is no folder nofolder\n" and list(tmp_path.iterdir()) == []
    (tmp_path / "nofolder").touch()
    assert main(words.split()) == 2
    assert capsys.readouterr().err == "lprnet: nofolder is not a folder\n"


# ---- packages that are not installed


@pytest.mark.parametrize(("module", "words", "extra"), [
    ("keras", "train --run out --config lite-open --shards .", "train"),
    ("tensorflow", "train-head-angle . a.weights.h5", "train"),
    ("keras", "export --run out -o a.tflite", "train"),
])  # fmt: skip
def test_a_missing_package_is_named_with_its_extra(module, words, extra, tmp_path):
    process = started(f"import sys\nsys.modules[{module!r}] = None", *words.split(), cwd=tmp_path)
    text = process.communicate()[1].decode()
    assert process.returncode == 2 and "Traceback" not in text
    assert f"this needs {module}, which is not installed: pip install 'lprnet_utils[{extra}]'" in text


@pytest.mark.parametrize("words", ["photo photos -o out", "synthesize out"])
def test_without_dask_nothing_is_written(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    monkeypatch.setitem(sys.modules, "dask.distributed", None)  # importing it fails
    assert main([*words.split(), "--dask", "tcp://127.0.0.1:9"]) == 2
    assert "a Dask cluster needs Dask: pip install" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


# ---- consoles and signals


def test_a_name_that_the_console_lacks_is_no_failure():
    code = instead_of_evaluate('print("山田 \\udcff")\nimport sys\nprint("山田", file=sys.stderr)\nreturn 0')
    process = started(code, "evaluate", env=ENVIRONMENT | {"PYTHONIOENCODING": "cp1252"})
    out, err = process.communicate()
    assert (process.returncode, out.split()) == (0, [rb"\u5c71\u7530", rb"\udcff"]), err
    assert err.split() == [rb"\u5c71\u7530"]


@pytest.mark.parametrize("lines", [1, 100_000])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_is_no_failure(stream, lines, tmp_path):
    code = instead_of_evaluate(
        f"import sys\nsys.stdin.readline()\nfor k in range({lines}):\n    print(k, file=sys.{stream})\n"
        "from pathlib import Path\nPath('done').touch()\nreturn 0"
    )
    process = started(code, "evaluate", stdin=subprocess.PIPE, cwd=tmp_path)
    getattr(process, stream).close()
    other = process.stderr if stream == "stdout" else process.stdout
    process.stdin.write(b"\n")
    process.stdin.close()
    text = other.read()
    assert (process.wait(), text) == (0, b"") and (tmp_path / "done").exists(), "the work goes on"


def test_a_full_disk_is_a_failure():
    if not os.path.exists("/dev/full"):
        pytest.skip("only Linux has a device that is always full")
    with open("/dev/full", "w") as full:
        process = started(instead_of_evaluate("print(1, flush=True)\nreturn 0"), "evaluate", stdout=full)
        text = process.communicate()[1].decode()
    assert process.returncode == 2 and "No space left" in text and "Traceback" not in text


@pytest.mark.skipif(os.name != "posix", reason="Windows ends a process without asking it")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_command_leaves_no_unfinished_file(number, status, tmp_path):
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs ignore it
    code += instead_of_evaluate(
        "import time\nfrom pathlib import Path\nfrom lprnet_utils.common.files import atomic_write\n"
        "with atomic_write(Path('a.bin')) as part:\n"
        "    part.write_bytes(b'half')\n    print('here', flush=True)\n    time.sleep(60)"
    )
    process = started(code, "evaluate", cwd=tmp_path)
    assert process.stdout.readline() == b"here\n" and len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    err = process.communicate()[1]
    assert process.returncode == status and b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_streams_and_signals_are_as_before(capsys):
    before = sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)
    assert main(["evaluate", "--aflw2000", "nowhere"]) == 2
    assert (sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)) == before


def test_the_command_sets_blas_to_one_thread_before_numpy_reads_it():
    code = (
        "import sys, os; import lprnet_utils.commands; assert 'numpy' not in sys.modules; "
        "import lprnet_utils.commands.main; print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for given, expected in ((environment, "1"), (environment | {"OPENBLAS_NUM_THREADS": "3"}, "3")):
        assert (
            subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True).stdout
            == f"{expected}\n"
        )
