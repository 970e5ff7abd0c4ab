"""Protocols that other packages bring, by entry points of the group ``tillwatch.protocols``.

An entry point names a module of the package; the profiles are the ``*.toml`` files in the
package's own folder. With an attribute (``tillwatch_counter:DIALECT``) it brings a
dialect too, whose name is the entry point's. Nothing of a package is imported before one
of its profiles is used. A name that tillwatch has itself, or that two packages bring, is
refused where it is used, and said by ``problems``; no package can stop another profile.
"""

import functools
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from protocols.errors import ProfileError

GROUP = "tillwatch.protocols"
RESERVED = frozenset(("auto",))
"""Names that mean something else where a profile is expected."""


@dataclass(frozen=True, slots=True)
class Package:
    """What one entry point brings.

    Attributes:
        name: the package and its version.
        dialect: the entry point's name.
        brings_dialect: the entry point has an attribute: a dialect.
        profiles: name -> file.
        trouble: why its profiles cannot be found; empty when they can.
        entry: the entry point.
    """

    name: str
    dialect: str
    brings_dialect: bool
    profiles: Mapping[str, Path]
    trouble: str
    entry: metadata.EntryPoint = field(repr=False)


@functools.cache
def packages() -> tuple[Package, ...]:
    """Every entry point of the group, in the order of the packages' names; nothing is imported for it."""
    found = [_package(entry) for entry in metadata.entry_points(group=GROUP)]
    return tuple(sorted(found, key=lambda each: (each.name, each.dialect)))


def _package(entry: metadata.EntryPoint) -> Package:
    name = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
    spec = importlib.util.find_spec(entry.module.partition(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    profiles = {file.stem: file for folder in folders for file in sorted(Path(folder).glob("*.toml"))}
    trouble = ""
    if spec is None:
        trouble = f"its module {entry.module} is not there"
    elif not folders:
        trouble = f"{entry.module} is no package: its profiles have no folder"
    elif not profiles:
        trouble = "there is no profile (*.toml) in its folder"
    return Package(name, entry.name, bool(entry.attr), profiles, trouble, entry)


def profile_file(name: str, built_in: Iterable[str]) -> tuple[Path, Package] | None:
    """The file of a profile that a package brings; None when none does.

    Raises:
        ProfileError: tillwatch has that name itself, or another package does.
    """
    bringing = [each for each in packages() if name in each.profiles]
    if not bringing:
        return None
    if name in {*built_in, *RESERVED}:
        raise _refused(bringing[0], f"its profile {name!r} has a name of tillwatch's own")
    if len(bringing) > 1:
        raise _refused(bringing[0], f"its profile {name!r} is also in package {bringing[1].name}")
    return bringing[0].profiles[name], bringing[0]


def installed_profiles(built_in: Iterable[str]) -> list[str]:
    """The names of the profiles that packages bring, without those that are refused."""
    taken = {*built_in, *RESERVED}
    names = [name for each in packages() for name in each.profiles]
    return sorted(name for name in set(names) if name not in taken and names.count(name) == 1)


def installed_dialects() -> list[str]:
    """The names of the dialects that packages bring."""
    return sorted({each.dialect for each in packages() if each.brings_dialect})


def read_profile(file: Path, package: Package) -> str:
    """The text of a profile's file.

    Raises:
        ProfileError: it cannot be read.
    """
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise _refused(package, f"{file.name} cannot be read, or is not UTF-8") from None


def load_dialect(name: str, built_in: Iterable[str]) -> Any:
    """The dialect of that name that a package brings.

    Raises:
        KeyError: no package brings it.
        ProfileError: it cannot be loaded, or is none; or its name is taken.
    """
    bringing = [each for each in packages() if each.brings_dialect and each.dialect == name]
    if not bringing:
        raise KeyError(name)
    package = bringing[0]
    if name in built_in:
        raise _refused(package, f"its dialect {name!r} has a name of tillwatch's own")
    if len(bringing) > 1:
        raise _refused(package, f"its dialect {name!r} is also in package {bringing[1].name}")
    try:
        value = package.entry.load()
    except Exception as wrong:  # noqa: BLE001  the code of another package: whatever it raises is told in one line
        raise _refused(package, f"{package.entry.value} cannot be loaded: {type(wrong).__name__}: {wrong}") from None
    from protocols.dialect import Dialect

    if not isinstance(value, Dialect) or value.name != name:
        raise _refused(package, f"{package.entry.value} is no Dialect with the name {name!r}")
    return value


def problems(built_in: Iterable[str], dialects: Iterable[str]) -> list[ProfileError]:
    """What is wrong with the packages, as far as that shows without loading their code."""
    built_in, dialects = list(built_in), list(dialects)
    found = []
    for package in packages():
        if package.trouble:
            found.append(_refused(package, package.trouble))
        for name in package.profiles:
            try:
                profile_file(name, built_in)
            except ProfileError as wrong:
                found.append(wrong)
        if package.brings_dialect and package.dialect in dialects:
            found.append(_refused(package, f"its dialect {package.dialect!r} has a name of tillwatch's own"))
    return list({str(wrong): wrong for wrong in found}.values())


def _refused(package: Package, message: str) -> ProfileError:
    return ProfileError(
        f"package {package.name}: {message}",
        layer="profile",
        code="package",
        hint=f"mend or remove the package; it is found by its entry point {package.entry.name!r} of group {GROUP}",
    )
