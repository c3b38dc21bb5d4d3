"""The command line: what it prints, and its exit status."""

import re

import numpy as np
import pytest
from test_datasets import write_aflw2000

from lprnet_utils.cli import main


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "train" in text and "evaluate" in text


@pytest.mark.parametrize(("arguments", "variable"), [
    (["evaluate"], "LPRNET_AFLW2000"),
    (["train", "--run", "x"], "LPRNET_AFLW_TRAIN"),
])  # fmt: skip
def test_missing_data_is_named(arguments, variable, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SystemExit, match=variable):
        main(arguments)
    monkeypatch.setenv(variable, "nowhere")
    with pytest.raises(SystemExit, match="nowhere is not a folder"):
        main(arguments)


def test_errors_have_status_2(capsys, tmp_path):
    assert main(["evaluate", "--aflw2000", str(tmp_path)]) == 2
    assert "holds no .mat file" in capsys.readouterr().err
    write_aflw2000(tmp_path, "image00001", np.random.default_rng(0).uniform(100, 300, (3, 68)), [0.0] * 7)
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err


def test_evaluate_prints_bins_and_means(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for k, yaw in enumerate((0.1, -0.8, 1.4)):
        write_aflw2000(tmp_path, f"image{k:05d}", rng.uniform(100, 300, (3, 68)), [0.0, yaw, *[0.0] * 5])
    assert main(["evaluate", "--aflw2000", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    values = dict(re.findall(r"^  (.+?)\s+([\d.]+)$", text, re.MULTILINE))
    assert list(values) == ["0-30", "30-60", "60-90", "mean of bins", "mean over photos"]
    numbers = [float(v) for v in values.values()]
    assert numbers[3] == pytest.approx(np.mean(numbers[:3]), abs=2e-3) and "mirror image" in text


def test_evaluate_on_the_real_photos(aflw2000_dir, capsys):
    """The acceptance figure of the bundled weights: mean of bins at most 5.0."""
    assert main(["evaluate", "--aflw2000", str(aflw2000_dir)]) == 0
    text = capsys.readouterr().out
    print(text)
    assert float(re.search(r"mean of bins\s+([\d.]+)", text)[1]) <= 5.0
