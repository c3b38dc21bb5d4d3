"""Training in several processes by docs/distributed.py: the same weights everywhere, also after processes were lost."""

import pytest
import train_processes
from train_processes import EVERY, TIMEOUT, lost, make_shards, same, whole

pytest.importorskip("jax", reason="JAX is not installed: pip install jax")


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one_and_go_on_after_a_loss(tmp_path, monkeypatch, capsys):
    """As docs/distributed.md says: the others stop soon, and the same commands end with the same weights."""
    monkeypatch.setattr(train_processes, "SHARD_PAIRS", 8)
    monkeypatch.setattr(train_processes, "BATCHES", 3 * EVERY)
    make_shards(tmp_path)
    usual, resumed = lost(tmp_path, tmp_path)
    told = capsys.readouterr().out
    one, other = usual.weights()
    assert same(one, other), "the same in both"
    assert all(same(one, weights) for weights in resumed.weights()), "and after the losses"
    assert "start all of them again" in told, told
    begun = [int(line.split()[-3]) for line in resumed.said(0) if "begins at batch" in line]
    assert begun == [2 * EVERY], told  # the last start went on from the last checkpoint
    seconds = [float(line.split(" ended ")[1].split()[0]) for line in told.splitlines() if " ended " in line]
    assert len(seconds) == 2 and max(seconds) < TIMEOUT + 60, told
    alone = whole(tmp_path, tmp_path / "alone", 1)
    assert usual.losses(0) == usual.losses(1) and len(usual.losses(0)) == 3, "the same in both"
    assert usual.losses(0)[0] == pytest.approx(alone.losses(0)[0], rel=1e-4), "as in one, before roundings add up"
    assert usual.losses(0)[-1] == pytest.approx(alone.losses(0)[-1], rel=5e-3), "and later"
