"""HMAC-SHA-256 of short values under one key, worked in once."""

import hashlib

_BLOCK = hashlib.sha256().block_size
_INNER, _OUTER = bytes(each ^ 0x36 for each in range(256)), bytes(each ^ 0x5C for each in range(256))


class Mac:
    """RFC 2104 with the states behind both padded keys kept.

    ``hmac.digest`` gives the same and lets go of the interpreter each time: whoever waits for it runs, and the caller
    waits in turn, for a value that takes half a microsecond.

    Args:
        key: any length; one beyond 64 bytes is hashed first.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))

    def digest(self, data: bytes) -> bytes:
        """The 32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()
