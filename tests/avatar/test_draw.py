"""Pictures of avatars."""

import numpy as np
import pytest
from made_faces import made_face, painted_face

from lprnet_utils.avatar import Avatar, draw_avatar

SIZE = 200


@pytest.fixture(scope="module")
def red():
    """A head with a red face and green hair, looking to the front."""
    face, _ = painted_face(lambda u, v: np.stack([200 + 0 * u, 60 + 0 * u, 60 + 0 * u], -1), 0, 0, 0, size=400)
    return Avatar(face, 128, hair="short02", hair_color=(20, 160, 30))


def shown(picture):
    return (picture < 255).any(-1)


def test_colours_from_each_direction(red):
    front, left, back = (draw_avatar(red, SIZE, yaw).astype(int) for yaw in (0, 90, 180))
    assert front.shape == (SIZE, SIZE, 3) and 0.15 < shown(front).mean() < 0.5
    middle = front[SIZE // 2, SIZE // 2]
    assert middle[0] > 1.5 * middle[1], "the face is red"

    def green(picture):
        return (picture[..., 1] > picture[..., 0] + 15).mean()

    assert green(back) > green(left) > green(front) > 0.01
    bald = draw_avatar(red, SIZE, 180, hair=False).astype(int)
    assert shown(bald).sum() < 0.97 * shown(back).sum() and shown(back)[shown(bald)].mean() > 0.99, "hair lies on it"
    columns = np.flatnonzero(shown(left).any(0))
    nose = np.flatnonzero(shown(left)[SIZE // 2])
    assert min(abs(nose[0] - columns[0]), abs(nose[-1] - columns[-1])) < 0.25 * np.ptp(columns), "a profile"


def test_clay_has_no_colour_and_shows_the_shape(red):
    clay = draw_avatar(red, SIZE, 45, clay=True).astype(int)
    assert np.ptp(clay, axis=-1).max() == 0
    assert clay[shown(clay)].std() > 20, "light and shade"
    assert (shown(clay) == shown(draw_avatar(red, SIZE, 45))).mean() > 0.99
    other, _ = made_face(identity=np.random.default_rng(3).normal(size=80))
    assert np.abs(draw_avatar(Avatar(other, 64, hair=None), SIZE, 45, clay=True).astype(int) - clay).max() > 60


def test_expression_pitch_and_width(red):
    rest = draw_avatar(red, SIZE).astype(int)
    opened = draw_avatar(red, SIZE, expression={"jawOpen": 1.0}).astype(int)
    changed = np.argwhere(np.abs(opened - rest).max(-1) > 40)
    assert len(changed) > 40 and changed[:, 0].mean() > 0.5 * SIZE, "the mouth opens below the middle"
    near = draw_avatar(red, SIZE, width=170.0)
    assert shown(near).mean() > 2 * shown(rest).mean()
    bowed = draw_avatar(red, SIZE, pitch=60).astype(int)
    raised = draw_avatar(red, SIZE, pitch=-60).astype(int)
    hair = [(picture[..., 1] > picture[..., 0] + 15).sum() for picture in (raised, rest, bowed)]
    assert sorted(hair) in (hair, hair[::-1]) and max(hair) > 1.3 * min(hair), hair
    with pytest.raises(ValueError, match="no expression 'grin'"):
        draw_avatar(red, SIZE, expression={"grin": 1.0})
