"""Batches: reproducible, with the map at the position of the face."""

import numpy as np
import pytest
from toy import ToySource

from lprnet_utils.datasets.sources import Mixture
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training.batches import make_batch
from lprnet_utils.uv import decode_map

CONFIG = TrainingConfig(
    samples=64, batch_size=8, warmup=16, checkpoint_every=16, validate_every=32, augmentation="wide", seed=3
)


def test_batches_depend_on_seed_and_number_only():
    source = ToySource(6)
    x, y = make_batch(source, CONFIG, 5)
    again = make_batch(source, CONFIG, 5)
    assert (x == again[0]).all() and (y == again[1]).all()
    assert (make_batch(source, CONFIG, 6)[0] != x).any()
    assert x.shape == y.shape == (8, 128, 128, 3) and x.dtype == y.dtype == np.float32
    assert x.min() >= 0 and x.max() <= 1


def test_a_mixture_draws_from_its_sources_by_their_shares():
    first, second = ToySource(6), ToySource(3, seed=1)
    second.cropped = True
    both = Mixture([first, second], [3, 1])
    assert len(both) == 9 and both.cropped.tolist() == [False] * 6 + [True] * 3
    assert both.weights[:6].sum() == pytest.approx(0.75) and both.weights.sum() == pytest.approx(1)
    for i, (source, row) in enumerate([(first, k) for k in range(6)] + [(second, k) for k in range(3)]):
        assert (both.image(i) == source.image(row)).all() and (both.landmarks(i) == source.landmarks(row)).all()
        assert (both.box(i) == source.box(row)).all()
    maps = both.maps([7, 2, 8])
    assert (maps == np.stack([second.maps([1])[0], first.maps([2])[0], second.maps([2])[0]])).all()
    with pytest.raises(ValueError, match="as many shares"):
        Mixture([first, second], [1])


def test_crops_that_were_augmented_before_are_only_mirrored():
    source = ToySource(1)
    source.cropped = True
    picture = source.image(0)[:128, :128]
    source.image = lambda i: picture
    crops = make_batch(source, CONFIG, 0)[0]
    for crop in crops:
        assert np.allclose(crop, picture / 255, atol=1e-6) or np.allclose(crop, picture[:, ::-1] / 255, atol=1e-6)


def test_batches_show_the_face_at_the_position_of_the_map(layout):
    """The toy photos have a bright dot at the tip of the nose and are black elsewhere."""
    from dataclasses import replace

    source = ToySource(6)
    x, y = make_batch(source, replace(CONFIG, augmentation="geometry"), 0)
    for crop, code in zip(x, y, strict=True):
        weight = crop[..., 0].astype(float)
        rows, columns = np.mgrid[0:128, 0:128]
        dot = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        assert np.abs(layout.landmarks(decode_map(code))[30, :2] - dot).max() < 0.3
