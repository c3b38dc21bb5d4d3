"""Build ``scripts/assets/landmarks68_labels.txt``: positions of the 68 landmarks that match the labels of photos.

The iBUG landmarks of a data set follow their makers' definitions (which point of the brow, how far down the jaw). If
the model's own points differ, fits absorb the difference into identity and expression, and a network learns it as a
bias. Two steps find the positions:

1. From the labels alone. The model is fitted with the present positions; then each pair of landmarks moves,
   mirror-symmetrically, to the UV position nearest the labels over all fits; and again. A weak prior keeps anatomical
   points (eye and mouth corners, nose tip) where they were placed by eye. This step cannot tell a wrong position from
   an average face that differs from the model's: the mean of the identities came out with a norm of 4.
2. From the pixels (``--weights``). A network trained on rendered faces alone reconstructs the photos, and each pair of
   landmarks moves to the texel that the network puts nearest the labels. The anatomical points stay.

    export LPRNET_AFLW_TRAIN=...
    python scripts/calibration/calibrate_landmarks.py --output scripts/assets/landmarks68_fitted.txt
    python scripts/calibration/calibrate_landmarks.py --start scripts/assets/landmarks68_fitted.txt --weights FILE

The second command writes ``landmarks68_labels.txt``. Each takes a few minutes. The result is a
statistic of 2,000 photos: 68 positions on the model, and nothing of any one photo.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.geometry import MIRRORED_LANDMARKS, landmark_box
from lprnet_utils.morphable_model import fit_landmarks
from lprnet_utils.uv.maps import bilinear_matrix

ASSETS = Path(__file__).resolve().parents[1] / "assets"
ANATOMICAL = [30, 33, *range(36, 49), 54, *range(60, 68)]  # nose, lids, corners of the mouth, inner lips
# mm that a landmark may be expected to move from where it was placed
PRIOR_DEVIATION = np.full(68, 8.0)
PRIOR_DEVIATION[ANATOMICAL] = 2.0
LABEL_DEVIATION = 1.5  # mm
LABEL_COUNT = 300  # thousands of labels share their errors of definition, so they count as a few hundred
STEP, REACH = 0.5, 3.0  # texels: spacing and half-width of the positions tried each round
# mm beyond which a label counts as wrong; a network shifts whole faces by 5
MAX_FIT_DISTANCE, MAX_NETWORK_DISTANCE = 6.0, 15.0
KEPT_FACES = 85  # % of the faces, those that the network reconstructs best


class FaceMaps:
    """The face model as position maps, to be read at UV positions (n, 2)."""

    def __init__(self):
        self.model, self.layout = MorphableModel.load(), UVLayout()
        self.mean, self.basis = self.layout.position_basis(self.model)

    def read(self, maps: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Points (m, n, C) of maps (m, N*N, C)."""
        matrix = bilinear_matrix(uv, self.layout.size)
        return np.stack([matrix @ one for one in maps])

    def mean_at(self, uv: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the mean face, mm."""
        return bilinear_matrix(uv, self.layout.size) @ self.mean


class Calibration:
    """Positions ``uv`` (68, 2) of the landmarks, which move towards labels (n, 68, 3).

    ``maps`` (n, N*N, 2) are a network's position maps of the photos; without them the face model is fitted to the
    labels, in every round anew.
    """

    def __init__(self, faces: FaceMaps, uv: np.ndarray, labels: np.ndarray, maps: np.ndarray | None):
        self.faces, self.uv, self.labels, self.maps = faces, uv, labels, maps
        self.start = faces.mean_at(uv)
        self.movable = np.setdiff1d(np.arange(68), [] if maps is None else ANATOMICAL)
        self.max_distance = MAX_FIT_DISTANCE if maps is None else MAX_NETWORK_DISTANCE
        self.fit()

    def fit(self) -> None:
        """Fit the face model to the labels, with the landmarks where they are now."""
        mean, basis = self.faces.mean_at(self.uv), self.faces.read(self.faces.basis, self.uv)
        self.fits = fit_landmarks(mean, basis, len(self.faces.model.identity), self.labels)

    def points_at(self, uv: np.ndarray) -> np.ndarray:
        """Where UV positions (m, 2) lie in every photo, (n, m, 2) in pixels."""
        if self.maps is not None:
            return self.faces.read(self.maps, uv)
        return self.fits.evaluate(self.faces.mean_at(uv), self.faces.read(self.faces.basis, uv))[..., :2]

    def cost(self, landmark: int, uv: np.ndarray) -> np.ndarray:
        """Cost (m,) of UV positions (m, 2) for a landmark: distance from its labels and from where it started."""
        miss = (self.points_at(uv) - self.labels[:, None, landmark, :2]) / self.fits.scale[:, None, None]
        distance = np.minimum(np.linalg.norm(miss, axis=-1), self.max_distance)
        moved = np.linalg.norm(self.faces.mean_at(uv) - self.start[landmark], axis=1) / PRIOR_DEVIATION[landmark]
        return LABEL_COUNT * (distance**2).mean(0) / LABEL_DEVIATION**2 + moved**2

    def move(self) -> None:
        """Move each pair of landmarks to the position nearby that costs least."""
        offsets = np.arange(-REACH, REACH + 1e-6, STEP) / 128
        for j in self.movable[self.movable <= MIRRORED_LANDMARKS[self.movable]]:
            du = [0.0] if MIRRORED_LANDMARKS[j] == j else offsets
            tried = np.clip(self.uv[j] + np.stack(np.meshgrid(du, offsets), -1).reshape(-1, 2), 0.01, 0.99)
            best = tried[np.argmin(self.cost(j, tried))]
            self.uv[j] = best
            self.uv[MIRRORED_LANDMARKS[j]] = [1 - best[0], best[1]]

    def run(self, rounds: int) -> np.ndarray:
        """Move the landmarks; their residuals (n, 68) at the end."""
        for step in range(rounds + 1):
            if step:
                self.move()
                if self.maps is None:
                    self.fit()
            error = residuals(self.points_at(self.uv), self.labels)
            moved = np.linalg.norm(self.faces.mean_at(self.uv) - self.start, axis=1)
            print(f"round {step}: residual {error.mean():.3f} % of the box, moved {moved.mean():.1f} mm", flush=True)
        return error


def residuals(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """In-plane residual of each label, % of the box, (n, 68)."""
    box = landmark_box(labels)
    side = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    return 100 * np.linalg.norm(points[..., :2] - labels[..., :2], axis=-1) / side[:, None]


def mirrored_labels(labels: np.ndarray) -> np.ndarray:
    """Labels (..., 68, 3) of the mirrored photo, 120 pixels wide."""
    return labels[..., MIRRORED_LANDMARKS, :] * [-1, 1, 1] + [119, 0, 0]


def network_maps(photos: AFLWTrain, rows: np.ndarray, weights: Path) -> np.ndarray:
    """x and y of the network's position maps of the photos and of their mirror images, (2 n, N*N, 2)."""
    network, maps = LPRNet(weights), []
    for mirrored in (False, True):
        for row in rows:
            image, labels = photos.image(row), photos.landmarks[row]
            if mirrored:
                image, labels = image[:, ::-1], mirrored_labels(labels)
            face = network.reconstruct_in_box(image, landmark_box(labels))
            maps.append(face.position_map[..., :2].reshape(-1, 2).astype(np.float32))
    return np.stack(maps)


def without_shift(faces: FaceMaps, maps: np.ndarray, uv: np.ndarray, labels: np.ndarray):
    """Maps shifted onto the labels of the anatomical points, and these labels; badly reconstructed faces left out.

    The network has learned the place of faces in crops around the former landmarks, so its maps are shifted.
    """
    points = faces.read(maps, uv)
    shift = (labels[..., :2] - points)[:, ANATOMICAL].mean(1, keepdims=True)
    miss = residuals(points + shift, labels).mean(1)
    kept = miss < np.percentile(miss, KEPT_FACES)
    return (maps + shift)[kept], labels[kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_shared(parser, "--aflw-train")
    parser.add_argument("--start", type=Path, default=ASSETS / "landmarks68_placed.txt")
    parser.add_argument("--output", type=Path, default=ASSETS / "landmarks68_labels.txt")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--weights", type=Path, help="LiteRT file of a network trained on rendered faces alone")
    options = parser.parse_args()

    photos = AFLWTrain(aflw_train_folder(options.aflw_train), lids_and_lips=False)
    good = np.flatnonzero((photos.trust == 1) & ~photos.held_out)
    rows = np.sort(np.random.default_rng(0).choice(good, options.photos, replace=False))
    labels = photos.landmarks[rows].astype(float)
    labels = np.concatenate([labels, mirrored_labels(labels)])  # so that the solution is symmetric

    faces, maps = FaceMaps(), None
    uv = np.loadtxt(options.start)[:, 1:3]
    uv = (uv + uv[MIRRORED_LANDMARKS] * [-1, 1] + [1, 0]) / 2
    if options.weights:
        maps, labels = without_shift(faces, network_maps(photos, rows, options.weights), uv, labels)
    error = Calibration(faces, uv, labels, maps).run(options.rounds)

    made_by = "scripts/calibration/calibrate_landmarks.py"
    header = f"iBUG landmark (0-based), u, v in the chart of data/face_model.npz, weight; by {made_by}"
    np.savetxt(options.output, np.c_[np.arange(68), uv, np.ones(68)], "%d %.6f %.6f %.4f", header=header)
    print("by landmark, %:", " ".join(f"{i}:{e:.2f}" for i, e in enumerate(error.mean(0))))


if __name__ == "__main__":
    main()
