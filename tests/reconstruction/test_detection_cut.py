"""Faces that the edge of the photo cuts."""

import numpy as np
import pytest

from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.crop import view_matrix
from lprnet_utils.reconstruction.blazeface import GREY, BlazeFace, beyond_photo
from lprnet_utils.reconstruction.detection import share_beyond
from lprnet_utils.reconstruction.draw import draw_landmarks, draw_mesh, draw_pose_box, render

NAMES = ["astronaut.jpg", "grace_hopper.jpg"]
SIDES = {"left": 0, "top": 1, "right": 2, "bottom": 3}  # the places in a box
OUTWARD = np.array([-1, -1, 1, 1])


def cut(photo, landmarks, sides, share, margin):
    """A part of a photo whose edge takes a share of the landmarks' box on some sides, and the landmarks in it.

    On the other sides it ends ``margin`` times the box's size away from the box, or with the photo.
    """
    box = landmark_box(landmarks)
    away = np.full(4, margin)
    away[[SIDES[side] for side in sides.split()]] = -share
    window = box + OUTWARD * away * np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = np.clip(window.round(), 0, np.tile(photo.shape[1::-1], 2)).astype(int)
    return np.ascontiguousarray(photo[y0:y1, x0:x1]), landmarks - [x0, y0]


def visible_error(face, photo, landmarks):
    """Mean distance of the landmarks in the picture from those of the whole photo, in sides of the box."""
    shown = ((landmarks >= 0) & (landmarks <= np.array(photo.shape[1::-1]) - 1)).all(1)
    distance = np.linalg.norm(face.landmarks[:, :2] - landmarks, axis=1)[shown]
    return distance.mean() / np.sqrt(np.prod(np.ptp(landmarks, axis=0)))


CORNERS = "left top", "right bottom", "bottom left"
CUTS = [(name, side, 0.5, 9) for name in NAMES for side in SIDES]  # half a face, in the rest of the photo
CUTS += [(name, sides, 0.3, margin) for name in NAMES for sides in CORNERS for margin in (0.4, 0.8)]
CUTS.remove((NAMES[0], "left top", 0.3, 0.4))  # the detector finds it, but the map is then taken for no face's
CUTS += [(NAMES[0], "left top", 0.25, 0.4), (NAMES[0], "left top", 0.35, 0.4), (NAMES[1], "left top", 0.35, 0.8)]


@pytest.mark.parametrize(("name", "sides", "share", "margin"), CUTS)
def test_a_face_that_the_edge_cuts_is_found(net, photos, faces, name, sides, share, margin):
    photo, landmarks = cut(photos[name], faces[name][0].landmarks[:, :2], sides, share, margin)
    (face,) = net.reconstruct(photo)
    assert visible_error(face, photo, landmarks) < 0.1


@pytest.mark.parametrize(
    "name, share, margin",
    [(NAMES[0], 0.25, 0.8), (NAMES[0], 0.35, 0.4), (NAMES[1], 0.3, 0.4), (NAMES[1], 0.3, 0.8)],
)
def test_only_the_last_pass_finds_it(net, photos, faces, monkeypatch, name, share, margin):
    photo, _ = cut(photos[name], faces[name][0].landmarks[:, :2], "left top", share, margin)
    (found,) = net.detector.detect(photo)
    assert found.score >= 0.54 and abs(found.angle) <= 30
    monkeypatch.setattr(net.detector, "_find_cut_faces", lambda *given: [])
    assert net.detector.detect(photo) == []


def test_a_photo_with_a_face_has_no_more_passes(net, photos, monkeypatch):
    monkeypatch.setattr(net.detector, "_find_cut_faces", lambda *given: pytest.fail("a face was found already"))
    for photo in photos.values():
        assert len(net.detector.detect(photo)) == 1


def test_what_follows_from_a_cut_face(net, photos, faces):
    photo, _ = cut(photos["astronaut.jpg"], faces["astronaut.jpg"][0].landmarks[:, :2], "left top", 0.3, 0.8)
    (face,) = net.reconstruct(photo)
    assert (face.box[:2] < 0).all() and (face.landmarks[:, :2].min(0) < 0).all()
    assert np.isfinite(face.position_map).all()
    region = face.region()
    assert region.shape == photo.shape[:2] and region[0].any() and region[:, 0].any()
    assert face.colors.shape == face.vertices.shape and face.texture(64).shape == (64, 64, 3)
    for picture in (draw_landmarks(photo, face), draw_mesh(photo, face), draw_pose_box(photo, face)):
        assert picture.shape == photo.shape and (picture != photo).any()
    assert render(face, 100).std() > 10


def test_a_photo_ends_with_the_outer_edges_of_its_pixels():
    photo = np.zeros((5, 8, 3), np.uint8)
    matrix = np.array([[4, 0, 8.5], [0, 4, 8.5]])  # each pixel is four wide; the first one's centre is at 8.5
    within = ~beyond_photo(photo, matrix, 64)
    assert within[7:27, 7:39].all() and within.sum() == 4 * 5 * 4 * 8


def test_the_frame_is_grey_and_the_photo_is_as_before(photos):
    photo = photos["astronaut.jpg"]
    seen = []
    net = BlazeFace("short")
    run = net._network
    net._network = lambda values: seen.append(values) or run(values)
    for angle in (0, 30):
        matrix = view_matrix([0, 100], 256, 128, angle)
        net.detect(photo, matrix), net.framed().detect(photo, matrix)
        plain, framed = seen[-2:]
        outside = beyond_photo(photo, matrix, 128)
        assert 0.4 < outside.mean() < 0.6 and np.ptp(plain[outside]) > 0.5
        assert np.allclose(framed[outside], GREY / 127.5 - 1)
        assert np.array_equal(framed[~outside], plain[~outside])
    inside = view_matrix([256, 256], 256, 128)
    assert not beyond_photo(photo, inside, 128).any()


@pytest.mark.parametrize(
    "centre, size, expected",
    [((50, 30), 40, -0.225), ((19, 30), 40, 0.025), ((16, 30), 40, 0.1), ((50, 43), 40, 0.1), ((87, 30), 40, 0.2)]
    + [((50, 10), 40, 0.25), ((5, 30), (20, 40), 5 / 30), ((50, 49), (20, 40), 10 / 30), ((0, 0), 200, 0.5)],
)
def test_how_far_a_box_reaches_beyond_the_photo(centre, size, expected):
    image = np.zeros((60, 100, 3), np.uint8)
    assert share_beyond(image, np.array(centre, float), np.array(size)) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(1, 1, 3), (10, 3000, 3), (3000, 10, 3)])
def test_tiny_and_oblong_pictures_have_no_face(net, shape):
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert net.detector.detect(image) == [] and net.reconstruct(image) == []
