"""The page about the forms of the weights shows what was measured, and says what was not."""

import json

import formats
from benchmark_table import with_block
from checkout import text_of


def test_the_page_is_made_from_the_record():
    report = json.loads(text_of(formats.RECORD))
    page = text_of(formats.PAGE)
    assert with_block(page, formats.block(report), "formats") == page
    assert "ARM_TABLE" not in page
    forms = report["forms"]
    assert set(forms) == set(formats.FORMS)
    # what the page promises
    assert forms["int8"]["nme photos"] - forms["float16"]["nme photos"] < 0.15
    assert forms["int8_weights"]["nme photos"] - forms["float16"]["nme photos"] < 0.03
    assert forms["int8_weights"]["ratio"] < 1.1


def test_what_was_not_measured_is_said():
    report = json.loads(text_of(formats.RECORD))
    del report["forms"]["onnx"], report["photos faces"]
    report["onnx"] = {}
    text = formats.block(report)
    assert "| onnx | not measured: onnxruntime or tf2onnx is not installed |" in text
    assert "photos of AFLW" not in text and "ONNX Runtime" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| int8 |")]
    assert row.endswith("|  | 0.62 |"), "how far points moved is that of the rendered faces"


def test_time_is_measured_in_turn(monkeypatch):
    clock, calls = iter(range(0, 1000)), []
    monkeypatch.setattr(formats.time, "process_time", lambda: next(clock))
    ms = formats.processor_ms({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3 and ms == {"a": 1000.0, "b": 1000.0}
