"""The bundled photos are the output of the script that builds them, and their clicked points lie on the faces."""

import json

import numpy as np
import pytest

from lprnet_utils.common import data_path, read_image


def test_the_script_builds_the_bundled_photos(tmp_path, monkeypatch, photos):
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    import build_samples

    folder = tmp_path / "samples"
    monkeypatch.setattr(build_samples, "FOLDER", folder)
    build_samples.main()
    assert {path.name for path in folder.glob("*.jpg")} == set(photos) == {"astronaut.jpg", "grace_hopper.jpg"}
    for name, bundled in photos.items():
        assert bundled.shape in ((512, 512, 3), (600, 512, 3)) and bundled.std() > 40
        assert np.abs(read_image(folder / name).astype(int) - bundled).mean() < 1  # JPEG libraries differ a little


def test_the_clicked_points_lie_on_the_faces(photos):
    table = json.loads(data_path("samples/points.json").read_text())["photos"]
    for name, points in table.items():
        height, width = photos[name].shape[:2]
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
