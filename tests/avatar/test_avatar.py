"""Avatars, compared with the face model they are made from."""

from dataclasses import replace

import numpy as np
import pytest
from head_error import Heads
from made_faces import made_face, painted_face, stripes

from lprnet_utils.avatar import Avatar, hair
from lprnet_utils.avatar.eyes import lid_distance
from lprnet_utils.avatar.mouth import teeth_row
from lprnet_utils.avatar.person import PersonShape
from lprnet_utils.avatar.shape import HeadShape
from lprnet_utils.geometry import border_loops, landmark_box
from lprnet_utils.geometry.mesh import triangle_edges, vertex_normals
from lprnet_utils.reconstruction.identity import IdentityEstimator
from lprnet_utils.synthetic.same_person import SamePersonFaces
from lprnet_utils.uv.layout import UVLayout
from lprnet_utils.uv.outline import outline_level

SMILE = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.3}


@pytest.fixture(scope="module")
def person(model):
    """A person with details of their own, and the true shape."""
    identity = np.random.default_rng(0).normal(size=80)
    face, _ = made_face(5, -20, 5, identity=identity, expression=SMILE)
    return Avatar(face, 128, hair=None), model.vertices(identity), identity


def offset(avatar, name, weight=1.0):
    return weight * avatar.targets[avatar.names.index(name)]


def test_the_person_at_rest(model, person):
    avatar, truth, identity = person
    off = np.linalg.norm(avatar.rest[: len(truth)] - truth, axis=1)[np.unique(avatar.shape.face_triangles)]
    smiling = np.linalg.norm(model.vertices(identity, SMILE) - truth, axis=1)
    assert off.mean() < 0.8 and np.percentile(off, 99) < 3
    calm = PersonShape.of([made_face(5, -20, 5, identity=identity)[0]]).skin[: len(truth)]
    left = np.linalg.norm(avatar.rest[: len(truth)] - calm, axis=1)[np.unique(avatar.shape.face_triangles)]
    assert left.mean() < smiling.mean() / 12, "nothing is left of the smile"
    # details that the model does not explain stay, such as a bump
    face, _ = made_face(identity=identity)
    bump = np.linalg.norm(truth - truth[np.argmax(truth[:, 2])], axis=1) < 8
    grown = face.layout.vertices_to_map(face.coefficients.camera.project(truth + bump[:, None] * [0, 0, 6.0]))
    plain, again = (Avatar(f, 64, hair=None).rest for f in (face, replace(face, position_map=grown)))
    assert (again - plain)[: len(truth)][bump, 2].mean() > 3


def test_the_whole_head_is_nearer_than_the_mean_head_and_more_photos_make_it_better(net):
    """The measurement of scripts/benchmarks/head_error.py, on few people."""
    source = SamePersonFaces(seed=2)
    heads, mean, errors = Heads(source), IdentityEstimator.load().identity, []
    for person in range(4):
        photos = source.photos(person, 5)
        boxes = [landmark_box(net.layout.landmarks(photo.position_map)) for photo in photos]
        faces = net.reconstruct_in_boxes([photo.image for photo in photos], boxes)
        shapes = PersonShape.of(faces[:1]), PersonShape.of(faces)
        found = [heads.of(mean), *(heads.of(shape.identity, shape.details) for shape in shapes)]
        errors.append([heads.errors(vertices, heads.true(photos[0].coefficients)) for vertices in found])
    nobody, one, five = np.mean(errors, 0)  # by region
    assert (one < nobody).all() and five[-1] < 0.9 * one[-1] and five[-1] < 0.8 * nobody[-1]


def test_the_skin_is_closed(person):
    avatar, _, _ = person
    piece = avatar.skin_piece()
    triangles = piece.corner[piece.triangles]
    assert len(border_loops(triangles)) == 0, "no hole anywhere: eyes and mouth have pockets, the neck has a lid"
    edges = triangle_edges(triangles)
    assert len(np.unique(edges, axis=0)) == len(edges), "one direction: no triangle is turned"
    a, b, c = np.moveaxis(piece.vertices[triangles].astype(float), 1, 0)
    volume = np.einsum("td,td->t", a, np.cross(b, c)).sum() / 6e6
    assert 2.5 < volume < 8, "litres, counter-clockwise from outside"


def test_face_and_skull_meet_without_a_step():
    shape = HeadShape.load()
    bump = np.zeros((len(shape.model.mean), 3), np.float32)
    bump[:, 2] = 5.0  # everywhere in the face
    spread = shape.spread_details(bump)[:, 2]
    edges = triangle_edges(shape.triangles)
    outer = np.setdiff1d(np.unique(shape.vertex), shape.mouth)
    crossing = np.isin(edges[:, 0], outer) & ~np.isin(edges[:, 1], shape.mouth)
    length = np.linalg.norm(shape.mean[edges[:, 0]] - shape.mean[edges[:, 1]], axis=1)
    steps = np.abs(spread[edges[:, 0]] - spread[edges[:, 1]])[crossing] / np.maximum(length[crossing], 1)
    assert steps.max() < 0.35, "mm per mm; measured: 0.26"
    lowest = shape.mean[:, 1] < -150
    assert np.abs(spread[lowest]).max() < 0.3 and spread[: len(bump)].max() > 4.9, "it falls to 0 at the neck"


def test_no_ridge_runs_along_the_outline_of_the_face():
    shape, layout = HeadShape.load(), UVLayout()
    level = layout.inverse_matrix @ outline_level(layout.mask).ravel()
    slid = np.zeros((len(shape.model.mean), 3), np.float32)  # a forehead that a map has 7 mm too high at its outline
    slid[:, 1] = 7 * np.clip(1 - level / 15, 0, 1) * (shape.model.mean[:, 1] > 30)
    edges = triangle_edges(shape.triangles)
    edges = edges[(shape.mean[edges][:, :, 1] > 50).all(1)]
    length = np.linalg.norm(shape.mean[edges[:, 0]] - shape.mean[edges[:, 1]], axis=1)

    def bending(vertices):
        a, b = vertex_normals(vertices, shape.triangles)[edges.T]
        return np.degrees(np.arccos(np.clip((a * b).sum(1), -1, 1))) / np.maximum(length, 1)

    added = np.abs(bending(shape.mean + shape.spread_details(slid)) - bending(shape.mean))
    assert np.percentile(added, 99) < 0.8, "degrees a mm; 0.53 measured, and 1.26 where a ridge is seen"


def test_no_eyeball_comes_through_a_lid(person):
    avatar, _, _ = person
    for name in avatar.names:
        for weight in (0.0, 0.5, 1.0):
            for centre in avatar.eyes:
                rows, distance = lid_distance(avatar.shape, avatar.rest + offset(avatar, name, weight), centre)
                assert len(rows) > 100 and distance.min() > 0.1, f"{name} {weight}: {distance.min():.2f} mm"


def test_lids_close_and_touch_the_eye(person):
    avatar, _, _ = person
    radius = float(avatar.shape.head_file["eye_radius"])
    for side, lids, rim, centre in zip(
        ("Right", "Left"), avatar.shape.eyelids, avatar.shape.eye_rims, avatar.eyes, strict=True
    ):
        shut = avatar.rest + offset(avatar, f"eyeBlink{side}")
        assert lids.gap(avatar.rest) > 4 and lids.gap(shut) < 1
        gap = np.linalg.norm(avatar.rest[rim] - centre, axis=1) - radius
        assert np.median(gap) < 1.5 and gap.max() < 4, "mm between the rims and the eyeball"


def test_lower_teeth_and_tongue_follow_the_jaw(person):
    avatar, _, _ = person
    mouth = avatar._mouth
    jaw, out = (mouth.targets[avatar.names.index(name)] for name in ("jawOpen", "tongueOut"))
    upper, lower, tongue = (mouth.kind == k for k in range(3))
    assert np.abs(jaw[upper]).max() < 0.5 and jaw[lower, 1].mean() < -10 and jaw[tongue, 1].mean() < -8
    chin = offset(avatar, "jawOpen")[np.argmin(avatar.rest[: len(avatar.shape.model.mean), 1])]
    assert np.linalg.norm(chin - jaw[lower].mean(0)) < 12, "as far as the chin goes"
    assert np.abs(out[upper | lower]).max() < 0.5 and out[tongue, 2].max() > 20
    lips = avatar.rest[avatar.shape.lip_rim]
    assert mouth.vertices[~tongue, 2].max() < lips[:, 2].max(), "teeth are behind the lips"


def test_the_inside_of_the_mouth_stays_behind_the_lips(faces):
    (face,) = faces["astronaut.jpg"]
    shape, details = HeadShape.load(), PersonShape.of([face]).details
    moved = np.linalg.norm(details[shape.mouth] - details[shape.lip_rim].mean(0), axis=1)
    assert moved.max() < 12, "it does not come through a cheek"
    deep = np.linalg.norm(shape.mean[shape.mouth] - shape.mean[shape.lip_rim].mean(0), axis=1) > 45
    assert deep.any() and moved[deep].max() < 1


def test_a_row_of_teeth_is_an_arch():
    for which in ("upper", "lower"):
        row = teeth_row(which)
        assert len(row.vertices) == 9 * 85 and np.allclose(
            row.vertices[:, 0].max(), -row.vertices[:, 0].min(), atol=0.5
        )
        front = row.vertices[np.argmax(row.vertices[:, 2])]
        assert abs(front[0]) < 12 and row.uv.min() >= 0 and row.uv.max() <= 1


def test_no_seam_between_photo_and_skin(person):
    face, _ = painted_face(lambda u, v: 110 + 60 * np.stack([u, 1 - u, v], -1), 0, 10, 0, scale=2.0, size=500)
    avatar = Avatar(face, 512, hair=None)
    piece = avatar.skin_piece()
    at = np.clip((piece.uv * 512).astype(int), 0, 511)
    colors = avatar.texture[at[:, 1], at[:, 0]].astype(float)
    # corners at one vertex, in the chart of the face and in that of a side
    order = np.argsort(piece.corner, kind="stable")
    same = piece.corner[order][1:] == piece.corner[order][:-1]
    pairs = np.stack([order[1:][same], order[:-1][same]], 1)
    sides = (piece.uv[pairs] < [1, 0.66]).all(-1) | (piece.uv[pairs][..., 0] > 0.66)
    pairs = pairs[sides.all(1)]
    difference = np.abs(colors[pairs[:, 0]] - colors[pairs[:, 1]]).max(1)
    assert len(pairs) > 150 and np.median(difference) < 6 and np.percentile(difference, 95) < 16, "levels of 255"


def test_hair(person):
    face, _ = painted_face(stripes, 0, 0, 0, scale=1.5, size=400)
    styled = Avatar(face, 64, hair="long01", hair_color=(200, 40, 40))
    piece, picture = styled.hair_piece()
    assert picture.shape == (512, 512, 4) and picture[..., 0].mean() > 2 * picture[..., 1].mean()
    skin = styled.rest[: len(styled.shape.mean)]
    assert skin[:, 1].max() < piece.vertices[:, 1].max() < skin[:, 1].max() + 40, "on the head"
    assert Avatar(face, 64, hair=None).hair is None
    with pytest.raises(ValueError, match="no hair 'mohawk'; choose one of afro01"):
        Avatar(face, 64, hair="mohawk")


def test_every_style_of_hair_is_another_one():
    styles = hair.hair_styles()
    assert len(set(styles)) == len(styles) and set(hair.STYLES_OF_PHOTO.values()) <= set(styles)
    shape = HeadShape.load()
    parts = [hair.hair_part(s, shape.base_mean, np.zeros_like(shape.mean), np.full(3, 0.1)) for s in styles]
    assert len({(len(p.vertices), p.vertices[0].tobytes()) for p in parts}) == len(styles)


def test_the_eyes_turn_with_their_weights(person):
    avatar, _, _ = person
    right, left = avatar.eye_rotations(avatar.weights({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}))
    for turn in (right, left):
        assert turn[:, 2] @ [1, 0, 0] > 0.6, "to the person's left: the right of the picture"
    up = avatar.eye_rotations(avatar.weights({"eyeLookUp": 0.5}))[0]
    assert up[1, 2] > 0.2
    before, after = avatar.surface_points(), avatar.surface_points({"eyeLookUp": 0.5})
    assert before.shape == after.shape and np.abs(before - after).max() > 2
    with pytest.raises(ValueError, match="weights given"):
        avatar.vertices(np.zeros(99))
    with pytest.raises(ValueError, match="no expression 'grin'"):
        avatar.vertices({"grin": 1.0})


def test_hair_that_the_photo_does_not_tell_is_darker_than_the_skin():
    pale, dark = (hair.likely_color(np.array(tone)) for tone in ((220, 180, 160), (70, 45, 35)))
    assert np.allclose(pale, hair.NATURAL_HAIR)
    assert 0 < dark.mean() < 0.35 * hair.linear_light(np.array([70, 45, 35])).mean()


@pytest.mark.parametrize("color", ["reddish", (1, 2), (0, 0, 256), (-1, 0, 0), (np.nan, 1, 1)])
def test_what_is_no_colour_of_hair_is_refused(color):
    with pytest.raises(ValueError, match="is no colour: give a name such as brown"):
        hair.rgb_of(color)


def test_a_colour_of_hair_has_a_name_or_numbers():
    assert hair.rgb_of("brown") == hair.rgb_of("#a52a2a") == hair.rgb_of(np.array([165, 42, 42])) == (165, 42, 42)
