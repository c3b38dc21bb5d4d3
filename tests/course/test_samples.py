"""The bundled photos are the output of the script that builds them, and their clicked points lie on the faces."""

import json

import numpy as np
import pytest

from lprnet_utils.common import data_path, read_image


def test_the_script_builds_the_bundled_photos(tmp_path, monkeypatch):
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    import build_samples

    monkeypatch.setattr(build_samples, "FOLDER", tmp_path / "samples")
    build_samples.main()
    built = sorted((tmp_path / "samples").glob("*.jpg"))
    assert [p.name for p in built] == ["astronaut.jpg", "grace_hopper.jpg"]
    for path in built:
        bundled = read_image(data_path(f"samples/{path.name}"))
        assert bundled.shape in ((512, 512, 3), (600, 512, 3)) and bundled.std() > 40
        assert np.abs(read_image(path).astype(int) - bundled).mean() < 1  # JPEG libraries differ a little


def test_the_clicked_points_lie_on_the_faces():
    table = json.loads(data_path("samples/points.json").read_text())["photos"]
    for name, points in table.items():
        height, width = read_image(data_path(f"samples/{name}")).shape[:2]
        assert len(points) >= 8
        for point in points.values():
            assert 0 < point["x"] < width and 0 < point["y"] < height
            assert 0 < point["uncertainty"] <= 4 and 0 <= point["landmark"] < 68
        corners = "left eye outer", "left eye inner", "right eye inner", "right eye outer"
        x = [points[f"{p} corner"]["x"] for p in corners]
        assert x == sorted(x)
        assert points["left mouth corner"]["x"] < points["nose tip"]["x"] < points["right mouth corner"]["x"]
        y = [points[p]["y"] for p in ("left eye outer corner", "nose tip", "left mouth corner", "chin")]
        assert y == sorted(y)
