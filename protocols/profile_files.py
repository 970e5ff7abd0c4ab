"""Profile files: TOML, one profile extending another and saying only what differs.

Each claim names its source and how sure it is (measured, public, assumed); a
profile, a claim or a field without a source is refused when it is loaded, and so
is a key nobody knows.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from protocols.envelope import Link
from protocols.errors import ProfileError
from protocols.installed import installed_profiles, profile_file, read_profile

CONFIDENCES = ("measured", "public", "assumed")
"""The surest first."""
KEYS = (
    *("name", "extends", "dialect", "title", "source", "confidence", "claims", "link", "fields", "max_reversal_tries"),
    *("operations", "carries"),
)
FIELD_KEYS = ("name", "codec", "size", "mask", "en", "zh", "source", "tag_digits", "confidence")
OPERATION_KEYS = ("name", "source", "confidence")
CLAIM_KEYS = ("claim", "source", "confidence")
CLAIM_OPTIONS = ("about",)  # a later claim about the same thing takes the place of an inherited one
LANGUAGES = ("zh-CN", "en")
MOST_EXTENDS = 8


def available_profiles() -> list[str]:
    """The names of the built-in profiles and of those that installed packages bring."""
    return [*built_in_profiles(), *installed_profiles([*built_in_profiles(), *available_journals()])]


def built_in_profiles() -> list[str]:
    """The names of the built-in profiles."""
    folder = resources.files("protocols") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def available_journals() -> list[str]:
    """The names of the built-in profiles of journals."""
    folder = resources.files("protocols") / "profiles" / "journals"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def merged_profile(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A profile's settings with those it extends, and what each file says, its own first.

    Raises:
        ProfileError: no such profile, or a file is wrong.
    """
    chain = _chain(name)
    merged: dict[str, Any] = {"claims": [], "link": {}, "fields": {}, "title": {}, "operations": {}}
    for data in reversed(chain):
        for key, value in data.items():
            if key == "claims":
                about = {claim.get("about") for claim in value} - {None}
                kept = [claim for claim in merged["claims"] if claim.get("about") not in about]
                merged["claims"] = [*kept, *value]
            elif key in {"link", "fields", "title", "operations"}:
                merged[key] = {**merged[key], **value}
            else:
                merged[key] = value
    return merged, chain


def _chain(name: str) -> list[dict[str, Any]]:
    """The profile's file and those it extends, itself first."""
    chain: list[dict[str, Any]] = []
    wanted: str | None = name
    folder = Path()
    while wanted is not None:
        if len(chain) == MOST_EXTENDS:
            raise refused(name, "extends", "extends goes round in a circle", "a profile that extends nothing", name)
        data, folder = _read(wanted, folder)
        _shape(data, wanted)
        chain.append(data)
        wanted = data.get("extends")
    return chain


def _read(name: str, folder: Path) -> tuple[dict[str, Any], Path]:
    built_in = built_in_profiles()
    brought = profile_file(name, [*built_in, *available_journals()])
    if brought is not None:
        file, package = brought
        data = _toml(read_profile(file, package), name)
        if data.get("name") != name:
            raise refused(name, "name", f"{file.name} has another name", name, "another")
        return data, file.parent
    if name in built_in:
        text = (resources.files("protocols") / "profiles" / f"{name}.toml").read_text("utf-8")
        return _toml(text, name), Path()
    path = folder / name
    if not name.endswith(".toml"):
        known = available_profiles()
        if name in available_journals():
            raise ProfileError(
                f"{name!r} is the profile of a terminal's own journal, and no line speaks it",
                layer="profile",
                code="name",
                expected=", ".join(known) + ", or the path of a .toml file",
                got=name,
                hint=f"copy the journal from the terminal, then: tillwatch replay FILE --profile {name}",
            )
        close = difflib.get_close_matches(name, [*known, *available_journals()], n=1)
        raise ProfileError(
            f"no profile named {name!r}",
            layer="profile",
            code="name",
            expected=", ".join(known) + ", or the path of a .toml file",
            got=name,
            hint=f"did you mean {close[0]!r}?" if close else "tillwatch describe --profiles",
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise ProfileError(
            f"cannot read the profile {path}: {getattr(wrong, 'strerror', None) or 'not UTF-8'}",
            layer="profile",
            code="file",
            hint="give a built-in name or the path of a readable .toml file",
        ) from None
    return _toml(text, name), path.parent


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise ProfileError(f"{name} is not TOML: {wrong}", layer="profile", code="toml") from None


def _shape(data: dict[str, Any], name: str) -> None:
    """Refuse unknown keys, missing sources and wrong types."""
    _known(name, "", data, KEYS)
    for key, kind in (("title", dict), ("link", dict), ("fields", dict), ("operations", dict), ("claims", list)):
        if not isinstance(data.get(key, kind()), kind):
            raise refused(
                name, key, f"{key} is not a {'table' if kind is dict else 'list'}", kind.__name__, "something else"
            )
    for key in ("name", "source", "confidence"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise refused(
                name,
                key,
                f"a profile without {key} is refused",
                f'{key} = "…"',
                "nothing",
                "say where the claim is from, and how sure it is: " + ", ".join(CONFIDENCES),
            )
    _confidence(name, "confidence", data["confidence"])
    _known(name, "title.", data.get("title", {}), LANGUAGES)
    _known(name, "link.", data.get("link", {}), [each.name for each in fields(Link)])
    for index, claim in enumerate(data.get("claims", [])):
        _known(name, f"claims[{index}].", claim, (*CLAIM_KEYS, *CLAIM_OPTIONS))
        for key in CLAIM_KEYS:
            if not isinstance(claim.get(key), str) or not claim[key].strip():
                raise refused(
                    name, f"claims[{index}].{key}", f"a claim without {key} is refused", f'{key} = "…"', "nothing"
                )
        _confidence(name, f"claims[{index}].confidence", claim["confidence"])
    for code, row in data.get("operations", {}).items():
        if not isinstance(row, dict):
            raise refused(name, f"operations.{code}", "not an operation's table", "[operations.13]", "something else")
        _known(name, f"operations.{code}.", row, OPERATION_KEYS)
        for key in OPERATION_KEYS:
            if not isinstance(row.get(key), str) or not row[key].strip():
                path = f"operations.{code}.{key}"
                raise refused(name, path, f"an operation without {key} is refused", f'{key} = "…"', "nothing")
        _confidence(name, f"operations.{code}.confidence", row["confidence"])
    for number, row in data.get("fields", {}).items():
        if not number.isdigit() or not isinstance(row, dict):
            raise refused(name, f"fields.{number}", "not a field table", "[fields.2] … [fields.64]", f"fields.{number}")
        _known(name, f"fields.{number}.", row, FIELD_KEYS)
        if not isinstance(row.get("source"), str) or not row["source"].strip():
            raise refused(
                name, f"fields.{number}.source", "a field without source is refused", 'source = "…"', "nothing"
            )
        if "confidence" in row:
            _confidence(name, f"fields.{number}.confidence", row["confidence"])


def _known(name: str, prefix: str, table: Mapping[str, Any], valid: Iterable[str]) -> None:
    valid = list(valid)
    for key in table:
        if key not in valid:
            close = difflib.get_close_matches(key, valid, n=1)
            raise refused(
                name,
                prefix + key,
                f"unknown key {key!r}",
                ", ".join(valid),
                key,
                f"did you mean {close[0]!r}?" if close else "",
            )


def _confidence(name: str, path: str, value: str) -> None:
    if value not in CONFIDENCES:
        raise refused(name, path, "no such confidence", ", ".join(CONFIDENCES), value)


def refused(  # noqa: PLR0917  # the words of one error, always in this order
    name: str, path: str, message: str, expected: str, got: str, hint: str = ""
) -> ProfileError:
    """The error of one key of a profile."""
    return ProfileError(
        message, protocol=name, layer="profile", path=path, code="profile", expected=expected, got=got, hint=hint
    )
