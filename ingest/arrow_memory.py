"""The memory of a process that lands: what one batch gave back, the next one takes, without asking the system."""

import ctypes
import gc
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h
_KEPT_BYTES = 100 << 20
_LARGEST = 32 << 20  # more than that mallopt refuses
_NEW_OBJECTS = 50_000
"""After so many new objects Python looks for cycles among them, not after 700: a landing leaves hardly any."""


def keep() -> None:
    """Have Arrow use the C library's memory and that keep what is given back; of effect only before pyarrow is loaded.

    A sixth of the processor time of landing went into pages that were given back and taken again. In one arena all
    threads take what any of them gave back: with Arrow's own allocator each thread keeps its own, and the most
    memory of a million frames was 886 MiB instead of 675 (bench.land). Where the C library is not glibc, that one.

    Python looks for cycles of objects more seldom: while numba loads and a million frames land, it did so 183 times,
    through all that the libraries had made, for 0.14 s of processor time; now twice, for 0.02.
    """
    new, *older = gc.get_threshold()
    gc.set_threshold(max(_NEW_OBJECTS, new) if new else 0, *older)  # 0 is never, which is somebody's wish
    process = ctypes.CDLL(None) if os.name == "posix" else None
    if process is None or not hasattr(process, "gnu_get_libc_version"):
        os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
        return
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    for option, value in ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _LARGEST)):
        process.mallopt(option, value)


def give_back() -> None:
    """Let the system have what no table holds, between two stages."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
