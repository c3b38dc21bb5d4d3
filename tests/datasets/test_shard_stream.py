"""Shards that are read while a network trains: growing folders, more than the memory holds, and exact repeats."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lprnet_utils.common import write_checked
from lprnet_utils.common.assets import DatasetError
from lprnet_utils.datasets import Shards, pack
from lprnet_utils.datasets import shard_stream as module
from lprnet_utils.datasets.shard_stream import ShardStream
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training.batches import make_batch

SIZE, BATCH = 4, 8  # pairs in a shard, and in a batch


@pytest.fixture(scope="module")
def shards():
    """The arrays of six small shards."""
    faces = SyntheticFaces(3)
    return [pack(faces.sample(SIZE * k + i) for i in range(SIZE)) for k in range(6)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "SHARD_SIZE", SIZE)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)


def write(folder, shards, numbers):
    for k in numbers:
        write_checked(folder / f"shard-{k:05d}.bin", shards[k])


def config(**options):
    return TrainingConfig(network="lprnet_lite", batch_size=BATCH, synthetic=1.0, **options)


def test_a_growing_folder(tmp_path, shards):
    write(tmp_path, shards, range(3))
    stream = ShardStream(tmp_path, begin=2, keep=10)
    assert stream.window(0, BATCH) == stream.window(1, BATCH) == (0, 2 * SIZE)
    assert np.array_equal(stream.held_out.image(0), Shards.of_files([tmp_path / "shard-00000.bin"]).image(0))
    all_ = Shards.of_files([tmp_path / f"shard-{k:05d}.bin" for k in (1, 2)])
    for row in range(2 * SIZE):
        assert np.array_equal(stream.image(row), all_.image(row)) and np.allclose(
            stream.landmarks(row), all_.landmarks(row)
        )
    assert np.allclose(stream.maps([5, 1, 6]), all_.maps([5, 1, 6]), atol=1e-3)
    write(tmp_path, shards, (4,))
    assert stream.window(2, BATCH) == (0, 2 * SIZE), "shards are taken up in their order: 3 is missing"
    write(tmp_path, shards, (3,))
    assert stream.window(3, BATCH) == (0, 3 * SIZE) and stream.window(4, BATCH) == (0, 4 * SIZE)
    assert stream.window(2, BATCH) == (0, 2 * SIZE), "as it was for this batch"
    assert len(stream) == 4 * SIZE


def test_shards_that_are_not_there_yet_are_waited_for(tmp_path, shards):
    write(tmp_path, shards, range(2))
    threading.Timer(0.2, write, (tmp_path, shards, (2,))).start()
    start = time.monotonic()
    stream = ShardStream(tmp_path, begin=2)
    assert stream.window(0, BATCH) == (0, 2 * SIZE) and time.monotonic() - start > 0.1


def test_a_shard_that_is_half_written_is_waited_for(tmp_path, shards, monkeypatch):
    write(tmp_path, shards, range(3))
    path = tmp_path / "shard-00002.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    threading.Timer(0.2, path.write_bytes, (whole,)).start()
    stream = ShardStream(tmp_path, begin=2)
    stream.window(0, BATCH)
    assert np.array_equal(stream.image(SIZE), Shards.of_files([path]).image(0))
    # one that does not change any more is named
    path.write_bytes(whole[:1000])
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.1)
    with pytest.raises(DatasetError, match="shard-00002.bin is truncated or altered"):
        ShardStream(tmp_path, begin=2).window(0, BATCH)


def test_shards_that_do_not_fit_are_named(tmp_path, shards, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.1)
    write(tmp_path, shards, range(3))
    path = tmp_path / "shard-00001.bin"
    write_checked(path, shards[1] | {"model": np.array("ict")})
    with pytest.raises(DatasetError, match="00001.bin has 131 coefficients a face, not 155"):
        ShardStream(tmp_path, begin=2).window(0, BATCH)
    more = {"coefficients": np.zeros((SIZE, 155), np.float32), "model": np.array("ict")}
    write_checked(path, shards[1] | more)
    with pytest.raises(DatasetError, match="00001.bin is of the face model 'ict', shard 0 of 'makehuman'"):
        ShardStream(tmp_path, begin=2).window(0, BATCH)
    short = pack(SyntheticFaces(1).sample(k) for k in range(SIZE - 1))
    write_checked(path, short)
    with pytest.raises(DatasetError, match="00001.bin holds 3 pairs, not 4"):
        ShardStream(tmp_path, begin=2).window(0, BATCH)
    # the last one of a folder may be shorter, and is left out
    write(tmp_path, shards, (1,))
    write_checked(tmp_path / "shard-00003.bin", short)
    stream = ShardStream(tmp_path, begin=2)
    assert [stream.window(number, BATCH)[1] for number in range(5)] == [2 * SIZE] * 5


def test_batches_that_are_asked_for_in_another_order(tmp_path, shards):
    """As by two threads, of which one is slower: what was said of a batch does not change, here and on repeating."""
    write(tmp_path, shards, range(2))
    record = tmp_path / "shards.csv"
    stream = ShardStream(tmp_path, begin=1, keep=2, record=record)
    assert stream.window(5, BATCH) == (0, SIZE)
    write(tmp_path, shards, (2,))
    assert stream.window(4, BATCH) == (0, SIZE) and stream.window(6, BATCH) == (0, 2 * SIZE)
    again = ShardStream(tmp_path, begin=2, keep=2, record=record)
    expected = [again.window(number, BATCH) for number in (6, 4, 5)]
    assert expected == [(0, 2 * SIZE), (0, SIZE), (0, SIZE)], "also if another begin is given"
    with pytest.raises(KeyError):
        stream.image(7 * SIZE)


def test_pictures_and_maps_are_of_one_shard_in_several_threads(tmp_path, shards):
    write(tmp_path, shards, range(6))
    stream = ShardStream(tmp_path, begin=1, keep=2)
    truth = Shards.of_files([tmp_path / f"shard-{k:05d}.bin" for k in range(1, 6)])

    def look(number):
        start, stop = stream.window(number, BATCH)
        for row in (start, stop - 1):
            place = row // SIZE % 5 * SIZE + row % SIZE
            assert np.array_equal(stream.image(row), truth.image(place))
            assert np.allclose(stream.landmarks(row), truth.landmarks(place))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(60)))


def test_a_thread_that_falls_far_behind_still_gets_its_batch(tmp_path, shards):
    write(tmp_path, shards, range(6))
    stream = ShardStream(tmp_path, begin=1, keep=2)
    _, stop = stream.window(1, BATCH)
    for number in range(2, 60):  # the other threads go on
        stream.window(number, BATCH)
    assert 0 not in stream._kept and 1 not in stream._kept
    first = Shards.of_files([tmp_path / "shard-00001.bin"])
    assert np.array_equal(stream.image(0), first.image(0)) and np.allclose(stream.landmarks(0), first.landmarks(0))
    assert np.allclose(stream.maps([0, stop]), stream.maps([stop, 0])[::-1])


def test_a_shard_that_the_record_names_and_that_is_gone(tmp_path, shards):
    write(tmp_path, shards, range(3))
    ShardStream(tmp_path, begin=2, record=tmp_path / "shards.csv")
    (tmp_path / "shard-00002.bin").unlink()
    with pytest.raises(DatasetError, match="shard-00002.bin is missing, and .*shards.csv names it"):
        ShardStream(tmp_path, begin=2, record=tmp_path / "shards.csv")


def test_more_shards_than_the_memory_holds_take_turns(tmp_path, shards, monkeypatch):
    write(tmp_path, shards, range(5))
    monkeypatch.setattr(module, "PASSES", 4)  # a shard is replaced every 4 * 4 / 8 = 2 batches
    stream, record = ShardStream(tmp_path, begin=1, keep=2, record=tmp_path / "shards.csv"), tmp_path / "shards.csv"
    windows = [stream.window(number, BATCH) for number in range(12)]
    assert windows[0] == (0, SIZE) and windows[1] == (0, 2 * SIZE), "the memory fills at once"
    assert all(stop - start == 2 * SIZE for start, stop in windows[1:])
    first, *lines = record.read_text().splitlines()
    files = [int(line.split(",")[1]) for line in lines]
    assert first == "keep 2"
    assert files == [1, 2, 3, 4, 1, 2, 3], "after the last shard the first one again; never the held-out one"
    assert len(stream._kept) <= 2 + module.MARGIN


def test_a_record_gives_the_same_batches_again(tmp_path, shards):
    """Also those after it."""
    write(tmp_path, shards, range(3))
    record = tmp_path / "shards.csv"
    stream = ShardStream(tmp_path, begin=1, keep=2, record=record)
    before = [make_batch(stream, config(), number) for number in range(3)]
    write(tmp_path, shards, range(3, 6))
    again = ShardStream(tmp_path, begin=1, keep=2, record=record)
    for number in range(3):
        for one, other in zip(before[number], make_batch(again, config(), number), strict=True):
            assert np.array_equal(one, other)
    whole = record.read_text()
    record.write_text(whole + "7,")  # a kill in the middle of a line
    assert len(ShardStream(tmp_path, begin=1, keep=2, record=record)) == 2 * SIZE and record.read_text() == whole
    later = ShardStream(tmp_path, begin=1, keep=2, record=record)
    assert later.window(5, BATCH)[1] == 3 * SIZE, "the record's shards, and a new one"
    with pytest.raises(
        DatasetError, match="shards.csv began with 'keep 2', not 3.*give --keep as then, or leave it out"
    ):
        ShardStream(tmp_path, begin=1, keep=3, record=record)


def test_a_run_that_is_killed_while_it_waits_begins_with_as_many_shards(tmp_path, shards, monkeypatch):
    write(tmp_path, shards, range(2))
    record = tmp_path / "record.txt"

    def killed(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", killed)
    with pytest.raises(KeyboardInterrupt):
        ShardStream(tmp_path, begin=3, keep=4, record=record)
    assert not record.exists(), "it has all of them or none"
    write(tmp_path, shards, (2, 3))
    for text in (None, "", "keep"):  # killed before, after and while the file was made, by an earlier version
        if text is not None:
            record.write_text(text)
        assert ShardStream(tmp_path, begin=3, keep=4, record=record).window(0, BATCH) == (0, 3 * SIZE)
        assert record.read_text() == "keep 4\n0,1\n0,2\n0,3\n"
