"""Names of files: which ones file systems take for the same, and names that are cut and stay different."""

import hashlib
import os
import unicodedata

HASH_DIGITS = 12  # hexadecimal


def with_hash(name: str, of: str, limit: int) -> str:
    """A name of at most ``limit`` bytes, which ends in a hash of ``of``. Bytes that are not UTF-8 are left out."""
    digest = hashlib.sha256(os.fsencode(of)).hexdigest()[:HASH_DIGITS]
    return os.fsencode(name)[: limit - HASH_DIGITS - 1].decode(errors="ignore") + "-" + digest


def comparable(name: str) -> str:
    """The same text for names that some file system takes for one: of Windows and macOS, which ignore case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
