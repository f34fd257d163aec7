"""Executables of which a part was changed and every hash made right: nothing but what they say is
wrong with them."""

from __future__ import annotations

import ctypes
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

# include/qzc/Format/Image.h
ENTRY = struct.Struct("<IIIIQQQQ32s")
FOOTER = struct.Struct("<IIQQ32sQ8s")
MANIFEST, WEIGHTS = 1, 3


def xxh3(data: bytes) -> int:
    hashed = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    hashed.restype, hashed.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return hashed(data, len(data))


def alter(image: Path, out: Path, kind: int, change: Callable[[bytearray], None]) -> None:
    """A copy with one section changed, which must keep its length, and every hash made right."""
    data = bytearray(image.read_bytes())
    version, count, table, size, *_, magic = FOOTER.unpack_from(data, len(data) - FOOTER.size)
    for i in range(count):
        place = table + i * ENTRY.size
        entry = list(ENTRY.unpack_from(data, place))
        if entry[0] != kind:
            continue
        begin, end = entry[4], entry[4] + entry[5]
        section = data[begin:end]
        change(section)
        assert len(section) == end - begin
        data[begin:end] = section
        entry[6], entry[8] = xxh3(bytes(section)), hashlib.sha256(section).digest()
        ENTRY.pack_into(data, place, *entry)
    head = struct.pack("<IIQQ", version, count, table, size)
    sha = hashlib.sha256(data[table : len(data) - FOOTER.size] + head).digest()
    check = xxh3(bytes(data[table : len(data) - FOOTER.size]) + head + sha)
    FOOTER.pack_into(data, len(data) - FOOTER.size, version, count, table, size, sha, check, magic)
    out.write_bytes(data)
    out.chmod(0o755)


def alter_manifest(image: Path, out: Path, change: Callable[[dict], None]) -> None:
    """The same of the manifest, which must not get longer."""

    def rewrite(section: bytearray) -> None:
        manifest = json.loads(section)
        change(manifest)
        manifest["selection"] = ""  # makes room
        text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()
        section[:] = text.ljust(len(section))

    alter(image, out, MANIFEST, rewrite)
