"""Keys, ranges and cursors. etcd has no folders: a path is a prefix, and a prefix is the range that ends before
the next possible one. Nothing here knows JSON, HTTP or the host."""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass


@dataclass
class Range:
    """A range of keys, without its end; an empty end is a single key."""

    start: bytes
    end: bytes = b""

    def after(self, key: bytes) -> "Range":
        """The rest of it, behind a key."""
        # The least key that is greater.
        return Range(key + b"\0", self.end)


def below(prefix: bytes) -> Range:
    """Every key that begins with the prefix."""
    # A zero byte stands for the first of all keys, and as an end for the last.
    start = prefix or b"\0"
    stem = prefix.rstrip(b"\xff")
    return Range(start, stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0")


@dataclass
class Cursor:
    """Where a listing goes on: behind a key, as of the revision of its first page, so that keys that come and go
    between two pages neither appear twice nor hide others."""

    revision: str
    key: bytes

    def write(self) -> str:
        """As the text that the host hands back."""
        return f"{self.revision} {b64encode(self.key).decode()}"


def read_cursor(text: str) -> Cursor | None:
    """Reads it again; None if it is none."""
    revision, _, key = text.partition(" ")
    try:
        return Cursor(revision, b64decode(key, validate=True)) if is_revision(revision) else None
    except binascii.Error:
        return None


def is_revision(text: str) -> bool:
    """Is it a revision, which is what this provider calls a version?"""
    return text.isascii() and text.isdecimal() and 0 < int(text[:20]) < 1 << 63
