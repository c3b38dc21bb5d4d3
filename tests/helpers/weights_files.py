"""Weights files with a changed description, or damaged in other ways, for tests."""

import io
import json
import zipfile

import numpy as np

from lprnet_utils.common.weights_archive import METADATA_FILE, unpack

# values of JSON in the place of others
JUNK = (None, True, -1, 0, 1e308, 10**400, -0.5, "", "x" * 5000, [], [[]], {}, [1, 2], [0, 0], [5, -1], [["a", 1]] * 68)


def archive(members, method=zipfile.ZIP_STORED):
    """The bytes of a zip archive of (name, content) pairs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        for name, content in members:
            writer.writestr(name, content)
    return file.getvalue()


def with_description(data, text):
    """A weights file with another description, given as bytes or as a dictionary of JSON values."""
    length, members = unpack(data, "a test's file")
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    file = io.BytesIO(data[:length])
    with zipfile.ZipFile(file, "a") as writer:
        for name, content in (members | {METADATA_FILE: text}).items():
            writer.writestr(name, content)
    return file.getvalue()


def without_checksum(data):
    """A weights file as earlier versions wrote it, whose description does not state the SHA-256 of its networks."""
    known = json.loads(unpack(data, "a test's file")[1][METADATA_FILE])
    return with_description(data, {name: value for name, value in known.items() if name != "sha256"})


def mutated(data, seed):
    """A weights file with one of eight kinds of damage."""
    rng = np.random.default_rng(seed)
    length, members = unpack(data, "a test's file")
    kind, out = seed % 8, bytearray(data)

    def flip(low, high, count):
        for place in rng.integers(low, high, count):
            out[place] = rng.integers(256)

    if kind == 0:  # anywhere in the network
        flip(0, length, rng.integers(1, 200))
    elif kind == 1:  # in its first tables
        flip(0, 2000, rng.integers(1, 8))
    elif kind == 2:  # in its last tables
        flip(length - 60_000, length, rng.integers(1, 60))
    elif kind == 3:  # in the archive
        flip(length, len(out), rng.integers(1, 30))
    elif kind == 4:  # in the archive's table of contents
        flip(len(out) - 150, len(out), rng.integers(1, 5))
    elif kind == 5:
        out = out[: rng.integers(len(out))]
    elif kind == 6:  # a piece in another place
        start, to, size = (int(rng.integers(length)) for _ in range(3))
        out[to : to + size] = out[start : start + size]
    else:
        known = json.loads(members[METADATA_FILE])
        for field in rng.choice(list(known), rng.integers(1, 4), replace=False):
            known[str(field)] = JUNK[rng.integers(len(JUNK))]
            if rng.random() < 0.2:
                del known[str(field)]
        return with_description(data, known)
    return bytes(out)
