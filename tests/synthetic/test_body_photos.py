"""Synthetic photos of hands and of whole heads."""

import numpy as np
import pytest

from lprnet_utils.common import write_checked
from lprnet_utils.datasets import Shards, pack
from lprnet_utils.synthetic import SyntheticHands, SyntheticHeads
from lprnet_utils.synthetic.hand_poses import CLOSED, LIMITS, POSES, bone_angles, sample_pose
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training.batches import make_batch
from lprnet_utils.uv import encode_map, fraction_outside

KINDS = {"hand": SyntheticHands, "head": SyntheticHeads}


@pytest.fixture(scope="module", params=["hand", "head"])
def made(request):
    photos = KINDS[request.param](seed=4)
    return request.param, photos, [photos.sample(k) for k in range(10)]


def test_a_sample_depends_on_seed_and_number_alone(made):
    kind, photos, samples = made
    again = KINDS[kind](seed=4).sample(7)
    assert np.array_equal(again.image, samples[7].image)
    assert np.array_equal(again.position_map, samples[7].position_map)
    other = KINDS[kind](seed=5).sample(7)
    assert not np.array_equal(other.image, samples[7].image)


def test_maps_lie_in_their_pictures_and_in_the_encoding(made):
    _, photos, samples = made
    maps = np.stack([s.position_map for s in samples])
    assert fraction_outside(encode_map(maps)) == 0
    for sample in samples:
        points = photos.layout.points(sample.position_map)
        assert abs(points[:, 2].mean()) < 0.01
        inside = ((points[:, :2] > 0) & (points[:, :2] < 127)).all(1)
        assert inside.mean() > 0.85 and np.ptp(points[:, :2], 0).max() > 45, "pixels of 128"


def test_the_surface_is_where_the_picture_shows_it():
    """A bright part before a dark background: the map's own triangles cover what is bright."""
    import cv2

    hands, found = SyntheticHands(seed=4), []
    for number in range(6):
        rng = np.random.default_rng(number)
        vertices = hands._block(0)[2][number]
        sample = hands.sample(number)
        picture = hands._draw(rng, vertices, sample.camera)
        bare = hands._draw(np.random.default_rng(number), vertices + [1e5, 0, 0], sample.camera)
        changed = (np.abs(picture - bare).max(2) > 1e-4).astype(np.uint8)
        drawn = np.zeros((128, 128), np.uint8)
        points = hands.layout.points(sample.position_map)[:, :2]
        for triangle in points[hands.layout.triangles]:
            cv2.fillConvexPoly(drawn, np.rint(triangle * 16).astype(np.int32), 1, shift=4)
        hand = np.flatnonzero(drawn)
        found.append(changed.ravel()[hand].mean())
    assert np.mean(found) > 0.95, "of the map's surface is drawn"


def test_shards_give_back_the_maps(made, tmp_path):
    kind, photos, samples = made
    marks = {"seed": np.array(4), "generator": np.array(kind), "model": np.array(kind)}
    for k, part in enumerate((samples[:6], samples[6:])):
        write_checked(tmp_path / f"shard-{k:05d}.bin", pack(part) | marks)
    train = Shards(tmp_path)
    assert train.symmetric == (kind == "head")
    maps = train.maps(range(6))
    for k, sample in enumerate(samples[:6]):
        assert np.abs(maps[k] - sample.position_map).max() < 0.05, "pixels"
        landmarks = photos.layout.landmarks(sample.position_map)[:, :2]
        assert np.abs(train.landmarks(k)[:, :2] - landmarks).max() < 0.2
    config = TrainingConfig.load(kind, ["batch_size = 32"])
    small = Shards(tmp_path, config.network_options["size"])
    crops, _ = make_batch(small, config, 0)
    plain = [small.image(k).astype(np.float32) / 255 for k in range(6)]
    seen = [min(np.abs(crop - p).max() for p in plain) < 0.01 for crop in crops]
    mirrored = [min(np.abs(crop[:, ::-1] - p).max() for p in plain) < 0.01 for crop in crops]
    assert all(a or b for a, b in zip(seen, mirrored, strict=True))
    assert any(mirrored) == (kind == "head"), "a mirrored right hand would be a left one"


def test_hands_are_seen_from_both_sides_and_heads_from_all_around():
    hands, heads = SyntheticHands(seed=0), SyntheticHeads(seed=0)
    sides = [hands.sample(k).labels["side"] for k in range(24)]
    assert {"back", "palm"} == set(sides)
    turns = [np.degrees(np.arccos(heads.pose(np.random.default_rng(k))[1][2, 2])) for k in range(200)]
    assert min(turns) < 20 and max(turns) > 160 and 0.1 < np.mean(np.array(turns) > 120) < 0.4


def test_poses_stay_within_what_joints_can_do():
    rng = np.random.default_rng(0)
    drawn = [sample_pose(rng) for _ in range(300)]
    assert set(POSES) | {"free"} == {name for name, _ in drawn}
    angles = np.array([a for _, a in drawn])
    bends = angles[:, 5:, 0].reshape(len(drawn), 4, 3)
    assert (bends >= LIMITS[:, 0] - 1e-4).all() and (bends <= LIMITS[:, 1] + 1e-4).all()
    fists = np.mean([bone_angles(rng, np.ones(4), 0.0, 2.0)[5:, 0].reshape(4, 3) for _ in range(50)], (0, 1))
    assert np.abs(fists - CLOSED).max() < 20, "degrees"
