"""Shards: compact, checked, resumable, and equal to the samples they were made from."""

import numpy as np
import pytest
from processes import another_process_in

from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError, write_checked
from lprnet_utils.common.files import read_checked
from lprnet_utils.datasets import Shards, pack
from lprnet_utils.synthetic import SyntheticFaces, synthesize
from lprnet_utils.synthetic.mixed import MixedFaces
from lprnet_utils.training import Batches, TrainingConfig
from lprnet_utils.training.batches import make_batch, tf_batches
from lprnet_utils.uv import decode_map


@pytest.fixture(scope="module")
def samples():
    faces = SyntheticFaces(seed=3)
    return [faces.sample(k) for k in range(12)]


@pytest.fixture
def folder(tmp_path, samples):
    write_checked(tmp_path / "shard-00000.bin", pack(samples[:8]))
    write_checked(tmp_path / "shard-00001.bin", pack(samples[8:]))
    return tmp_path


def test_shards_give_back_crops_and_maps(folder, samples):
    train, held = Shards(folder), Shards(folder, held_out=True)
    assert len(train) == 8 and len(held) == 4
    maps = train.maps(range(8))
    for k, sample in enumerate(samples[:8]):
        assert np.abs(maps[k] - sample.position_map).max() < 0.01
        assert np.abs(train.image(k).astype(int) - sample.image).mean() < 6, "JPEG"
        assert np.allclose(train.landmarks(k)[:, :2], train.layout.landmarks(maps[k])[:, :2], atol=0.2)
        assert np.allclose(train.box(k)[:2], train.landmarks(k)[:, :2].min(0))
    assert sum(1 for _ in held) == 4
    size = (folder / "shard-00000.bin").stat().st_size / 8
    assert size < 12_000, "bytes a pair, where the map alone has 196,608"


def test_training_reads_the_crops_as_they_are(folder, samples):
    source = Shards(folder)
    x, y = make_batch(source, TrainingConfig(batch_size=4, augmentation="none", seed=1), 0)
    chosen = np.random.default_rng([1, 0]).choice(8, 4, p=np.full(8, 1 / 8))
    for k, i in enumerate(chosen):
        assert np.abs(x[k] * 255 - source.image(i)).max() < 1.5
        assert np.abs(decode_map(y[k]) - samples[i].position_map).max() < 0.02


def test_keras_and_tensorflow_see_the_same_batches(folder):
    source, config = Shards(folder), TrainingConfig(samples=10, batch_size=4, seed=3)
    keras_way, tf_way = Batches(source, config), list(tf_batches(source, config))
    assert len(keras_way) == len(tf_way) == 3
    for k in range(3):
        x, y = make_batch(source, config, k)
        assert (keras_way[k][0] == x).all() and (keras_way[k][1] == y).all()
        assert (tf_way[k][0].numpy() == x).all() and (tf_way[k][1].numpy() == y).all()


def test_damaged_and_missing_shards_are_named(folder):
    path = folder / "shard-00001.bin"
    path.rename(folder / "shard-00002.bin")
    with pytest.raises(DatasetError, match="shard-00001.bin is missing"):
        Shards(folder)
    (folder / "shard-00002.bin").rename(path)
    data = path.read_bytes()
    for broken in (data[:-10], data[:400] + bytes([data[400] ^ 1]) + data[401:], b""):
        path.write_bytes(broken)
        with pytest.raises(DatasetError, match="shard-00001.bin is truncated or altered"):
            Shards(folder, held_out=True)
    path.unlink()
    with pytest.raises(DatasetError, match=r"holds too few shards \(1\)"):
        Shards(folder)
    with pytest.raises(DatasetError, match="there is no folder .*gone"):
        Shards(folder / "gone")
    with pytest.raises(DatasetError, match="gone.bin is missing"):
        read_checked(folder / "gone.bin")


def test_shards_in_another_size(folder, samples):
    """For a network of another size than the crops, picture and map are resized together."""
    small, usual = Shards(folder, 64), Shards(folder)
    assert small.image(0).shape == (64, 64, 3) and small.maps([0]).shape == (1, 64, 64, 3)
    # without the jaw: it is at the edge of the chart, where coarse texels are less exact
    points = usual.landmarks(0)[17:, :2]
    assert np.allclose(small.landmarks(0)[17:, :2], (points + 0.5) / 2 - 0.5, atol=0.4)
    shrunk = usual.image(0).reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(small.image(0) - shrunk).max() <= 1


def test_a_killed_synthesis_can_be_continued(tmp_path, monkeypatch):
    monkeypatch.setattr("lprnet_utils.synthetic.folders.SHARD_SIZE", 6)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    synthesize(whole, 18, seed=2)
    synthesize(parts, 12, seed=2)
    with pytest.raises(
        DatasetError, match="was made with seed 2, generator 'mixed', not with seed 3, generator 'mixed'"
    ):
        synthesize(parts, 12, seed=3)
    with pytest.raises(DatasetError, match="not with seed 2, generator 'plain'"):
        synthesize(parts, 12, seed=2, generator="plain")
    made_else = tmp_path / "else" / "shard-00000.bin"
    made_else.parent.mkdir()
    marks = "seed", "generator"
    arrays = {k: v for k, v in read_checked(parts / "shard-00000.bin").items() if k not in marks}
    write_checked(made_else, arrays)
    with pytest.raises(DatasetError, match="was made with neither, not with seed 2, generator 'plain'"):
        synthesize(made_else.parent, 12, seed=2, generator="plain")
    first = parts / "shard-00000.bin"
    before = first.stat().st_mtime_ns
    # killed while it wrote: an unfinished file under its temporary name, and a truncated shard
    (parts / ".part-x-shard-00002.bin").write_bytes(b"half")
    second = parts / "shard-00001.bin"
    second.write_bytes(second.read_bytes()[:-7])
    synthesize(parts, 18, seed=2)
    assert first.stat().st_mtime_ns == before, "a whole shard is not made again"
    for k in range(3):
        name = f"shard-{k:05d}.bin"
        assert (whole / name).read_bytes() == (parts / name).read_bytes()


def test_two_processes_do_not_fill_one_folder(tmp_path, capsys):
    with another_process_in(tmp_path):
        assert main(["synthesize", str(tmp_path), "--samples", "1"]) == 2
    assert "another process works in" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_shards_know_their_face_model(tmp_path, monkeypatch):
    monkeypatch.setattr("lprnet_utils.synthetic.folders.SHARD_SIZE", 4)
    synthesize(tmp_path, 12, seed=2)
    shards, made = Shards(tmp_path), MixedFaces(2)
    assert shards.fits.coefficients.shape == (8, 80 + 91 + 51)
    for k in (0, 5):
        sample = made.sample(k)
        assert np.abs(shards.maps([k])[0] - sample.position_map)[shards.layout.mask].max() < 0.02
    second, arrays = tmp_path / "shard-00001.bin", read_checked(tmp_path / "shard-00001.bin")
    for other in ("makehuman", "unheard-of"):
        write_checked(second, arrays | {"model": np.array(other)})
        with pytest.raises(DatasetError, match=f"00001.bin is of the face model '{other}', those before it of 'mixed'"):
            Shards(tmp_path)
    first = tmp_path / "shard-00000.bin"
    write_checked(first, read_checked(first) | {"model": np.array("unheard-of")})
    write_checked(second, arrays | {"model": np.array("unheard-of")})
    with pytest.raises(DatasetError, match="was made with another version"):
        Shards(tmp_path)
    older = {"coefficients": arrays["coefficients"][:, 1:], "model": np.array("mixed")}
    write_checked(first, read_checked(first) | {"model": np.array("mixed")})
    write_checked(second, arrays | older)
    with pytest.raises(DatasetError, match="00001.bin has 221 coefficients a face, those before it 222.*new folder"):
        Shards(tmp_path)
    write_checked(second, arrays)
    for path in (first, second):
        write_checked(path, read_checked(path) | {"model": np.array("makehuman")})
    with pytest.raises(DatasetError, match="222 coefficients a face, not 131"):
        Shards(tmp_path)
