"""Batches: reproducible, with the map at the position of the face."""

from dataclasses import replace

import numpy as np
import pytest
from toy import ToySource

from lprnet_utils.datasets.sources import Mixture
from lprnet_utils.training import Batches, TrainingConfig
from lprnet_utils.training.batches import make_batch
from lprnet_utils.uv import decode_map

CONFIG = TrainingConfig(batch_size=8, augmentation="wide", seed=3)


def test_batches_depend_on_seed_and_number_only():
    source = ToySource(6)
    (x, y), again = (make_batch(source, CONFIG, 5) for _ in range(2))
    assert (x == again[0]).all() and (y == again[1]).all()
    assert (make_batch(source, CONFIG, 6)[0] != x).any()
    assert x.shape == y.shape == (8, 128, 128, 3) and x.dtype == y.dtype == np.float32
    assert x.min() >= 0 and x.max() <= 1


def test_a_mixture_draws_from_its_sources_by_their_shares():
    first, second = ToySource(6), ToySource(3, seed=1)
    second.cropped = True
    both = Mixture([first, second], [3, 1])
    assert len(both) == 9 and both.counts(8) == [6, 2] and sum(both.counts(7)) == 7
    second.image = lambda i: np.full((128, 128, 3), 200, np.uint8)
    x, _ = make_batch(both, CONFIG, 0)
    assert (x[6:] == np.float32(200) / 255).all() and x[:6].mean() < 0.5, "the parts of a batch, one after the other"
    with pytest.raises(ValueError, match="as many shares"):
        Mixture([first, second], [1])


def test_processes_make_the_parts_of_a_batch():
    """Each makes only its own photos, and together they are the whole batch."""
    first, second = ToySource(6), ToySource(3, seed=1)
    made, image = [], first.image
    first.image = lambda i: made.append(i) or image(i)
    for source in (first, Mixture([first, second], [3, 1])):
        x, y = make_batch(source, CONFIG, 2)
        made.clear()
        parts = [Batches(source, CONFIG, process, 4)[2] for process in range(4)]
        assert len(made) == (8 if source is first else 6), "no photo was made twice"
        assert all(crops.shape == codes.shape == (2, 128, 128, 3) for crops, codes in parts)
        assert (np.concatenate([crops for crops, _ in parts]) == x).all()
        assert np.allclose(np.concatenate([codes for _, codes in parts]), y, atol=1e-6)
    with pytest.raises(ValueError, match="no part 4 of 4"):
        Batches(first, CONFIG, 4, 4)


def test_crops_that_were_augmented_before_are_only_mirrored():
    source = ToySource(1)
    source.cropped = True
    picture = source.image(0)[:128, :128]
    source.image = lambda i: picture
    for crop in make_batch(source, CONFIG, 0)[0]:
        assert np.allclose(crop, picture / 255, atol=1e-6) or np.allclose(crop, picture[:, ::-1] / 255, atol=1e-6)


def test_batches_show_the_face_at_the_position_of_the_map(layout):
    # the toy photos have a bright dot at the tip of the nose and are black elsewhere
    x, y = make_batch(ToySource(6), replace(CONFIG, augmentation="geometry"), 0)
    rows, columns = np.mgrid[0:128, 0:128]
    for crop, code in zip(x, y, strict=True):
        weight = crop[..., 0].astype(float)
        dot = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        assert np.abs(layout.landmarks(decode_map(code))[30, :2] - dot).max() < 0.3
