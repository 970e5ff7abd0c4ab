"""Arrow's memory in a process that lands: what one batch gave back, the next one takes, without asking the system."""

import os


def keep() -> None:
    """Have Arrow's allocator (mimalloc) keep what is given back; of effect only before pyarrow is loaded.

    A sixth of the processor time of landing went into pages that were given back and taken again. The most memory a
    run has is the same.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")


def give_back() -> None:
    """Let the system have what no table holds: between two stages, whose threads cannot use each other's."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
