"""Everything that happens beside ordinary trade: importing the modules registers their plays."""

from bench.detection.plays import (
    batches,
    debits,
    harmless,
    holds,
    identity,
    quirks,
    refunds,
    signatures,
    statements,
    voids,
)

__all__ = [
    "batches",
    "debits",
    "harmless",
    "holds",
    "identity",
    "quirks",
    "refunds",
    "signatures",
    "statements",
    "voids",
]
