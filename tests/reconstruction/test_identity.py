import numpy as np
import pytest

from lprnet_utils import MorphableModel
from lprnet_utils.reconstruction.identity import IdentityEstimator, NearestIdentity, identity_features
from lprnet_utils.synthetic.same_person import SamePersonFaces


def made_people(people, photos, seed):
    """Features (people, photos, 12) and identities (people, 5); half of the features tell the person."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(5, 6))
    identities = rng.normal(size=(people, 5)) + 2
    features = rng.normal(size=(people, photos, 12)) * np.linspace(0.5, 3, 12)
    features[..., :6] += (identities @ mixing)[:, None]
    return features, identities


def test_more_photos_tell_more():
    estimator = IdentityEstimator.fit(*made_people(2000, 4, 1), directions=12)
    features, identities = made_people(500, 9, 2)
    error = [
        np.mean([np.linalg.norm(estimator.estimate(f[:n]) - t) for f, t in zip(features, identities, strict=True)])
        for n in (1, 3, 9)
    ]
    nobody = np.linalg.norm(identities - estimator.identity, axis=1).mean()
    assert nobody * 0.9 > error[0] > 1.2 * error[1] > 1.2 * error[2]


def test_what_differs_between_photos_is_not_taken_for_a_difference_of_people():
    estimator = IdentityEstimator.fit(*made_people(20000, 2, 1), directions=12)
    mixing = np.random.default_rng(0).normal(size=(5, 6))
    people = np.zeros((12, 12))
    people[:6, :6] = mixing.T @ mixing  # the other half of the features tells no person
    between, within = (estimator.directions @ m @ estimator.directions.T for m in (estimator.between, estimator.within))
    assert np.abs(between - people).max() < 0.3
    assert np.abs(within - np.diag(np.linspace(0.5, 3, 12) ** 2)).max() < 0.3, "up to 9, of which a mean keeps half"


def test_the_estimate_is_unbiased_and_no_least_squares_fit_is_better():
    features, identities = made_people(4000, 1, 3)
    estimator = IdentityEstimator.fit(*made_people(4000, 4, 1), directions=12)
    found = np.array([estimator.estimate(f) for f in features])
    assert np.abs((found - identities).mean(0)).max() < 0.1
    design = np.c_[features[:, 0], np.ones(len(features))]
    best = design @ np.linalg.lstsq(design, identities, rcond=None)[0]
    assert np.square(found - identities).mean() < 1.02 * np.square(best - identities).mean()


def test_the_bundled_estimator_is_saved_whole():
    estimator = IdentityEstimator.load()
    model = MorphableModel.load()
    assert estimator.identity.shape == (len(model.identity),)
    assert estimator.mean.shape == (len(model.identity) + len(model.expression_names),)
    again = IdentityEstimator(**estimator.arrays())
    features = np.random.default_rng(0).normal(size=(2, len(estimator.mean)))
    assert np.allclose(again.estimate(features), estimator.estimate(features), atol=1e-4)


def test_no_face_is_no_person():
    with pytest.raises(ValueError, match="one photo at least"):
        IdentityEstimator.load()([])


def test_who_it_is_is_seen_better_in_two_photos(faces):
    estimator, (face,) = IdentityEstimator.load(), faces["astronaut.jpg"]
    once, often = estimator([face]), estimator([face] * 4)
    away = [np.linalg.norm(found - estimator.identity) for found in (once, often)]
    assert 0.3 < away[0] < away[1], "what is seen four times is trusted more"
    assert identity_features(face.coefficients).shape == estimator.mean.shape


def test_photos_of_a_person_differ_in_all_but_the_person():
    source, nearest = SamePersonFaces(3), NearestIdentity()
    first, second = source.photos(0, 2)
    (other,) = source.photos(1, 1)
    count = len(nearest.mixed.identity)
    assert np.array_equal(first.coefficients[:count], second.coefficients[:count])
    assert not np.array_equal(first.coefficients[count:], second.coefficients[count:])
    assert not np.array_equal(first.image, second.image)
    assert np.abs(nearest(first.coefficients) - nearest(other.coefficients)).max() > 0.1
    assert np.array_equal(SamePersonFaces(3).photos(1, 1)[0].image, other.image)
    for count in (0, 33):
        with pytest.raises(ValueError, match="1 to 32 photos"):
            source.photos(0, count)
