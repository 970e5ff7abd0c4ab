"""Signature uploads -> rows of ``signatures``: the parts put together, the picture decoded, nothing left out.

Pure: the order in which parts came makes no difference. A picture that cannot be read is
a row with its error.
"""

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocols import bmp, jbig
from protocols.errors import DecodeError
from protocols.picture import box_ratio, cells, content_hash, difference_hash, ink_ratio, strokes
from protocols.png import png
from protocols.signature import Upload, feature_code

COMPILED_FROM = 1 << 22
"""Pixels from which loading the compiled decoder takes less time than it saves: a hundred large signatures."""

Place = tuple[str, int]
"""Segment and number of a recorded frame."""

_COPIED = (
    *("profile", "line", "merchant_id", "terminal_id", "batch_no", "stan"),
    *("requested_at", "event_at", "segment_id", "request_seq", "request_digest", "attempts"),
)
_ANSWERED = ("response_code", "responded_at", "response_segment_id", "response_seq", "response_digest")
_STATES = {"approved": "sent", "declined": "refused"}


def signatures(exchanges: Sequence[Mapping[str, Any]], uploads: Mapping[Place, Upload]) -> list[dict[str, Any]]:
    """The rows of ``signatures``.

    Args:
        exchanges: the requests and answers of each upload one behind the other, as ``signatures.sql`` gives them.
        uploads: what each request carries, by where it is recorded.
    """
    groups = [list(group) for _, group in itertools.groupby(exchanges, key=lambda row: row["upload"])]
    chosen = [_parts(group, uploads) for group in groups]
    pixels = sum(jbig.pixels_of(_first_image(parts)) for parts in chosen)
    compiled = pixels >= COMPILED_FROM
    return [_row(group, parts, compiled=compiled) for group, parts in zip(groups, chosen, strict=True)]


Part = tuple[Mapping[str, Any], Upload]


def _parts(group: Iterable[Mapping[str, Any]], uploads: Mapping[Place, Upload]) -> list[Part]:
    """The requests that carry the picture, in order; of a part sent twice the one that was accepted, else the last."""
    found: dict[int, Part] = {}
    for row in sorted(group, key=lambda each: (each["outcome"] == "approved", each["seen"], each["id"])):
        if row["request_seq"] is not None:
            carried = uploads[row["segment_id"], row["request_seq"]]
            found[carried.part] = (row, carried)
    return [found[number] for number in sorted(found)]


def _first_image(parts: Sequence[Part]) -> bytes:
    return parts[0][1].image if parts and parts[0][1].form == "jbig" else b""


def _row(group: Sequence[Mapping[str, Any]], parts: Sequence[Part], *, compiled: bool) -> dict[str, Any]:
    first, last = (parts[0][0], parts[-1][0]) if parts else (group[0], group[-1])
    carried = parts[0][1] if parts else None
    row: dict[str, Any] = {
        "signature_id": first["upload"],
        "transaction_id": first["signs"],
        **{name: first[name] for name in _COPIED},
        **{name: last[name] for name in _ANSWERED},
        "rrn": first["reference"],
        "feature_code": first["feature_code"] or (carried.feature_code if carried else None),
        "transaction_feature_code": _expected(first),
        "parts": len(parts),
        "upload_state": _state([part for part, _ in parts] or group),
        "details": json.dumps(carried.details, ensure_ascii=False, sort_keys=True) if carried else None,
        "proofs": json.dumps(_proofs(parts)) if parts else None,
        "business_date": first["upload_date"],
        "seen_date": first["upload_day"],
    }
    try:
        picture = _picture(parts, compiled=compiled)
    except DecodeError as wrong:
        return row | {"error": json.dumps(wrong.as_dict(), sort_keys=True)}
    return row | {
        "width": picture.width,
        "height": picture.height,
        "image": png(picture),
        "sha256": content_hash(picture),
        "phash": difference_hash(picture),
        "ink_ratio": ink_ratio(picture),
        "strokes": strokes(picture),
        "box_ratio": box_ratio(picture),
        "cells": cells(picture),
    }


def _expected(row: Mapping[str, Any]) -> str | None:
    """The feature code that the signed transaction's own answer gives."""
    if row["signs"] is None:
        return None
    settled: dt.date | None = row["signs_settlement"]
    return feature_code(f"{settled:%m%d}" if settled else None, row["signs_rrn"])


def _state(rows: Sequence[Mapping[str, Any]]) -> str:
    """Refused when any part was, sent when all were accepted."""
    states = {_STATES.get(row["outcome"], "unanswered") for row in rows}
    return next(state for state in ("refused", "unanswered", "sent") if state in states)


def _proofs(parts: Sequence[Part]) -> list[dict[str, Any]]:
    names = ("segment_id", "request_seq", "response_segment_id", "response_seq")
    return [{"part": carried.part, **{name: row[name] for name in names}} for row, carried in parts]


def _picture(parts: Sequence[Part], *, compiled: bool) -> jbig.Bitmap:
    """The picture of an upload.

    Raises:
        DecodeError: no part was seen, parts are missing, or the bytes are no picture.
    """
    numbers = [carried.part for _, carried in parts]
    whole = numbers[:1] == [0]
    if not whole and (numbers != list(range(1, len(numbers) + 1)) or not parts or parts[-1][1].last is False):
        raise DecodeError(
            "the picture is not whole",
            protocol="jbig",
            layer="field",
            path="F62",
            code="parts",
            expected="every part up to the last",
            got=f"parts {', '.join(map(str, numbers))}" if numbers else "the answer alone",
            hint="the request may have been sent while nobody listened; the terminal's own log may have it",
        )
    carried = parts[0][1]
    image = carried.image if whole else b"".join(part.image for _, part in parts)
    try:
        return bmp.decode(image) if carried.form == "bmp" else jbig.decode(image, compiled=compiled)
    except DecodeError as wrong:
        wrong.path = carried.path
        if whole:  # from the link frame's first byte; of several parts, from the picture's
            wrong.offset = carried.image_at + (wrong.offset or 0)
        raise
