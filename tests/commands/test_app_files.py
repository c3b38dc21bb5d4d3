"""The files of a face that are for the eye: the page and the picture of its depth."""

import cv2
import numpy as np
from made_faces import painted_face, stripes

from lprnet_utils.commands.photo_files import FACE_FILES


def test_the_depth_has_exact_numbers_and_a_picture_to_look_at(tmp_path):
    face, _ = painted_face(stripes, 0, 0, 0, scale=1.5, size=400)
    FACE_FILES["depth"].write(face, tmp_path / "me.depth.png")
    assert {p.name for p in tmp_path.iterdir()} == {"me.depth.png", "me.depth-preview.png"}
    exact = cv2.imread(str(tmp_path / "me.depth.png"), cv2.IMREAD_UNCHANGED)
    preview = cv2.imread(str(tmp_path / "me.depth-preview.png"), cv2.IMREAD_UNCHANGED)
    assert exact.dtype == np.uint16 and preview.dtype == np.uint8 and preview.shape == (400, 400, 3)
    on = exact > 0
    assert (preview[~on] == 0).all() and (preview[on].max(1) > 0).all()
    grey = cv2.cvtColor(preview, cv2.COLOR_BGR2GRAY)
    order = np.argsort(exact[on])
    near, far = grey[on][order[-50:]].mean(), grey[on][order[:200]].mean()
    assert near > 200 and far < 60, "what is near is bright, and all of the scale is used"


def test_the_page_is_named_after_the_photo_and_needs_no_plotly(tmp_path):
    face, _ = painted_face(stripes, 0, 0, 0)
    FACE_FILES["html"].write(face, tmp_path / "me & you.html")
    text = (tmp_path / "me & you.html").read_text(encoding="utf-8")
    assert "<title>me &amp; you in 3D</title>" in text and "Plotly" not in text
