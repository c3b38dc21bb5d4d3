"""Files for tests: small data sets made from known faces, a reader of .glb files, and videos by ffmpeg."""

import json
import struct
import subprocess

import numpy as np
from PIL import Image
from scipy.io import savemat

from lprnet_utils import UVLayout
from lprnet_utils.common.assets import read_bundled_arrays
from lprnet_utils.geometry import rotation_matrix


def faces_of(model):
    """Triangles of the skin, without the membrane."""
    return model.triangles[~model.membrane]


def basel_files(model, folder):
    """Write our model in the format of the Basel model: vertices shuffled, micrometres, triangles clockwise."""
    rng = np.random.default_rng(1)
    faces = faces_of(model)
    used = np.unique(faces)
    order = rng.permutation(used)
    number = np.full(len(model.mean), -1)
    number[order] = np.arange(len(order))
    truth = model.vertices(rng.normal(0, 0.7, 80))
    layout = UVLayout(landmark_uv=read_bundled_arrays("face_model.npz")["landmarks_between_models"][:, 1:3])
    marks = layout.landmarks(layout.vertices_to_map(truth))
    keypoints = [int(np.linalg.norm(truth[order] - p, axis=1).argmin()) for p in marks]
    turn = rotation_matrix(4, 0, 0)

    def column(v):
        return 1000 * (v[order] @ turn.T).reshape(-1, 1)

    deviation = rng.uniform(0.5, 3, 10)
    padded = np.zeros((3 * len(order), 199))  # only ten modes move vertices
    padded[:, :10] = np.concatenate([column(m) for m in model.identity[:10]], 1) / deviation
    shift = np.array([5.0, -30.0, 80.0])
    np.savez(folder / "truth.npz", mean=truth, deviation=deviation, turn=turn, shift=shift)
    fields = {"mu_shape": column(truth + shift), "w": padded, "sigma": np.r_[deviation, np.ones(189)][:, None]}
    indices = {"tri": number[faces[:, ::-1]].T + 1, "keypoints": np.array(keypoints)[None] + 1}
    savemat(folder / "Model_Shape.mat", fields | indices)
    shapes = np.concatenate([column(m) for m in model.expression[:29]], 1)
    fields = {"mu_exp": np.zeros((3 * len(order), 1)), "w_exp": shapes, "sigma_exp": np.ones((29, 1))}
    savemat(folder / "Model_Exp.mat", fields)
    return truth, used


def write_300wlp(model, folder, count):
    """Write pairs like 300W-LP's for the model of :func:`basel_files`: black photos with a dot at the tip of the nose.

    Returns, for each pair, the true vertices in the photo frame, and (x, y, pixels per millimetre) of the dot.
    """
    rng = np.random.default_rng(7)
    place = folder / "300W_LP" / "AFW"
    place.mkdir(parents=True)
    raw = np.load(folder / "truth.npz")
    out = []
    for k in range(count):
        shape = np.zeros(199)
        shape[:10] = rng.normal(0, 1, 10) * raw["deviation"]
        expression = np.zeros(29)
        expression[rng.integers(29)] = 0.5
        mm = raw["mean"] + np.tensordot(shape[:10] / raw["deviation"], model.identity[:10], 1)
        mm = (mm + np.tensordot(expression, model.expression[:29], 1) + raw["shift"]) @ raw["turn"].T
        angles = rng.uniform(-0.4, 0.4, 3)
        scale, t = 1.2, np.array([230.0, 240.0, 0.0])
        posed = scale * mm @ rotation_matrix(*np.rad2deg(angles)).T + t
        pixels = posed * [1, -1, 1] + [-1, 450, 0]  # y := 451 - y counts from 1, so 450 - y from 0
        nose = UVLayout().landmarks(UVLayout().vertices_to_map(pixels))[30]
        y, x = np.mgrid[0:450, 0:450]
        dot = 255 * np.exp(-((x - nose[0]) ** 2 + (y - nose[1]) ** 2) / 18)
        Image.fromarray(dot[..., None].repeat(3, 2).astype(np.uint8)).save(place / f"AFW_{k}_0.jpg")
        fields = {"Shape_Para": shape[:, None], "Exp_Para": expression[:, None], "pt2d": np.ones((2, 68))}
        savemat(place / f"AFW_{k}_0.mat", fields | {"Pose_Para": np.r_[angles, t, scale / 1000][None]})
        out.append((pixels, (nose[0], nose[1], scale)))
    return out


def write_aflw2000(folder, name, points, pose):
    """Write a sample in the format of AFLW2000-3D with a grey photo."""
    savemat(folder / f"{name}.mat", {"pt3d_68": points, "Pose_Para": np.array([pose])})
    Image.fromarray(np.full((450, 450, 3), 90, np.uint8)).save(folder / f"{name}.jpg")


def read_glb(path):
    """JSON and accessors of a .glb file, read as glTF 2.0 specifies, without any code of the writer."""
    data = path.read_bytes()
    magic, version, length = struct.unpack("<III", data[:12])
    assert (magic, version, length) == (0x46546C67, 2, len(data))
    size, kind = struct.unpack("<II", data[12:20])
    assert kind == 0x4E4F534A
    tree = json.loads(data[20 : 20 + size])
    blob = data[20 + size + 8 :]
    kinds = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
    widths = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def part(place, kind, count, width, offset=0):
        view = tree["bufferViews"][place]
        start, size = view.get("byteOffset", 0) + offset, np.dtype(kind).itemsize
        stride = view.get("byteStride", size * width)
        rows = np.ndarray((count, width), kind, blob, start, (stride, size))
        return rows.copy()

    arrays = []
    for accessor in tree["accessors"]:
        kind, width, count = kinds[accessor["componentType"]], widths[accessor["type"]], accessor["count"]
        values = np.zeros((count, width), kind)
        if "bufferView" in accessor:
            values = part(accessor["bufferView"], kind, count, width, accessor.get("byteOffset", 0))
        if sparse := accessor.get("sparse"):
            numbers = part(
                sparse["indices"]["bufferView"], kinds[sparse["indices"]["componentType"]], sparse["count"], 1
            )
            assert (np.diff(numbers[:, 0].astype(int)) > 0).all(), "indices grow"
            values[numbers[:, 0]] = part(sparse["values"]["bufferView"], kind, sparse["count"], width)
        arrays.append(values)
        if "min" in accessor:
            assert np.allclose(values.min(0), accessor["min"]) and np.allclose(values.max(0), accessor["max"])
    return tree, arrays


def ffmpeg(*arguments):
    """Run ffmpeg; an error raises CalledProcessError."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def pattern_video(path, *options, size="64x48", rate=10, seconds=1):
    """Write a moving test pattern without a face, and return its path."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}", *options, path)
    return path
