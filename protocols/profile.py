"""Profiles: what one brand's terminals speak, as a TOML file with its sources.

A profile extends another and says only what differs: link settings, fields,
titles. Each claim names its source and how sure it is (measured, public,
assumed); a profile or a field without a source is refused when it is loaded.
"""

import difflib
import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from protocols.deframe import Deframer
from protocols.envelope import Link
from protocols.errors import DecodeError, ProfileError, ProtocolError
from protocols.grammar import FieldSpec, Grammar
from protocols.locate import Located, locate
from protocols.message import Message
from protocols.unionpay import FIELDS
from protocols.walk import HEAD_BYTES

DIALECTS: dict[str, Mapping[int, FieldSpec]] = {"unionpay": FIELDS}
CONFIDENCES = ("measured", "public", "assumed")
KEYS = ("name", "extends", "dialect", "title", "source", "confidence", "claims", "link", "fields", "max_reversal_tries")
FIELD_KEYS = ("name", "codec", "size", "mask", "en", "zh", "source")
CLAIM_KEYS = ("claim", "source", "confidence")
LANGUAGES = ("zh-CN", "en")
MOST_EXTENDS = 8


@dataclass(frozen=True)
class Profile:
    """One brand's terminals: link, dialect, fields, and what each claim stands on."""

    name: str
    title: dict[str, str]
    link: Link
    dialect: str
    confidence: str
    claims: tuple[dict[str, str], ...]
    max_reversal_tries: int
    grammar: Grammar

    def deframer(self) -> Deframer:
        """A fresh deframer for one direction of one line."""
        return Deframer(self.link, self.grammar.walk, self.name)

    def decode(self, frame: bytes) -> Message:
        """Read a whole link frame, or a message that lost parts of its envelope.

        Raises:
            FrameError: the bytes are no frame of this link.
            DecodeError: the frame is sound, a field is not.
        """
        message, error = self.read(frame)
        if error is not None:
            raise error
        return message

    def read(self, frame: bytes) -> tuple[Message, ProtocolError | None]:
        """As ``decode``, but with an error the fields before it are there too."""
        located = self.locate(frame)
        return _values(self, frame, located)

    def locate(self, frame: bytes) -> Located:
        """Where the message and its fields lie, no value looked at."""
        return locate(self.link, self.grammar.walk, frame, self.name)

    def build(
        self, mti: str, fields: Mapping[int, str], *, tpdu: str = "6000030000", header: str = "603100310010"
    ) -> bytes:
        """The whole link frame of a message, in the profile's envelope.

        Raises:
            DecodeError: a value does not fit its field; an unknown field; a frame beyond ``link.max_frame``.
        """
        return self.link.wrap(self.encode(mti, fields), tpdu=tpdu, header=header)

    def encode(self, mti: str, fields: Mapping[int, str], *, mac_absent: bool = False) -> bytes:
        """The message alone, MTI to last field."""
        bitmap = 1 if mac_absent else 0
        content: dict[str, Any] = {f"f{number}": None for number in self.grammar.table}
        for number, value in fields.items():
            if number not in self.grammar.table:
                raise DecodeError(
                    "the profile does not know this field",
                    protocol=self.name,
                    layer="bitmap",
                    path=f"F{number}",
                    code="unknown_field",
                )
            self._check(number, value)
            bitmap |= 1 << (64 - number)
            content[f"f{number}"] = value
        built: bytes = self.grammar.declaration.build({"mti": mti, "bitmap": bitmap, **content})
        return built

    def _check(self, number: int, value: str) -> None:
        """Say which field a value does not fit before construct meets it."""
        try:
            self.grammar.walk.steps[number].codec.build(value)
        except DecodeError as wrong:
            wrong.protocol, wrong.path = self.name, f"F{number}"
            raise

    def rebuild(self, message: Message) -> bytes:
        """The bytes a decoded message came from, with just the envelope parts it had."""
        body = self.encode(message.mti, message.fields, mac_absent=message.mac_absent)
        head = bytes.fromhex((message.envelope["tpdu"] or "") + (message.envelope["header"] or ""))
        kind = message.envelope["kind"]
        if kind == "none":
            return head + body
        link = self.link
        if link.envelope != kind:
            link = Link(envelope=kind, length_coding="bcd" if kind == "stx" else "binary")
        return replace(link, body="message").wrap(head + body, tpdu="", header="")


def _values(profile: Profile, frame: bytes, located: Located) -> tuple[Message, ProtocolError | None]:
    layout, error = located.layout, located.error
    tpdu = header = None
    missing = []
    if layout.head >= 0:
        tpdu = frame[layout.head : layout.head + 5].hex().upper()
        header = frame[layout.head + 5 : layout.message].hex().upper()
    elif profile.link.before_message:
        missing = ["tpdu", "header"]
    if profile.link.envelope not in (layout.kind, "bare"):
        missing.insert(0, profile.link.envelope)
    values: dict[int, str] = {}
    spans: dict[int, tuple[int, int]] = {}
    starts: dict[int, int] = {}
    at = layout.message
    walk = profile.grammar.walk
    for item in walk.items(frame, located.steps[: located.walked], at + HEAD_BYTES, layout.end):
        number = item.step.number
        try:
            values[number] = item.step.codec.value(frame[item.value : item.end], item.length)
        except DecodeError as wrong:
            wrong.protocol, wrong.path, wrong.offset = profile.name, f"F{number}", item.start
            error = wrong
            break
        spans[number] = (item.value, item.end - item.value)
        starts[number] = item.start
    head_there = layout.end - at >= HEAD_BYTES and (error is None or bool(located.steps))
    bitmap = int.from_bytes(frame[at + 2 : at + HEAD_BYTES], "big") if head_there else 0
    message = Message(
        mti=frame[at : at + 2].hex() if head_there else "",
        fields=values,
        spans=spans,
        starts=starts,
        envelope={"kind": layout.kind, "tpdu": tpdu, "header": header, "missing": missing},
        body_offset=at,
        end=layout.end,
        mac_absent=bool(bitmap & 1) and 64 not in values and error is None,
        bitmap=bitmap,
        table=profile.grammar.table,
    )
    return message, error


def available_profiles() -> list[str]:
    """The names of the built-in profiles."""
    folder = resources.files("protocols") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@functools.cache
def load_profile(name: str) -> Profile:
    """A profile by its built-in name, or by the path of a .toml file.

    Raises:
        ProfileError: no such profile, or its file is wrong; says which key and what is valid.
    """
    chain = _chain(name)
    merged: dict[str, Any] = {"claims": [], "link": {}, "fields": {}, "title": {}}
    for data in reversed(chain):
        for key, value in data.items():
            if key == "claims":
                merged["claims"] = [*merged["claims"], *value]
            elif key in {"link", "fields", "title"}:
                merged[key] = {**merged[key], **value}
            else:
                merged[key] = value
    return _profile(merged, chain[0])


def _chain(name: str) -> list[dict[str, Any]]:
    """The profile's file and those it extends, itself first."""
    chain: list[dict[str, Any]] = []
    wanted: str | None = name
    folder = Path()
    while wanted is not None:
        if len(chain) == MOST_EXTENDS:
            raise _refused(name, "extends", "extends goes round in a circle", "a profile that extends nothing", name)
        data, folder = _read(wanted, folder)
        _shape(data, wanted)
        chain.append(data)
        wanted = data.get("extends")
    return chain


def _read(name: str, folder: Path) -> tuple[dict[str, Any], Path]:
    built_in = available_profiles()
    if name in built_in:
        text = (resources.files("protocols") / "profiles" / f"{name}.toml").read_text("utf-8")
        return _toml(text, name), Path()
    path = folder / name
    if not name.endswith(".toml"):
        close = difflib.get_close_matches(name, built_in, n=1)
        raise ProfileError(
            f"no profile named {name!r}",
            layer="profile",
            code="name",
            expected=", ".join(built_in) + ", or the path of a .toml file",
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
    for key, kind in (("title", dict), ("link", dict), ("fields", dict), ("claims", list)):
        if not isinstance(data.get(key, kind()), kind):
            raise _refused(
                name, key, f"{key} is not a {'table' if kind is dict else 'list'}", kind.__name__, "something else"
            )
    for key in ("name", "source", "confidence"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise _refused(
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
        _known(name, f"claims[{index}].", claim, CLAIM_KEYS)
        for key in CLAIM_KEYS:
            if not isinstance(claim.get(key), str) or not claim[key].strip():
                raise _refused(
                    name, f"claims[{index}].{key}", f"a claim without {key} is refused", f'{key} = "…"', "nothing"
                )
        _confidence(name, f"claims[{index}].confidence", claim["confidence"])
    for number, row in data.get("fields", {}).items():
        if not number.isdigit() or not isinstance(row, dict):
            raise _refused(
                name, f"fields.{number}", "not a field table", "[fields.2] … [fields.64]", f"fields.{number}"
            )
        _known(name, f"fields.{number}.", row, FIELD_KEYS)
        if not isinstance(row.get("source"), str) or not row["source"].strip():
            raise _refused(
                name, f"fields.{number}.source", "a field without source is refused", 'source = "…"', "nothing"
            )


def _known(name: str, prefix: str, table: Mapping[str, Any], valid: Iterable[str]) -> None:
    valid = list(valid)
    for key in table:
        if key not in valid:
            close = difflib.get_close_matches(key, valid, n=1)
            raise _refused(
                name,
                prefix + key,
                f"unknown key {key!r}",
                ", ".join(valid),
                key,
                f"did you mean {close[0]!r}?" if close else "",
            )


def _confidence(name: str, path: str, value: str) -> None:
    if value not in CONFIDENCES:
        raise _refused(name, path, "no such confidence", ", ".join(CONFIDENCES), value)


def _refused(  # noqa: PLR0917  # the words of one error, always in this order
    name: str, path: str, message: str, expected: str, got: str, hint: str = ""
) -> ProfileError:
    return ProfileError(
        message, protocol=name, layer="profile", path=path, code="profile", expected=expected, got=got, hint=hint
    )


def _profile(merged: dict[str, Any], own: dict[str, Any]) -> Profile:
    name = merged["name"]
    dialect = merged.get("dialect")
    if dialect not in DIALECTS:
        raise _refused(name, "dialect", "no such dialect", ", ".join(DIALECTS), str(dialect))
    tries = merged.get("max_reversal_tries", 3)
    if not isinstance(tries, int) or isinstance(tries, bool) or not 0 < tries < 100:
        raise _refused(name, "max_reversal_tries", "not a number of tries", "1 … 99", str(tries))
    titles = merged["title"]
    for language in LANGUAGES:
        if not isinstance(titles.get(language), str):
            raise _refused(name, f"title.{language}", "a title is missing", "title.zh-CN and title.en", "nothing")
    try:
        grammar = Grammar(dialect, _table(name, DIALECTS[dialect], merged["fields"]))
        link = Link(**merged["link"])
    except ProfileError as wrong:
        wrong.protocol = name
        raise
    claims = tuple(merged["claims"])
    return Profile(name, dict(titles), link, dialect, own["confidence"], claims, tries, grammar)


def _table(
    name: str, base: Mapping[int, FieldSpec], overrides: Mapping[str, Mapping[str, Any]]
) -> dict[int, FieldSpec]:
    table = dict(base)
    for key, row in overrides.items():
        number = int(key)
        for word, kind in (("name", str), ("codec", str), ("size", int), ("mask", str), ("en", str), ("zh", str)):
            if word in row and (not isinstance(row[word], kind) or isinstance(row[word], bool)):
                raise _refused(
                    name, f"fields.{key}.{word}", f"{word} is not a {kind.__name__}", kind.__name__, "something else"
                )
        known = table.get(number)
        if known is None:
            lacking = [word for word in ("name", "codec", "size") if word not in row]
            if lacking:
                raise _refused(
                    name, f"fields.{key}", f"a new field needs {', '.join(lacking)}", "name, codec, size", "less"
                )
            known = FieldSpec(number, row["name"], row["codec"], row["size"], mask="sweep")
        table[number] = replace(known, **row)
    return table
