"""The bundled face models."""

import numpy as np
import pytest

from lprnet_utils import MorphableModel, UVLayout


def test_shape_of_the_model(model):
    assert model.identity.shape == (80, len(model.mean), 3)
    assert model.expression.shape == (51, len(model.mean), 3) and len(set(model.expression_names)) == 51
    height, width = np.ptp(model.mean[:, 1]), np.ptp(model.mean[:, 0])
    assert 160 < height < 200 and 120 < width < 160, "millimetres"
    assert abs(UVLayout().mean_map[UVLayout().mask].mean(0)).max() < 1e-3, "the origin"


def test_mean_and_bases_are_closed_under_mirroring(model):
    def mirrored(v):
        return v[..., model.mirror, :] * [-1, 1, 1]

    assert np.abs(mirrored(model.mean) - model.mean).max() < 1e-4
    for mode in model.identity:
        flipped = mirrored(mode)
        assert min(np.abs(flipped - mode).max(), np.abs(flipped + mode).max()) < 1e-3
    names = list(model.expression_names)
    for k, name in enumerate(names):
        twin = name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        assert np.abs(mirrored(model.expression[k]) - model.expression[names.index(twin)]).max() < 1e-3


def test_expressions_move_what_their_names_say(model):
    moved = np.abs(model.expression[model.expression_names.index("eyeBlinkLeft")]).sum(1) > 0.5
    assert model.mean[moved, 0].mean() > 10, "the person's left is to the right of the image"
    jaw = model.vertices(expression={"jawOpen": 1.0})
    assert np.ptp(jaw[:, 1]) > np.ptp(model.mean[:, 1]) + 5


def test_sampled_faces_have_plausible_sizes(model):
    rng = np.random.default_rng(0)
    heights = [np.ptp(model.vertices(rng.normal(size=80))[:, 1]) for _ in range(200)]
    assert 130 < np.min(heights) and np.max(heights) < 230 and np.std(heights) > 3


def test_labels_change_the_face_as_expected(model):
    rng = np.random.default_rng(0)

    def height(**labels):
        samples = [model.sample_identity(rng, labels)[0] for _ in range(40)]
        return np.mean([np.ptp(model.vertices(c)[:, 1]) for c in samples])

    assert height(child=1, old=0) < height(child=0, old=0) - 10
    assert height(male=1) > height(male=0) + 3
    coefficients, labels = model.sample_identity(rng, {"male": 1})
    assert coefficients.shape == (80,) and labels["male"] == 1


def test_position_basis_is_the_model_at_the_texels(layout, model):
    mean, basis = layout.position_basis(model)
    c = np.random.default_rng(3).normal(size=131) * 0.5
    direct = layout.vertices_to_map(model.vertices(c[:80], c[80:])).reshape(-1, 3)
    assert np.abs(mean + np.tensordot(c, basis, 1) - direct).max() < 1e-3


def test_bad_coefficients_and_names_are_refused(model):
    with pytest.raises(ValueError, match="81 identity"):
        model.vertices(np.zeros(81))
    with pytest.raises(ValueError, match="smirk"):
        model.vertices(expression={"smirk": 1})
    with pytest.raises(ValueError, match="height"):
        model.sample_identity(np.random.default_rng(0), {"height": 1})
    with pytest.raises(ValueError, match="no bundled face model 'flame'; there are makehuman, ict"):
        MorphableModel.load("flame")
