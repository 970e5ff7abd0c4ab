"""Modules that a library imports for what we never ask of it: they are imported when they are first used."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def deferred(*names: str) -> Iterator[None]:
    """Whoever imports one of these modules here gets a stand-in, which becomes the module when it is first used.

    A module that is imported already stays as it is. Afterwards everybody else imports the modules themselves.
    (The standard library's ``LazyLoader`` does not serve: up to Python 3.11 the ``import`` statement itself looks at
    the module, and so loads it.)

    Args:
        names: of modules, with dots; the packages that they are in are imported. After a colon, a function that is
            taken from the module in the block: taking it is no use of the module, calling it is.
    """
    asked = dict(name.partition(":")[::2] for name in names)
    standing = {name: _stand_in(name, function) for name, function in asked.items() if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name, module in standing.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _stand_in(name: str, function: str = "") -> ModuleType:
    module = ModuleType(name)

    def loaded() -> ModuleType:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return importlib.import_module(name)

    def called(*args: Any, **kwargs: Any) -> Any:
        return getattr(loaded(), function)(*args, **kwargs)

    def of_the_module(attribute: str) -> Any:
        if attribute.startswith("__"):  # what looks through sys.modules asks of each: that is no use of it
            raise AttributeError(attribute)
        return called if attribute == function and sys.modules.get(name) is module else getattr(loaded(), attribute)

    module.__getattr__ = of_the_module  # type: ignore[method-assign]  # PEP 562
    return module
