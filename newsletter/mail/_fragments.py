"""Quoted-printable in fragments that may be joined in any order. Source: RFC 2045 6.7, RFC 5321 4.5.2.

A fragment begins at the start of a line and ends in a line end or a soft break, so the next one begins at the start of a
line too. A dot or a `From ` there is escaped: DATA needs no search for dots, and no old relay puts a `>` in front.
"""

from __future__ import annotations

import re

HARD = b"\r\n"
SOFT = b"=\r\n"
_TABLE = [bytes([b]) if b in b"\t " or (33 <= b <= 126 and b != ord("=")) else b"=%02X" % b for b in range(256)]
_ESCAPED = bytes(octet for octet, written in enumerate(_TABLE) if len(written) == 3 and octet != ord("\n"))
_CHUNK = re.compile(rb".{1,71}(?<!=)(?<!=.)")  # 71 + an escaped first and last octet + the soft break = 76; never inside =XX
_AT_START = re.compile(rb"(?:\.|From )")


def encode(text: str) -> bytes:
    """One fragment, lines <= 76. `\\n` is a line end; text that does not end in one is left open by a soft break."""
    *rows, rest = text.encode().split(b"\n")
    out = [SOFT.join(_chunks(row)) + HARD for row in rows]
    if rest:
        out.append(SOFT.join(_chunks(rest, closed=False)) + SOFT)
    return b"".join(out)


def weight(text: str) -> int:
    """Octets of the encoded text but for soft breaks; that of two texts is the sum of theirs, wherever they are cut."""
    octets = text.encode()
    return 3 * len(octets) - 2 * len(octets.translate(None, _ESCAPED)) + octets.count(b"\n")


def closed(fragment: bytes) -> bytes:
    """What a part needs behind this last fragment of its own so that it ends in a line end."""
    return HARD if fragment.endswith(SOFT) else b""


def _chunks(row: bytes, *, closed: bool = True) -> list[bytes]:
    chunks = [_safe(chunk) for chunk in _CHUNK.findall(b"".join([_TABLE[octet] for octet in row]))]
    if closed and chunks and chunks[-1][-1:] in b"\t ":
        chunks[-1] = chunks[-1][:-1] + b"=%02X" % chunks[-1][-1]
    return chunks


def _safe(chunk: bytes) -> bytes:
    return b"=%02X" % chunk[0] + chunk[1:] if _AT_START.match(chunk) else chunk
