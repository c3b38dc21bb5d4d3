"""The command line: help, error messages and exit status."""

import numpy as np
import pytest
from data_files import write_aflw2000

from lprnet_utils.commands.main import main


@pytest.mark.parametrize(("words", "parts"), [
    ([], ["train", "evaluate"]),
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


@pytest.mark.parametrize(("arguments", "variable"), [
    (["evaluate"], "LPRNET_AFLW2000"),
    (["train", "--run", "x"], "LPRNET_AFLW_TRAIN"),
])  # fmt: skip
def test_missing_data_folder_is_named(arguments, variable, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SystemExit, match=variable):
        main(arguments)
    monkeypatch.setenv(variable, "nowhere")
    with pytest.raises(SystemExit, match="nowhere is not a folder"):
        main(arguments)


def test_errors_are_printed_and_have_status_2(capsys, tmp_path):
    assert main(["evaluate", "--aflw2000", str(tmp_path)]) == 2
    assert "holds no photo with its .mat file" in capsys.readouterr().err
    write_aflw2000(tmp_path, "image00001", np.random.default_rng(0).uniform(100, 300, (3, 68)), [0.0] * 7)
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err
