"""The compiled loops of ``kernel_*``, loaded when they are asked for.

Loading numba takes half a second, so it is done only where it pays; its machine code is kept on disk for the next
process where that is allowed.
"""

import contextlib
import functools
import importlib
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

_LOCK, _WARMING = threading.Lock(), threading.Lock()


def available() -> bool:
    """Whether numba is there."""
    return loops() is not None


def loops() -> Any:
    """The loops by name; None where numba is not there."""
    with _LOCK:
        return _load()


def begin() -> None:
    """Have the loops loaded while other things are done, for who wants them soon."""
    if not ready():
        threading.Thread(target=_warm, name="tillwatch-loops").start()


def ready() -> bool:
    """Whether nobody has to wait for the loops, or for the news that numba is not there."""
    return _load.cache_info().currsize > 0 and not _WARMING.locked()


def wait() -> None:
    """Have the loops loaded before anything is done that is slower without them."""
    if not ready():
        _warm()


def _warm() -> None:
    """Load them, and have numba make itself ready to call one, which takes as long again."""
    with _WARMING:
        if (found := loops()) is not None:
            import numpy as np

            found.follow(np.frombuffer(bytes(8), np.int8), 0, 0, 4, 1, np.empty(1, np.int64), 0)


@functools.cache
def _load() -> SimpleNamespace | None:
    try:
        with _without("scipy.linalg"):
            importlib.import_module("numba.np.arraymath")
        from protocols.columnar import (
            kernel_cards,
            kernel_chain,
            kernel_digits,
            kernel_find,
            kernel_frames,
            kernel_hash,
            kernel_mask,
            kernel_number,
            kernel_text,
            kernel_walk,
        )
    except ImportError:
        return None
    modules = (
        kernel_cards,
        kernel_chain,
        kernel_digits,
        kernel_text,
        kernel_find,
        kernel_frames,
        kernel_hash,
        kernel_mask,
        kernel_number,
        kernel_walk,
    )
    found = {name: each for module in modules for name, each in vars(module).items() if hasattr(each, "py_func")}
    return SimpleNamespace(**found, walk=kernel_walk)


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Have no module of that name for a while, if nobody has loaded it: numba would, for a product of matrices.

    No loop here has one, and it is a quarter of the time and 15 MiB.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # the import system's word for: there is none
    try:
        yield
    finally:
        del sys.modules[module]
