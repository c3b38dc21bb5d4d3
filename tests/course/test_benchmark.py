"""The part of docs/benchmark.md about speed comes from docs/benchmark.json, and its parts measure correctly."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import benchmark
import benchmark_gpu
import benchmark_peers
import benchmark_table
import numpy as np
import pytest
from checkout import ROOT, text_of

from lprnet_utils import UVLayout

GPU = benchmark_gpu.known_runs()


@pytest.fixture
def report():
    """The content of docs/benchmark.json."""
    return json.loads(text_of(ROOT / "docs" / "benchmark.json"))


def test_the_page_has_the_measured_numbers(report):
    text = text_of(ROOT / "docs" / "benchmark.md")
    assert benchmark_table.with_block(text, benchmark_table.block(report, GPU), "benchmark") == text, (
        "docs/benchmark.md and docs/benchmark.json differ: python scripts/benchmarks/benchmark.py --table"
    )
    assert text_of(ROOT / "docs" / "speed.md") == benchmark_table.page(report, GPU)


def test_runs_on_gpus_have_rows(tmp_path):
    run = {"device": "GPU 9", "software": "some", "conditions": "none", "by": "a test", "training": {}}
    run["training"] = {"float32": {"network alone": 12345.6, "batches alone": 7.0}}
    row = benchmark_table.training_table([*GPU, run]).splitlines()[-1]
    assert row == "| GPU 9 | some, float32 |  | 12,346 | 7 |  | none | a test |"
    again = {k: v for k, v in run.items() if k != "training"} | {"by": "another", "inference": {}}
    assert benchmark_gpu.merged([*GPU, run], again) == [*GPU, run | again], "its training rates are kept"
    faster = run | {"training": {"float32": {"network alone": 2.0}}}
    assert benchmark_gpu.merged([run], faster) == [faster]
    assert benchmark_gpu.known_runs(tmp_path / "none.json") == []


def test_without_a_gpu_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    output = tmp_path / "gpu.json"
    assert benchmark_gpu.measure_backends(["jax"], ["--output", str(output)], output) == 0 and not output.exists()


@pytest.mark.slow
def test_parts_of_a_run_on_a_gpu_are_measured(monkeypatch):
    """On the processor, with a small network."""
    monkeypatch.setattr(benchmark_gpu, "SIZES", {"lprnet_lite": 64})
    monkeypatch.setattr(benchmark_gpu, "BATCHES", (1, 2))
    found = benchmark_gpu.inference(1)["lprnet_lite"]
    assert 0 < found["ms, batch 1"] and 0 < found["ms, batch 2"] and found["parameters"] > 1_000_000


def test_a_frame_of_a_video_took_less_than_20_ms_on_one_core_without_encoding(report):
    video = report["video"]
    assert (video["width"], video["height"]) == (640, 480) and 0 < video["whole, ms"] < 20


def test_the_record_does_not_identify_the_owner_of_the_machine(report):
    text = json.dumps([report, benchmark.machine()])
    assert not platform.node() or f'"{platform.node()}"' not in text
    assert str(ROOT) not in text and str(Path.home()) not in text.replace("/", os.sep)
    assert {"processor", "cores", "system", "python", "packages"} == set(report["machine"])


@pytest.mark.parametrize(
    "path",
    [
        "networks/lprnet/float16/MB",
        "networks/lprnet_lite/int8/ms, 2 threads",
        "networks/lprnet_lite/float32/times as fast as prnet, 1 thread",
        "photo/detect, ms",
        "video/network, ms",
        "video/whole, ms",
        "video/expressions, ms",
        "start/peak memory, MB",
        "peers/lprnet/photo, ms",
        "renderer/times as fast",
    ],
)
def test_a_changed_number_changes_the_text(report, path):
    before = benchmark_table.block(report, GPU)
    *folders, name = path.split("/")
    inner = report
    for folder in folders:
        inner = inner[folder]
    inner[name] *= 1.5
    assert benchmark_table.block(report, GPU) != before


def test_a_package_that_is_not_installed_has_a_row(report):
    report["peers"]["dlib"] = {"status": "not installed"}
    report["networks alone"] = {"status": "Without MediaPipe none."}
    report["start"]["peak memory, MB"] = None
    text = benchmark_table.block(report, GPU)
    lines = [line for line in text.splitlines() if line.startswith("| dlib")]
    assert len(lines) == 1 and "not installed" in lines[0] and "peaks at ? MB" in text
    widths = {line.count("|") for line in text.split("\n\n")[4].splitlines()}
    assert len(widths) == 1, "rows of a table have the same number of columns"


def test_numbers_have_three_digits():
    values = 0.01234, 0.1234, 1.234, 45.67, 99.96, 123.4, 1234.5, 4129332
    digits = ["0.0123", "0.123", "1.23", "45.7", "100", "123", "1,230", "4,130,000"]
    assert list(map(benchmark_table.number, values)) == digits


def test_only_the_text_between_the_marks_is_replaced(tmp_path, report):
    start, end = "<!-- benchmark -->", "<!-- /benchmark -->"
    old = f"before\n{start}\nold\n{end}\nafter\n"
    once = benchmark_table.with_block(old, "new", "benchmark")
    assert once == old.replace("old", "new") and benchmark_table.with_block(once, "new", "benchmark") == once
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmark.md"
    page.write_text(old, encoding="utf-8")
    benchmark_table.write_tables(tmp_path, report, GPU)
    assert benchmark_table.block(report, GPU) in text_of(page)
    for wrong in ("no marks", start, end + start, old + old):
        with pytest.raises(ValueError, match="once each"):
            benchmark_table.with_block(wrong, "new", "benchmark")


def test_jobs_take_turns_and_the_first_of_two_calls_is_not_measured():
    calls = []

    def slow_at_first():
        time.sleep(0.001 if calls and calls[-1] == "a" else 0.05)
        calls.append("a")

    seconds = benchmark.medians(3, a=slow_at_first, b=lambda: calls.append("b"))
    assert calls == ["a", "a", "b", "b"] * 3
    assert 0.001 <= seconds["a"] < 0.05 and 0 <= seconds["b"] < seconds["a"]


def test_ratios_state_how_many_times_as_fast_a_network_is():
    costs = {
        name: {"ms, 1 thread": one, "ms, 2 threads": two}
        for name, one, two in (("prnet", 100.0, 60.0), ("lprnet", 20.0, 10.0), ("lprnet_lite", 2.0, 1.0))
    }
    benchmark.add_ratios(costs)
    assert costs["lprnet_lite"]["times as fast as prnet, 1 thread"] == 50
    assert costs["lprnet_lite"]["times as fast as lprnet, 2 threads"] == 10
    assert costs["lprnet"]["times as fast as prnet, 2 threads"] == 6
    assert len(costs["prnet"]) == 2


def test_the_loop_makes_the_same_map_as_the_matrix(model):
    layout = UVLayout(64)
    loop = benchmark.triangle_loop(model.mean, model.uv, model.triangles, 64)
    matrix = layout.vertices_to_map(model.mean)
    filled = layout.mask & loop.any(-1)
    assert filled.sum() > 0.9 * layout.mask.sum(), "the loop leaves out the membrane of eyes and mouth"
    assert np.abs(loop - matrix)[filled].max() < 0.05


@pytest.mark.slow
def test_a_frame_of_a_video_is_timed_part_by_part():
    # the fastest of three, because a busy machine slows single parts
    parts = min((benchmark.video_parts(12) for _ in range(3)), key=lambda parts: parts["whole, ms"])
    assert (parts["width"], parts["height"], parts["frames"], parts["faces"]) == (640, 480, 12, 1)
    times = [parts[f"{name}, ms"] for name in benchmark_table.FRAME_PARTS]
    assert min(times) >= 0 and sum(times) == pytest.approx(parts["whole, ms"], rel=1e-6)
    assert parts["network, ms"] > parts["smooth, ms"] and min(parts["closer look, ms"], parts["expressions, ms"]) > 0


def test_measuring_one_part_keeps_the_numbers_of_the_others(tmp_path, monkeypatch, report):
    output = tmp_path / "benchmark.json"
    output.write_text(json.dumps(report), encoding="utf-8")
    monkeypatch.setattr(benchmark, "synthetic_rate", lambda: 12.345678)
    part = "synthetic samples a second, 1 thread"
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--only", part, "--output", str(output)])
    benchmark.main()
    assert json.loads(text_of(output)) == report | {part: 12.35}
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--only", "nothing", "--output", str(output)])
    with pytest.raises(SystemExit):
        benchmark.main()


def test_runs_are_reduced_to_medians_and_rounded():
    runs = [{"version": "1", "ms": ms, "peak": None, "points": 68} for ms in (3.0, 1.0, 2.0)]
    assert benchmark_peers.median_numbers(runs) == {"version": "1", "ms": 2.0, "peak": None, "points": 68}
    numbers = {"a": {"b": 1.23456}, "c": 1234567, "d": "x"}
    assert benchmark.rounded(numbers) == {"a": {"b": 1.235}, "c": 1234567, "d": "x"}


def test_a_new_process_reports_its_own_memory():
    ballast = np.ones(40_000_000)  # 320 MB, which ``ru_maxrss`` of the new process would include on Linux
    command = [sys.executable, benchmark_peers.__file__, "lprnet", benchmark.PHOTO, "--repeats", "1"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert ballast.all()
    assert found["points"] == 68 and 5 < found["model files, MB"] < 6
    assert all(found[f"{part}, ms"] > 0 for part in ("import", "load", "first photo", "photo"))
    if Path("/proc/self/status").is_file():
        assert 50 < found["peak memory, MB"] < 320 < benchmark_peers.peak_megabytes()


def test_a_subject_that_cannot_run_has_a_status(tmp_path):
    for python, subject, photo, status in (
        (tmp_path / "python", "dlib", benchmark.PHOTO, "not installed"),
        (sys.executable, "dlib", benchmark.PHOTO, "not installed"),  # the environment of the tests does not have dlib
        (sys.executable, "lprnet", tmp_path / "none.jpg", "does not run here"),
    ):
        assert benchmark_peers.in_processes(python, subject, photo, 1) == {"status": status}
