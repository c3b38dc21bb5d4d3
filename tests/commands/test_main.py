"""The command line: what it prints, and its exit status."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from data_files import write_aflw2000

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main

WEIGHTS = "open", "wild", "published"


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
    assert "holds no photo with its .mat file" in capsys.readouterr().err
    write_aflw2000(tmp_path, "image00001", np.random.default_rng(0).uniform(100, 300, (3, 68)), [0.0] * 7)
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err


def test_evaluate_prints_bins_and_means(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for k, yaw in enumerate((0.1, -0.8, 1.4)):
        write_aflw2000(tmp_path, f"image{k:05d}", rng.uniform(100, 300, (3, 68)), [0.0, yaw, *[0.0] * 5])
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    values = dict(re.findall(r"^  (.+?)\s+([\d.]+)$", text, re.MULTILINE))
    assert list(values) == ["0-30", "30-60", "60-90", "mean of bins", "mean over photos"]
    numbers = [float(v) for v in values.values()]
    assert numbers[3] == pytest.approx(np.mean(numbers[:3]), abs=2e-3) and "mirror image" in text


ROOT = Path(__file__).resolve().parents[2]


def card(name):
    """The part of the model card that speaks of these weights."""
    text = (ROOT / "data/weights/README.md").read_text(encoding="utf-8")
    return re.search(rf"^# Model card: `{name}\.tflite`\n(.+?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("name", ["open", "wild", pytest.param("published", marks=pytest.mark.slow)])
def test_the_model_card_tells_what_is_measured(name, aflw2000_dir, tmp_path, capsys):
    """On the real photos the command prints the figures of the model card and of README."""
    assert main(["evaluate", "--aflw2000", str(aflw2000_dir), "--weights", name, "--output", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    measured = [float(v) for v in re.findall(r"^  .+?\s+([\d.]+)$", text, re.MULTILINE)]
    measured.append(float(re.search(r"mirror image: ([\d.]+)", text)[1]))
    stated = [float(v) for v in re.search(r"^\| ([\d. |]+) \|$", card(name), re.MULTILINE)[1].split("|")]
    assert stated == pytest.approx(measured, abs=0.011)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{name}`[^|]*\| ([\d. |]+) \|", readme, re.MULTILINE)[1]
    assert [float(v) for v in row.split("|")] == stated[:4]


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_model_card_tells_the_licence(name):
    metadata = LPRNet(name).metadata
    free = metadata["licence"].startswith("Free for any use")
    assert free == (name == "open") and free != ("esearch" in metadata["licence"])
    assert ("any use" in card(name)) == free and ("esearch only" in card(name)) != free
    assert ("AFLW (Koestinger" in metadata["training_data"]) != free, "what is free saw no photo of AFLW"


@pytest.mark.slow
@pytest.mark.parametrize("name", [w for w in WEIGHTS if w != "published"])
def test_the_model_card_tells_the_dense_error(name, tmp_path, capsys):
    """Every texel on synthetic faces: the figures of the card, by its command."""
    assert main(["evaluate", "--synthetic", "--weights", name, "--output", str(tmp_path)]) == 0
    text, scanned = capsys.readouterr().out.split("synthetic photos, ict")
    for row in ("mm", "95 % mm", "aligned mm", "nme"):
        for prefix, kind in (("", ""), ("mean ", "mean face, ")):
            measured = re.search(rf"^  {prefix}{row} +([\d. ]+)$", scanned, re.MULTILINE)[1].split()
            stated = re.search(rf"^\| {kind}{row}, scans \| ([\d. |]+) \|$", card(name), re.MULTILINE)[1].split("|")
            assert [float(v) for v in stated] == pytest.approx([float(v) for v in measured], abs=0.021), kind + row
    for row in ("mm", "95 % mm", "aligned mm", "dark", "medium", "light", "female", "male", "child", "adult", "old"):
        measured = re.search(rf"^  {row} +([\d. ]+)$", text, re.MULTILINE)[1].split()
        stated = re.search(rf"^\| {row} \| ([\d. |]+) \|$", card(name), re.MULTILINE)[1].split("|")
        assert [float(v) for v in stated] == pytest.approx([float(v) for v in measured], abs=0.021), row
    rough = re.search(r"roughness ([\d.]+) degrees, of the truth ([\d.]+)", text)
    assert [float(v) for v in re.search(r"roughness ([\d.]+) degrees \(truth ([\d.]+)\)", card(name)).groups()] == (
        pytest.approx([float(v) for v in rough.groups()], abs=0.021)
    )


def test_evaluate_on_synthetic_photos(tmp_path, capsys):
    assert main(["evaluate", "--synthetic", "12", "--seed", "3", "--passes", "1", "--output", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    rows = dict(re.findall(r"^  (\S.*?)\s+([\d.nan ]+)$", text, re.MULTILINE))
    assert {"mm", "95 % mm", "aligned mm", "nme"} <= set(rows) and "12 synthetic photos, seed 3" in text
    mean = [float(rows[name].split()[-1]) for name in ("aligned mm", "mm", "95 % mm")]
    assert 0 < mean[0] < mean[1] < mean[2]
    assert float(re.search(r"roughness ([\d.]+)", text)[1]) > 0
    report = json.loads((tmp_path / "report.json").read_text())["sets"]["seed 3"]
    assert report["photos"] == 12 and report["mm"]["mean over photos"] == pytest.approx(mean[1], abs=0.006)


def test_a_recipe_with_synthetic_photos_needs_them(tmp_path):
    recipe = tmp_path / "mixed.toml"
    recipe.write_text('synthetic = 0.5\nnetwork = "lprnet_lite"\n')
    with pytest.raises(SystemExit, match="--shards"):
        main(["train", "--config", str(recipe), "--run", str(tmp_path / "run")])
    recipe.write_text("synthetic = 0.0\n")
    both = ["--photos", str(tmp_path), "--shards", str(tmp_path)]
    with pytest.raises(SystemExit, match="the photos would not be used"):
        main(["train", "--config", str(recipe), "--run", str(tmp_path / "run"), *both])
    recipe.write_text("synthetic = 1.5\n")
    assert main(["train", "--config", str(recipe), "--run", str(tmp_path / "run")]) == 2
    recipe.write_text('optimizer = "sgd"\n')
    assert main(["train", "--config", str(recipe), "--run", str(tmp_path / "run")]) == 2
