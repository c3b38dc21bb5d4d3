"""PRNet's layout beside ours, on PRNet's own constants and real maps where they are."""

import shutil

import numpy as np
import pytest

from lprnet_utils.common import DatasetError
from lprnet_utils.uv import PRNetLayout


@pytest.fixture(scope="module")
def prnet(w300_dir):
    return PRNetLayout(w300_dir / "prnet-uv")


@pytest.mark.parametrize("name", ["AFW_134212_1_0", "IBUG_image_003_1_0"])
def test_real_maps_go_both_ways(prnet, w300_dir, name):
    theirs = np.load(w300_dir / "posmaps" / f"{name}.npy")
    ours = prnet.from_prnet(theirs)
    assert (np.isnan(ours).any(2) == ~prnet.known).all() and 0.6 < prnet.known.mean() < 0.95
    assert abs(np.nanmean(ours[..., 2])) < 1e-3
    marks, own = prnet.landmarks(theirs), prnet.layout.landmarks(np.nan_to_num(ours))
    box = np.r_[marks[:, :2].min(0), marks[:, :2].max(0)]
    error = 100 * np.linalg.norm((marks - own)[:, :2], axis=1) / np.sqrt(np.prod(box[2:] - box[:2]))
    # measured: nose 0.9, mouth 0.6, eyes 1.8; brows 2.9 and jaw 4.9, which the two define differently
    for points, bound in ((range(27, 36), 1.5), (range(48, 68), 1.2), (range(36, 48), 2.6), (range(27), 6.0)):
        assert error[list(points)].mean() < bound
    back = prnet.to_prnet(ours)
    there = ~np.isnan(back).any(2)
    assert set(np.flatnonzero(there)) <= set(prnet.texels) and there.sum() > 0.9 * len(prnet.texels)
    off = np.linalg.norm((back - theirs)[there][:, :2], axis=1)
    print(f"there and back: median {np.median(off):.2f}, 95 % {np.percentile(off, 95):.2f} pixels of 256")
    assert np.median(off) < 0.6 and np.percentile(off, 95) < 2.0
    with pytest.raises(ValueError, match="256, 256, 3"):
        prnet.from_prnet(ours)


def test_wrong_files_are_named(w300_dir, tmp_path):
    folder = tmp_path / "uv-data"
    shutil.copytree(w300_dir / "prnet-uv", folder)
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    for name, content, message in (
        ("canonical_vertices.npy", b"\x93NUMPY", "canonical_vertices.npy cannot be read"),
        ("canonical_vertices.npy", None, "canonical_vertices.npy is missing"),
        ("uv_kpt_ind.txt", b"1 2 3\n4 5 6\n", "canonical_vertices.npy is missing"),
        ("face_ind.txt", b"1\nx\n", "face_ind.txt cannot be read as numbers"),
        ("face_ind.txt", None, "face_ind.txt is missing"),
    ):
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            PRNetLayout(folder)
