"""Everything that happens beside ordinary trade: importing the modules registers their plays."""

from bench.detection.plays import batches, debits, harmless, holds, quirks, refunds, statements, voids

__all__ = ["batches", "debits", "harmless", "holds", "quirks", "refunds", "statements", "voids"]
