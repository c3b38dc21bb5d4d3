"""Measure on generated people what photos tell of who somebody is; write data/identity.npz.

    python scripts/calibration/fit_identity.py [--people 600] [--photos 5]

Each person is rendered in several photos, with other pose, expression and light, and reconstructed by ``open`` in the
box of the true landmarks. The covariances of what the fit finds are those of
:class:`lprnet_utils.reconstruction.identity.IdentityEstimator`. The truth is the identity in the bundled model's modes
that comes nearest to the person's face, which is of the mixed model. Run ``scripts/assets/update_checksums.py`` after
it. It takes five minutes. ``scripts/benchmarks/head_error.py`` measures on other people what it brings.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lprnet_utils import LPRNet
from lprnet_utils.geometry import landmark_box
from lprnet_utils.reconstruction.expressions import ShapeFitter
from lprnet_utils.reconstruction.identity import FILE, IdentityEstimator, NearestIdentity, identity_features
from lprnet_utils.synthetic.same_person import SamePersonFaces

OUTPUT = Path(__file__).resolve().parents[2] / "data" / FILE
SEED = 1
DIRECTIONS = 20  # 10 to 60 give the same errors, to 1 %, on people who were left out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--photos", type=int, default=5)
    options = parser.parse_args()
    net, source, nearest = LPRNet(closer_look=False), SamePersonFaces(SEED), NearestIdentity()
    fitter, layout = ShapeFitter.load(net.size), net.layout
    features, identities = [], []
    for person in tqdm(range(options.people), unit="person"):
        photos = source.photos(person, options.photos)
        boxes = [landmark_box(layout.landmarks(photo.position_map)) for photo in photos]
        faces = net.reconstruct_in_boxes([photo.image for photo in photos], boxes)
        features.append([identity_features(fitter.fit(face.position_map)) for face in faces])
        identities.append(nearest(photos[0].coefficients))
    estimator = IdentityEstimator.fit(np.array(features), np.array(identities), DIRECTIONS)
    np.savez_compressed(OUTPUT, **estimator.arrays())
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size:,} bytes, from {options.people} people in {options.photos} photos")


if __name__ == "__main__":
    main()
