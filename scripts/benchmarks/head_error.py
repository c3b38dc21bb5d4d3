"""Measure whose head an avatar has: its error on generated people, whose whole heads are known.

    python scripts/benchmarks/head_error.py [--people 100]

Each person is rendered in ten photos with other pose, expression and light, and reconstructed by ``open``. The head at
rest that comes of the first one, three, five or all photos (:class:`lprnet_utils.avatar.person.PersonShape`, as in
``write_avatar``) is compared with the true one, and so is the head of the people's mean identity: mean distance in mm
of the vertices after the best similarity, by region. Told besides is the correlation of the first ten identity modes
with the truth. No estimate was fitted to these people. Six minutes.
"""

import argparse

import numpy as np
from scipy.spatial import cKDTree
from tqdm import tqdm

from lprnet_utils import LPRNet
from lprnet_utils.avatar import HeadShape
from lprnet_utils.avatar.person import PersonShape
from lprnet_utils.evaluation.identity import MODES
from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.camera import similarity_alignment
from lprnet_utils.reconstruction.identity import IdentityEstimator, NearestIdentity
from lprnet_utils.synthetic.same_person import SamePersonFaces

SEED = 2  # scripts/calibration/fit_identity.py draws its people by another
COUNTS = 1, 3, 5, 10
EAR_X, NECK_Y, BUST_Y = 72.0, -75.0, -160.0  # mm in the face frame: what is farther aside, or lower


class Heads:
    """Heads as the vertices that avatars and generated people have in common: those of face, skull, ears and neck."""

    def __init__(self, source: SamePersonFaces):
        self.shape, self.head = HeadShape.load(), source.head
        self.face, around = len(self.shape.model.mean), self.head.kind["head"]
        mean = self.shape.base_mean[self.shape.face_base :][: around.stop - around.start]
        chosen = np.flatnonzero(mean[:, 1] > BUST_Y)
        self.rows, self.base_rows = around.start + chosen, self.shape.face_base + chosen
        # the base is what the skin is subdivided from: it has the details of the nearest place of the skin
        self.nearest = cKDTree(self.shape.mean).query(mean[chosen])[1]
        x, y, _ = mean[chosen].T
        ears, neck = (np.abs(x) > EAR_X) & (y > NECK_Y), y <= NECK_Y
        face, whole = np.arange(self.face + len(chosen)) < self.face, np.ones(self.face + len(chosen), bool)
        self.regions = {"face": face}
        for name, part in {"ears": ears, "skull": ~ears & ~neck, "neck": neck}.items():
            self.regions[name] = np.r_[np.zeros(self.face, bool), part]
        self.regions["head"] = whole

    def true(self, coefficients: np.ndarray) -> np.ndarray:
        """Those of a generated person, without expression."""
        at_rest = coefficients.copy()
        at_rest[len(self.head.model.identity) :] = 0
        vertices = self.head.vertices(at_rest[None], np.zeros((1, 2)))[0]
        return np.concatenate([vertices[self.head.kind["face"]], vertices[self.rows]])

    def of(self, identity: np.ndarray, details: np.ndarray | float = 0.0) -> np.ndarray:
        """Those of an avatar's skin with an identity (K,) and details (W, 3)."""
        details = np.broadcast_to(details, self.shape.mean.shape)
        around = self.shape.base_vertices(identity)[self.base_rows] + details[self.nearest]
        return np.concatenate([(self.shape.neutral(identity) + details)[: self.face], around])

    def errors(self, vertices: np.ndarray, true: np.ndarray) -> list[float]:
        """Mean distances in mm by region, after the best similarity of all."""
        scale, rotation, shift = similarity_alignment(vertices, true)
        distance = np.linalg.norm(scale * vertices @ rotation.T + shift - true, axis=1)
        return [float(distance[region].mean()) for region in self.regions.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    options = parser.parse_args()
    net, source, nearest = LPRNet(), SamePersonFaces(SEED), NearestIdentity()
    heads, mean = Heads(source), IdentityEstimator.load().identity
    errors = {"mean head": []} | {f"{count} photos": [] for count in COUNTS}
    found, true = {count: [] for count in COUNTS}, []
    for person in tqdm(range(options.people), unit="person"):
        photos = source.photos(person, max(COUNTS))
        boxes = [landmark_box(net.layout.landmarks(photo.position_map)) for photo in photos]
        faces = net.reconstruct_in_boxes([photo.image for photo in photos], boxes)
        truth = heads.true(photos[0].coefficients)
        true.append(nearest(photos[0].coefficients))
        errors["mean head"].append(heads.errors(heads.of(mean), truth))
        for count in COUNTS:
            shape = PersonShape.of(faces[:count])
            found[count].append(shape.identity)
            errors[f"{count} photos"].append(heads.errors(heads.of(shape.identity, shape.details), truth))
    print(f"{options.people} people, mean distance in mm:", *heads.regions)
    for name, rows in errors.items():
        ratio = np.mean(rows, 0)[-1] / np.mean(errors["mean head"], 0)[-1]
        print(f"{name:10s}", *(f"{value:.2f}" for value in np.mean(rows, 0)), f"{ratio:.2f} of the mean head's")
    for count, identities in found.items():
        pairs = zip(np.transpose(identities)[:MODES], np.transpose(true)[:MODES], strict=True)
        correlation = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
        print(f"{count} photos: correlation of the first {MODES} identity modes with the truth {correlation:.2f}")


if __name__ == "__main__":
    main()
