"""The scores of viewers who match heads to photos."""

import argparse
import json

import pytest
from match_heads import chance, read_answers, score


def scored(tmp_path, *answers):
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"key": {"1": "B", "2": "A", "3": "D", "4": "C"}}))
    paths = []
    for k, text in enumerate(answers):
        paths.append(tmp_path / f"viewer{k}.txt")
        paths[-1].write_text(text)
    score(argparse.Namespace(key=key, answers=paths))


def test_answers_are_counted(tmp_path, capsys):
    scored(tmp_path, "1 B\n2 A\n3 C\n4 D\n", '{"1": "b",\n "2": "c"}')
    first, second, mean = capsys.readouterr().out.splitlines()
    assert first.startswith("viewer0.txt: 2 of 4 right (4 answered)") and "1 of 4 right (2 answered)" in second
    assert mean == "2 viewers: 1.5 of 4 right on average; by chance 1.0"


def test_impossible_answers_are_refused(tmp_path):
    for text, message in (("1 Q", "no head or photo Q"), ("9 A", "no head or photo 9"), ("1 A\n2 A", "to two heads")):
        with pytest.raises(SystemExit, match=message):
            scored(tmp_path, text)
    assert read_answers("I think:\n- 1: c\n- 12 -> P (sure)\nA 3") == {"1": "C", "12": "P"}


def test_chance():
    assert chance(0, 4) == 1 and chance(4, 4) == pytest.approx(1 / 24) and chance(1, 4) == pytest.approx(15 / 24)
    assert chance(5, 16) == pytest.approx(0.00366, abs=1e-4)
