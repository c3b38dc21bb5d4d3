"""Batches: reproducible, with the map at the position of the face."""

from dataclasses import replace

import numpy as np
import pytest
from toy import ToySource

from lprnet_utils.datasets.sources import Mixture
from lprnet_utils.geometry.crop import crop_matrix, transform_points
from lprnet_utils.training import Batches, TrainingConfig, mean_nme, validation
from lprnet_utils.training.batches import make_batch
from lprnet_utils.uv import decode_map, encode_map

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


def test_samples_left_over_go_to_the_largest_fractions():
    sources = [ToySource(1)] * 3
    for shares, total, counts in (
        ([5, 3, 2], 4, [2, 1, 1]),  # 2, 1.2 and 0.8
        ([6, 3, 1], 9, [5, 3, 1]),  # 5.4, 2.7 and 0.9
        ([1, 1, 1], 4, [2, 1, 1]),
        ([0, 1, 3], 5, [0, 1, 4]),
    ):
        assert Mixture(sources, shares).counts(total) == counts


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


class Remembered:
    """A network that knows the maps of the photos, and is off by some pixels of the crop to the right."""

    def __init__(self, source, off):
        self.source, self.off, self.done = source, off, 0

    def predict_on_batch(self, crops):
        rows = range(self.done, self.done + len(crops))
        self.done += len(crops)
        matrices = [crop_matrix(self.source.box(i), 128) for i in rows]
        maps = [transform_points(m, p) for m, p in zip(matrices, self.source.maps(rows), strict=True)]
        return encode_map(np.stack(maps) + [self.off, 0, 0])


def test_the_validation_error_is_in_percent_of_the_box(layout, monkeypatch):
    monkeypatch.setattr(validation, "VALIDATION_BATCH", 2)
    source = ToySource(5)
    assert mean_nme(Remembered(source, 0), source, layout) < 1e-3
    sides = [box[2:] - box[:2] for box in map(source.box, range(5))]
    expected = [3 * (1.5 * s.mean() / 128) / np.sqrt(s.prod()) for s in sides]  # a pixel of the crop is 1.5 sides / 128
    network = Remembered(source, 3)
    assert mean_nme(network, source, layout) == pytest.approx(100 * np.mean(expected), rel=1e-3)
    assert network.done == 5, "each photo once, also those of an incomplete batch"
