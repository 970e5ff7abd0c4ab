"""Everything that happens beside ordinary trade: importing the modules registers their plays."""

from bench.detection.plays import (
    batches,
    debits,
    harmless,
    holds,
    identity,
    limits,
    lines,
    quirks,
    refunds,
    signatures,
    statements,
    variants,
    voids,
)

__all__ = [
    "batches",
    "debits",
    "harmless",
    "holds",
    "identity",
    "limits",
    "lines",
    "quirks",
    "refunds",
    "signatures",
    "statements",
    "variants",
    "voids",
]
