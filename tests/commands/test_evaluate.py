"""lprnet evaluate: printed errors, which are also those in the model cards."""

import json
import re

import numpy as np
import pytest
from checkout import ROOT
from data_files import write_aflw2000

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main
from lprnet_utils.synthetic.heldout import HELD_OUT_SEED


def numbers(pattern, text):
    """The numbers in the first group of a pattern, where the text first matches it."""
    return [float(v) for v in re.findall(r"[\d.]+", re.search(pattern, text, re.MULTILINE)[1])]


def card(name):
    """The model card of these weights."""
    text = (ROOT / "data/weights/README.md").read_text(encoding="utf-8")
    return re.search(rf"^# Model card: `{name}\.tflite`\n(.+?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def test_evaluate_prints_bins_and_means(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for k, yaw in enumerate((0.1, -0.8, 1.4)):
        write_aflw2000(tmp_path, f"image{k:05d}", rng.uniform(100, 300, (3, 68)), [0.0, yaw, *[0.0] * 5])
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    values = dict(re.findall(r"^  (.+?)\s+([\d.]+)$", text, re.MULTILINE))
    assert list(values) == ["0-30", "30-60", "60-90", "mean of bins", "mean over photos"]
    errors = [float(v) for v in values.values()]
    assert errors[3] == pytest.approx(np.mean(errors[:3]), abs=2e-3) and "mirror image" in text


def test_evaluate_on_synthetic_photos(tmp_path, capsys):
    assert main(["evaluate", "--synthetic", "12", "--seed", "3", "--passes", "1", "--output", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    rows = dict(re.findall(r"^  (\S.*?)\s+([\d.nan ]+)$", text, re.MULTILINE))
    assert {"mm", "95 % mm", "aligned mm", "nme"} <= set(rows) and "12 synthetic photos, seed 3" in text
    mean = [float(rows[name].split()[-1]) for name in ("aligned mm", "mm", "95 % mm")]
    assert 0 < mean[0] < mean[1] < mean[2]
    assert numbers(r"roughness ([\d.]+)", text)[0] > 0
    report = json.loads((tmp_path / "report.json").read_text())["sets"]["seed 3"]
    assert report["photos"] == 12 and report["mm"]["mean over photos"] == pytest.approx(mean[1], abs=0.006)


@pytest.mark.parametrize(
    "name", ["open", *(pytest.param(name, marks=pytest.mark.slow) for name in ("wild", "published"))]
)
def test_model_card_and_benchmark_page_have_the_errors_on_real_photos(name, aflw2000_dir, tmp_path, capsys):
    assert main(["evaluate", "--aflw2000", str(aflw2000_dir), "--weights", name, "--output", str(tmp_path)]) == 0
    text, _, readout = capsys.readouterr().out.partition("the same, of points that a readout")
    values = re.compile(r"^  .+?\s+([\d.]+)$", re.MULTILINE)
    measured = [float(v) for v in values.findall(text)]
    measured += numbers(r"mirror image: ([\d.]+)", text + readout)
    stated = numbers(r"^\| ([\d. |]+) \|$", card(name))
    assert stated == pytest.approx(measured, abs=0.011)
    if name != "published":
        of_readout = [float(v) for v in values.findall(readout)]
        assert numbers(r"^\| readout \| ([\d. |]+) \|$", card(name)) == pytest.approx(of_readout, abs=0.011)
    page = (ROOT / "docs/benchmark.md").read_text(encoding="utf-8")
    assert numbers(rf"^\| `{name}`[^|]*\| ([\d. |]+) \|", page) == stated[:4]


@pytest.mark.parametrize("name", ["open", "wild", "published"])
def test_model_card_has_the_licence(name):
    metadata = LPRNet(name).metadata
    free = metadata["licence"].startswith("Free for any use")
    assert free == (name == "open") and free != ("esearch" in metadata["licence"])
    assert ("any use" in card(name)) == free and ("esearch only" in card(name)) != free
    assert ("AFLW (Koestinger" in metadata["training_data"]) != free, "free weights were not trained on AFLW"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["open", "wild"])
def test_model_card_has_the_errors_on_synthetic_faces(name, tmp_path, capsys):
    assert main(["evaluate", "--synthetic", "--weights", name, "--output", str(tmp_path)]) == 0
    text, scanned = capsys.readouterr().out.split("synthetic photos, ict")

    def check(printed, output, row):
        measured = numbers(rf"^  {printed} +([\d. ]+)$", output)
        assert numbers(rf"^\| {row} \| ([\d. |]+) \|$", card(name)) == pytest.approx(measured, abs=0.021), row

    for row in ("mm", "95 % mm", "aligned mm", "nme"):
        check(row, scanned, f"{row}, scans")
        check(f"mean {row}", scanned, f"mean face, {row}, scans")
    for row in ("mm", "95 % mm", "aligned mm", "dark", "medium", "light", "female", "male", "child", "adult", "old"):
        check(row, text, row)
    for output, row in ((text, "identity"), (scanned, "identity, scans")):
        measured = re.search(r"photos: ([\d.]+) mm.+face ([\d.]+) mm; .+ ([\d.]+)$", output, re.MULTILINE).groups()
        stated = numbers(rf"^\| {row} \| ([\d. |]+) \|$", card(name))
        assert stated == pytest.approx([float(v) for v in measured], abs=0.021)
    rough = re.search(r"roughness ([\d.]+) degrees, of the truth ([\d.]+)", text).groups()
    stated = re.search(r"roughness ([\d.]+) degrees \(truth ([\d.]+)\)", card(name)).groups()
    assert [float(v) for v in stated] == pytest.approx([float(v) for v in rough], abs=0.021)


@pytest.mark.parametrize(
    "words", ["--closer-look", "--detector", "--passes 2", "--predictions p.npz", "--photos .", "--aflw2000 ."]
)
def test_what_is_for_photos_is_refused_with_synthetic_crops(words, tmp_path, capsys):
    assert main(["evaluate", "--synthetic", "2", *words.split(), "--output", str(tmp_path / "out")]) == 2
    assert f"{words.split()[0]} is for photos" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", ["--no-closer-look", "--detector", "--passes 2"])
def test_what_is_for_a_network_is_refused_with_predictions(words, tmp_path, capsys):
    command = ["evaluate", "--predictions", "p.npz", "--aflw2000", str(tmp_path), *words.split()]
    assert main([*command, "--output", str(tmp_path / "out")]) == 2
    assert f"--{words.split()[0].removeprefix('--no-').removeprefix('--')} is for a network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("words", "reason"), [
    ("--synthetic --seed 5", "--seed is of new synthetic photos: say how many"),
    ("--photos . --seed 5", "--seed is of new synthetic photos: it goes with --synthetic N"),
    ("--photos . --aflw2000 .", "--aflw2000 and --photos are two sets of photos"),
    (f"--synthetic 2 --seed {HELD_OUT_SEED}", "would make the bundled photos"),
    ("--synthetic 2 --seed 0", "would make those of lprnet synthesize without --seed"),
])  # fmt: skip
def test_options_that_change_nothing_are_refused(words, reason, tmp_path, capsys):
    assert main(["evaluate", *words.split(), "--output", str(tmp_path / "out")]) == 2
    assert reason in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_new_synthetic_photos_are_not_the_bundled_ones(tmp_path, capsys):
    assert main(["evaluate", "--synthetic", "1", "--output", str(tmp_path)]) == 0
    (name,) = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["sets"]
    assert name.startswith("seed ") and int(name.split()[1]) not in (HELD_OUT_SEED, 0), "0 is that of training"
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert f"nor {HELD_OUT_SEED}, that of the bundled ones" in " ".join(capsys.readouterr().out.split())
