"""The script that draws mesh files: both formats show the same closed face."""

import numpy as np
import pytest
import render_files
from PIL import Image
from scipy import ndimage

from lprnet_utils.common import data_path


@pytest.mark.slow
def test_both_files_show_the_same_closed_face(tmp_path, monkeypatch, capsys):
    photos = [str(data_path(f"samples/{name}.jpg")) for name in ("astronaut", "grace_hopper")]
    white = tmp_path / "white.jpg"
    Image.new("RGB", (300, 200), "white").save(white)
    monkeypatch.setattr("sys.argv", ["render_files.py", *photos, str(white), "--output", str(tmp_path)])
    render_files.main()
    assert "no face in" in capsys.readouterr().out
    for name in ("astronaut", "grace_hopper"):
        sheet = np.array(Image.open(tmp_path / f"{name}.sheet.png"), float)
        glb, obj, avatar, panel, *pages = np.split(sheet, 5 if render_files.BROWSER else 4)
        for page in pages:  # a face before a dark background
            assert all(
                view[100:220, 100:220].mean() > 90 for view in np.split(page, len(render_files.DIRECTIONS), axis=1)
            )
        views = np.split(glb, len(render_files.DIRECTIONS), axis=1)
        assert np.abs(glb - obj).mean() < 1, "no colour multiplies the texture in one of the files"
        for view in views + np.split(np.hstack([avatar, panel]), 2 * len(render_files.DIRECTIONS), axis=1):
            on_face = (view < 255).any(2)
            assert 0.2 < on_face.mean() < 0.7
            assert view[on_face].mean() > 50
        around = (views[2] == 255).all(2)
        assert ndimage.label(around)[1] == 1, "eyes and mouth are not holes: no white pixels apart from the background"


def test_the_error_names_a_missing_photo(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["render_files.py", str(tmp_path / "gone.jpg"), "--output", str(tmp_path)])
    with pytest.raises(ValueError, match="gone.jpg"):
        render_files.main()
