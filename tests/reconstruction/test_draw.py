"""Drawings on a photo and pictures of a face."""

from dataclasses import replace

import cv2
import numpy as np
import PIL.Image
import pytest
from made_faces import made_face

from lprnet_utils.reconstruction import draw_gaze, draw_landmarks, draw_mesh, draw_pose_box
from lprnet_utils.reconstruction.closer_look import CloserLook
from lprnet_utils.reconstruction.draw import draw_points, render


def test_the_mesh_overlay_covers_the_face_only():
    face, _ = made_face(0, 40, 0)
    drawn = draw_mesh(face.image, face, alpha=1.0)
    changed = (drawn != face.image).any(2)
    assert not changed[~face.region()].any() and changed[face.region()].mean() > 0.99
    assert (draw_mesh(face.image, face, alpha=0.0) == face.image).all()
    # the nose hides a part of the cheek: there the overlay shows the shade of the nose
    assert drawn[face.region()].std() > 15, "shaded"
    near, _ = made_face(size=300, scale=1.4)
    far = replace(face, image=near.image)
    both = draw_mesh(near.image, [near, far], 1.0)
    inner = cv2.erode(near.region().astype(np.uint8), np.ones((5, 5))) > 0
    assert (both[inner] == draw_mesh(near.image, near, 1.0)[inner]).all(), "the larger face is on top"


def test_pose_box_turns_with_the_head():
    def middles(face):
        """Mean position of the light lines of the box (the square in front) and of the dark lines (the rest)."""
        drawn = draw_pose_box(np.zeros_like(face.image), face, color=(0, 0, 255)).astype(int)
        light, dark = drawn[..., 0] > 90, (drawn[..., 0] < 30) & (drawn[..., 2] > 60)
        return [np.argwhere(m).mean(0)[::-1] for m in (light, dark)]

    front, back = middles(made_face(scale=0.7)[0])
    assert np.abs(front - back).max() < 6
    front, back = middles(made_face(0, 30, 0, scale=0.7)[0])
    assert front[0] < back[0] - 15, "the nose points to the left of the image, and so does the box"
    front, back = middles(made_face(20, 0, 0, scale=0.7)[0])
    assert front[1] < back[1] - 10, "looking up"
    face, _ = made_face()
    assert (draw_pose_box(face.image, []) == face.image).all()


def test_only_landmarks_are_drawn():
    face, _ = made_face()
    drawn = draw_landmarks(face.image, face)
    changed = (drawn != face.image).any(2)
    assert drawn.shape == face.image.shape and drawn is not face.image
    x, y = np.rint(face.landmarks[:, :2]).astype(int).T
    assert changed[y, x].all()
    assert changed[:30].sum() == 0 and 0.005 < changed.mean() < 0.1
    assert (draw_landmarks(face.image, []) == face.image).all()


def test_renderings_show_a_face():
    face, _ = made_face(0, 30, 0)
    front, side = render(face, 200), render(face, 200, yaw=80)
    for picture in (front, side):
        assert picture.shape == (200, 200, 3) and 0.2 < (picture < 255).any(2).mean() < 0.8
    assert (front < 255).any(2).sum() > 1.2 * (side < 255).any(2).sum(), "a face is wider than deep"
    half = (front < 255).any(2)
    assert np.abs(half.astype(int) - half[:, ::-1]).mean() < 0.02, "the pose is removed"
    coloured = render(face, 200, colors=np.full((len(face.vertices), 3), (200, 0, 0)))
    assert coloured[100, 100, 0] > 50 and coloured[100, 100, 1] == 0


def test_arrows_of_gaze_point_where_the_eyes_look_and_hidden_eyes_have_none():
    face, _ = made_face(scale=0.7)
    blank = np.zeros_like(face.image)
    assert not draw_gaze(blank, face).any(), "without a closer look"
    irises = np.array([[120.0, 140, 4], [180, 140, 4]])
    gaze = np.array([[0.6, 0.0, 0.8], [0.0, 0.6, 0.8]])  # in the photo: to the right; up
    look = CloserLook(np.array([1.0, 1.0, 1.0]), irises, gaze, face.position_map, np.full(43, np.nan))
    drawn = draw_gaze(blank, replace(face, closer_look=look)).any(2)
    row, column = np.nonzero(drawn)
    first, second = column < 168, column >= 168
    assert column[first].max() - 120 > 15 and np.ptp(row[first]) < 14
    assert 140 - row[second].min() > 15 and row[second].max() < 148 and np.ptp(column[second]) < 14
    look = replace(look, confidence=np.array([0.0, 1.0, 1.0]))
    assert not draw_gaze(blank, replace(face, closer_look=look)).any(2)[:, :165].any()


def test_drawings_are_on_any_kind_of_photo(tmp_path):
    face, _ = made_face()
    path = tmp_path / "photo.png"
    PIL.Image.fromarray(face.image).save(path)
    for draw in (draw_landmarks, draw_mesh, draw_pose_box, draw_gaze):
        drawn = draw(face.image, face)
        assert drawn.dtype == np.uint8 and np.array_equal(drawn, draw(face.image / 255, face)), "a float of 0 to 1"
        assert np.array_equal(drawn, draw(path, [face])) and drawn is not face.image
    for points in (np.zeros((3, 2)), np.zeros((0, 3)), np.full((3, 3), np.nan)):
        with pytest.raises(ValueError, match="finite numbers"):
            draw_points(points)
    with pytest.raises(ValueError, match="size at least 1"):
        draw_points(np.zeros((3, 3)), 0)


def test_a_point_is_drawn_around_the_pixel_that_it_lies_in():
    for place in (10.2, 10.5, 10.8):  # from the corner of the picture: pixel 10 reaches from 10 to 11
        drawn = (draw_points([[place, 20 + place, 0.0]], 64) != 255).any(2)
        assert drawn[29:32, 9:12].all() and drawn.sum() == 9, place
    far, near = [40.5, 30.5, 0.0], [40.5, 30.5, 1.0]
    assert (draw_points([near, far], 64)[30, 40] == [255, 235, 190]).all(), "the nearer one is lighter and in front"
