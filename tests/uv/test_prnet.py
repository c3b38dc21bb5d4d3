"""Conversion between PRNet's layout and ours, with PRNet's own files and real maps where they are available."""

import numpy as np
import pytest

from lprnet_utils.common import DatasetError
from lprnet_utils.uv import PRNetLayout


@pytest.fixture(scope="module")
def prnet(w300_dir):
    return PRNetLayout(w300_dir / "prnet-uv")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["AFW_134212_1_0", "IBUG_image_003_1_0"])
def test_real_maps_are_converted_both_ways(prnet, w300_dir, name):
    theirs = np.load(w300_dir / "posmaps" / f"{name}.npy")
    ours = prnet.from_prnet(theirs)
    assert (np.isnan(ours).any(2) == ~prnet.known).all() and 0.6 < prnet.known.mean() < 0.95
    assert abs(np.nanmean(ours[..., 2])) < 1e-3
    landmarks, converted = prnet.landmarks(theirs), prnet.layout.landmarks(np.nan_to_num(ours))
    box = np.r_[landmarks[:, :2].min(0), landmarks[:, :2].max(0)]
    error = 100 * np.linalg.norm((landmarks - converted)[:, :2], axis=1) / np.sqrt(np.prod(box[2:] - box[:2]))
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("canonical_vertices.npy", b"\x93NUMPY", "canonical_vertices.npy cannot be read"),
        ("canonical_vertices.npy", None, "canonical_vertices.npy is missing"),
        ("uv_kpt_ind.txt", b"1 2 3\n4 5 6\n", r"uv_kpt_ind.txt \(2, 3\)"),
        ("face_ind.txt", b"1\nx\n", "face_ind.txt cannot be read as numbers"),
        ("face_ind.txt", None, "face_ind.txt is missing"),
    ],
)
def test_bad_files_are_refused(tmp_path, name, content, message):
    (tmp_path / "face_ind.txt").write_text("1\n2\n")
    np.savetxt(tmp_path / "uv_kpt_ind.txt", np.ones((2, 68)))
    np.save(tmp_path / "canonical_vertices.npy", np.zeros((2, 3)))
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        PRNetLayout(tmp_path)
