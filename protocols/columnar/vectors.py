"""The steps of a batch in numpy; ``kernel`` has the same ones compiled."""

from protocols.columnar.gathers import digits, raw, tags, text
from protocols.columnar.walk import walk

__all__ = ["digits", "raw", "tags", "text", "walk"]
