"""What a weights file contains besides its network: a description, and perhaps a second network. Read with care.

Both are in a zip archive behind the flatbuffer of the network, see :mod:`lprnet_utils.networks.export`. A file from
elsewhere may be damaged or made to harm, so sizes are bounded and each field that inference reads is checked here.
"""

import io
import json
import reprlib
import zipfile
from collections.abc import Callable
from typing import Any

from .assets import AssetError, sha256

METADATA_FILE = "lprnet.json"
HEAD_ANGLE_FILE = "upright.tflite"  # only if the weights include a head-angle network
MAX_MEMBER_BYTES = {METADATA_FILE: 1_000_000, HEAD_ANGLE_FILE: 20_000_000}
MAX_DIRECTORY_BYTES = 10_000  # of the archive's table of contents, which has two entries
END_OF_DIRECTORY, LARGE_ARCHIVE = b"PK\5\6", b"PK\6\7"  # records of a zip file, APPNOTE.TXT 4.3.16 and 4.3.15


def pack(network: bytes, description: dict[str, Any], head_angle: bytes = b"") -> bytes:
    """A weights file of one network or two. Its description also states their SHA-256."""
    members = {HEAD_ANGLE_FILE: head_angle} if head_angle else {}
    stated = description | {"sha256": contents_sha256(network, len(network), members)}
    text = json.dumps(stated, indent=1, sort_keys=True, allow_nan=False).encode()
    file = io.BytesIO(network)
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in ({METADATA_FILE: text} | members).items():
            # with a fixed date, so that equal contents give equal files
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
    return file.getvalue()


def unpack(data: bytes, name: str) -> tuple[int, dict[str, bytes]]:
    """Length of the flatbuffer in a weights file, and the files in the archive behind it. AssetError if it is damaged.

    Other files than the two that this package knows are left out.
    """
    if data[4:8] != b"TFL3":
        raise AssetError(f"{name} is not a LiteRT model ({len(data)} bytes)")
    try:
        _check_directory(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            members = {entry.filename: _read(archive, entry) for entry in entries if entry.filename in MAX_MEMBER_BYTES}
        if METADATA_FILE not in members:
            raise ValueError(f"it has no {METADATA_FILE}")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("two files in it have the same name")
        length = min(entry.header_offset for entry in entries)
        if not 8 < length < len(data):
            raise ValueError("its archive is not behind the network")
    except Exception as error:  # zipfile and zlib have exceptions of their own
        raise AssetError(f"{name} is truncated, or was not exported by lprnet_utils: {error}") from error
    return length, members


def _check_directory(data: bytes) -> None:
    """ValueError if the archive has a long table of contents, which would fill the memory."""
    end = data.rfind(END_OF_DIRECTORY)
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    if end >= 0 and (size > MAX_DIRECTORY_BYTES or data[max(end - 20, 0) : end].startswith(LARGE_ARCHIVE)):
        raise ValueError("its archive holds too many files")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A file of the archive. ValueError if it is too long, which is found out before it is read."""
    limit = MAX_MEMBER_BYTES[entry.filename]
    if entry.file_size > limit:
        raise ValueError(f"{entry.filename} in it has {entry.file_size:,} bytes, more than {limit:,}")
    # of these two, zipfile expands no more than the announced size
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename} in it is packed by an unknown method")
    with archive.open(entry) as file:
        content = file.read(limit + 1)
    if len(content) != entry.file_size:
        raise ValueError(f"{entry.filename} in it has {len(content):,} bytes instead of {entry.file_size:,}")
    return content


def parse_description(text: bytes, name: str) -> dict[str, Any]:
    """The description of weights from its JSON, with all fields checked. AssetError if it is damaged."""
    try:
        description = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise AssetError(f"{name} has a damaged description: {error}") from error
    check_description(description, name)
    return description


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a field occurs twice")
    return values


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def check_description(description: Any, name: str) -> None:
    """AssetError if a field that this package reads is missing, or has a value with which it could not work."""
    if not isinstance(description, dict) or "span" not in description:
        raise AssetError(f"{name} does not state its encoding (span)")
    for field, (valid, meaning) in FIELDS.items():
        if field in description and not valid(description[field]):
            found = reprlib.repr(description[field])
            raise AssetError(f"{name} has a damaged description: {field} should be {meaning}, not {found}")


def contents_sha256(data: bytes, length: int, members: dict[str, bytes]) -> str:
    """SHA-256 of the networks in a weights file, which the description states."""
    return sha256(data[:length] + members.get(HEAD_ANGLE_FILE, b""))


def _is_number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high


def _are_landmarks(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 68:
        return False
    if not all(isinstance(p, list) and len(p) == 2 and all(_is_number(x, 0, 1) for x in p) for p in value):
        return False
    return all(max(axis) - min(axis) > MIN_LANDMARK_SPREAD for axis in zip(*value, strict=True))


def _is_curve(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return _is_number(value[0], -1e4, 1e4) and _is_number(value[1], 0.01, 1e4)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


MIN_LANDMARK_SPREAD = 0.1  # of the chart's side
# for each field: whether a value is valid, and what it should be
FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "span": (lambda value: _is_number(value, 0.1, 100), "a number from 0.1 to 100"),
    "size": (lambda value: type(value) is int and 2 <= value <= 4096 and value % 2 == 0, "an even number"),
    "landmark_uv": (_are_landmarks, "68 different places (u, v) from 0 to 1"),
    "doubt": (_is_curve, "a distance and a width in mm"),
    "notices": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of texts"),
    "sha256": (lambda value: _is_text(value) and len(value) == 64, "64 hexadecimal digits"),
    **dict.fromkeys(("licence", "training_data", "network", "precision", "chart"), (_is_text, "a text")),
}
