"""Weights files: what is in them is checked, and a damaged one is refused by its name."""

import os
import struct
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from benchmark_peers import peak_megabytes
from update_checksums import state_sha256
from weights_files import archive, mutated, with_description, without_checksum

from lprnet_utils import LPRNet
from lprnet_utils.common import AssetError, litert
from lprnet_utils.common.litert import (
    bundled_weights,
    read_head_angle_network,
    read_metadata,
    read_weights,
    weights_terms,
)
from lprnet_utils.common.weights_archive import HEAD_ANGLE_FILE, MAX_MEMBER_BYTES, METADATA_FILE, unpack

MAX_SECONDS, MAX_MEGABYTES = 10, 1500  # to load a damaged file


@pytest.fixture(scope="module")
def whole():
    """The bytes of weights with a head-angle network."""
    return read_weights("wild")[1]


def load(data, folder):
    """Load the weights, as a file of a user."""
    path = folder / "mine.tflite"
    path.write_bytes(data)
    return LPRNet(path)


def refused(data, folder, reason):
    with pytest.raises(AssetError, match=r"mine\.tflite.*" + reason):
        load(data, folder)


@pytest.mark.parametrize(("field", "value"), [
    ("span", None),
    ("span", "2.2"),
    ("span", 10**400),
    ("span", 0),
    ("span", True),
    ("size", 127),
    ("size", 1e9),
    ("landmark_uv", None),
    ("landmark_uv", [[0.1, 0.2]] * 67),
    ("landmark_uv", [[0.1, 0.2]] * 68),
    ("landmark_uv", [[0.1, 1.2]] * 68),
    ("landmark_uv", [[0.1]] * 68),
    ("landmark_uv", "x" * 68),
    ("doubt", None),
    ("doubt", [8.1, 0]),
    ("doubt", [8.1, -1]),
    ("doubt", [8.1]),
    ("doubt", ["a", "b"]),
    ("doubt", 3),
    ("licence", ["Mine."]),
    ("notices", "Mine."),
    ("notices", [1]),
    ("training_data", {}),
    ("sha256", 5),
])  # fmt: skip
def test_a_field_of_the_description_with_a_wrong_value_is_named(field, value, whole, tmp_path):
    known = read_metadata(whole, "wild")
    refused(with_description(whole, known | {field: value}), tmp_path, f"{field} should be .*, not")


@pytest.mark.parametrize(("text", "reason"), [
    (b"{}", "does not state its encoding"),
    (b"[2.2]", "does not state its encoding"),
    (b"null", "does not state its encoding"),
    (b'{"span": NaN}', "NaN is no number"),
    (b'{"span": 2.2, "span": 2.2}', "occurs twice"),
    (b'{"span": 2.2', "damaged description"),
    (b"\xff\xfe\x00", "damaged description"),
    (b"[" * 100_000, "damaged description"),
    (b'{"a":' * 100_000, "damaged description"),
    (b'{"span": 2.5}', "span 2.5, this version reads 2.2"),
])  # fmt: skip
def test_a_description_of_another_form_is_refused(text, reason, whole, tmp_path):
    refused(with_description(whole, text), tmp_path, reason)


def test_files_in_the_archive_are_bounded(whole, tmp_path):
    length, members = unpack(whole, "wild")
    network, good = whole[:length], list(members.items())
    long = b" " * (MAX_MEMBER_BYTES[METADATA_FILE] + 1)
    packed = archive([(METADATA_FILE, long)], zipfile.ZIP_DEFLATED)
    refused(network + packed, tmp_path, "has 1,000,001 bytes, more than 1,000,000")
    # the announced size is a lie
    for place, start in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        at = packed.index(place) + start
        packed = packed[:at] + struct.pack("<I", 4000) + packed[at + 4 :]
    refused(network + packed, tmp_path, "truncated, or was not exported")
    head = archive(
        [(METADATA_FILE, members[METADATA_FILE]), (HEAD_ANGLE_FILE, bytes(20_000_001))], zipfile.ZIP_DEFLATED
    )
    refused(network + head, tmp_path, "more than 20,000,000")
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = archive([*good, good[0]])
    refused(network + twice, tmp_path, "the same name")
    refused(network + archive(good, zipfile.ZIP_BZIP2), tmp_path, "unknown method")
    refused(network + archive([(f"{k}", b"") for k in range(300)]), tmp_path, "too many files")
    refused(network + archive(good[1:]), tmp_path, f"has no {METADATA_FILE}")
    refused(network, tmp_path, "truncated, or was not exported")
    assert load(network + archive(good, zipfile.ZIP_DEFLATED), tmp_path).size == 128, "packed again by another program"
    monstrous = tmp_path / "large.tflite"
    with open(monstrous, "wb") as file:
        file.truncate(litert.MAX_FILE_BYTES + 1)
    with pytest.raises(AssetError, match="no weights are so large"):
        LPRNet(monstrous)


@pytest.mark.parametrize("name", bundled_weights())
def test_a_damaged_copy_of_bundled_weights_is_refused_by_its_checksum(name, tmp_path, monkeypatch):
    data = read_weights(name)[1]
    length, _ = unpack(data, name)

    def fail(*arguments):
        raise AssertionError("the file states its checksum, so it needs no trial")

    monkeypatch.setattr(litert, "_try_models", fail)
    assert load(data, tmp_path).size == 128
    for place in (100, length // 2, length - 10):
        broken = bytearray(data)
        broken[place] ^= 1
        refused(bytes(broken), tmp_path, "was altered")


def test_another_head_angle_network_is_refused_by_the_checksum(whole, tmp_path):
    length, members = unpack(whole, "wild")
    other = read_head_angle_network(whole)[:-4] + b"else"
    swapped = whole[:length] + archive([(METADATA_FILE, members[METADATA_FILE]), (HEAD_ANGLE_FILE, other)])
    refused(swapped, tmp_path, "was altered")


@pytest.mark.parametrize("name", bundled_weights())
def test_the_checksum_is_added_to_an_older_file_and_nothing_else_changes(name, tmp_path):
    data, path = read_weights(name)[1], tmp_path / "older.tflite"
    path.write_bytes(without_checksum(data))
    state_sha256(path)
    assert path.read_bytes() == data
    state_sha256(path)
    assert path.read_bytes() == data, "a file that has it stays as it is"


def test_networks_of_a_file_without_a_checksum_are_tried_in_another_process(whole, tmp_path):
    older = without_checksum(whole)
    known = read_metadata(older, "wild")
    assert load(with_description(older, known | {"licence": "Mine."}), tmp_path).metadata["licence"] == "Mine."
    length, members = unpack(older, "wild")
    head, text = members[HEAD_ANGLE_FILE], members[METADATA_FILE]
    refused(head + archive([(METADATA_FILE, text)]), tmp_path, "no network from a crop to a map")
    refused(
        whole[:length] + archive([(METADATA_FILE, text), (HEAD_ANGLE_FILE, whole[:length])]), tmp_path, "to an angle"
    )
    nonsense = bytearray(older)
    nonsense[:4] = struct.pack("<I", length - 5)
    refused(bytes(nonsense), tmp_path, "LiteRT")


@pytest.mark.parametrize(("licence", "terms"), [
    ("Free for any use: CC0 1.0.", "free for any use"),
    ("Research use only: trained on photos of AFLW.", "research only"),
    ("Mine. Research use only: trained on photos of AFLW.", "research only"),
    ("Mine.", "Mine."),
    (None, "licence not stated"),
])  # fmt: skip
def test_terms_are_those_of_the_licence(licence, terms, whole, tmp_path):
    known = read_metadata(whole, "wild") | {"licence": licence}
    path = tmp_path / "mine.tflite"
    path.write_bytes(with_description(whole, {k: v for k, v in known.items() if v is not None}))
    assert weights_terms(path) == terms


def load_and_use(path):
    """What happens with weights: the error or None, seconds, and megabytes of memory of this process.

    The process of the trial (``try_model``) has a limit of its own.
    """
    start = time.perf_counter()
    try:
        LPRNet(path).predict_uv(np.zeros((128, 128, 3), np.uint8))
        error = None
    except Exception as found:
        error = f"{type(found).__name__}: {found}", isinstance(found, ValueError)
    return error, time.perf_counter() - start, peak_megabytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="memory is measured by a module that Windows lacks")
def test_damaged_weights_are_refused_or_work(tmp_path):
    """300 files without a checksum, each damaged in one of eight ways: no crash, no hang, only the package's errors."""
    originals = [without_checksum(read_weights(name)[1]) for name in ("open", "wild")]
    paths = []
    for seed in range(300):
        paths.append(tmp_path / f"{seed}.tflite")
        paths[-1].write_bytes(mutated(originals[seed // 8 % 2], seed))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:  # a crash would break it
        found = dict(zip(paths, pool.map(load_and_use, paths, timeout=1800), strict=True))
    wrong = {path.name: error for path, (error, _, _) in found.items() if error and not error[1]}
    assert not wrong
    assert max(seconds for _, seconds, _ in found.values()) < MAX_SECONDS
    assert max(memory for _, _, memory in found.values()) < MAX_MEGABYTES
    errors = [error for error, _, _ in found.values()]
    assert errors.count(None) > 10, "some damage is harmless"
    assert sum("LiteRT" in error[0] for error in errors if error) > 10, "some damage is found by a trial"
