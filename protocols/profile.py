"""Profiles: what one brand's terminals speak.

A profile is a TOML file (``protocols.profile_files``) made into a link, a field
table and the claims they stand on; through it frames are found, read and built.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from protocols.dialect import DIALECTS, Deframing, Dialect, Session, dialect
from protocols.envelope import Link
from protocols.errors import DecodeError, ProfileError, ProtocolError
from protocols.facts import Facts
from protocols.grammar import FieldSpec, Grammar
from protocols.installed import installed_dialects, packages, problems
from protocols.locate import Located, locate
from protocols.message import Message
from protocols.profile_files import (
    LANGUAGES,
    available_journals,
    available_profiles,
    built_in_profiles,
    merged_profile,
    refused,
)
from protocols.shapes import Shapes
from protocols.walk import HEAD_BYTES

__all__ = [
    "Profile",
    "available_profiles",
    "built_in_profiles",
    "load_profile",
    "package_problems",
    "profiles_speaking",
    "usable_profiles",
]


@dataclass(frozen=True)
class Profile:
    """One brand's terminals: link, dialect, fields, and what each claim stands on.

    ``operations`` is what the link's own transaction codes mean; ``carries`` names the
    profile of the messages that pass through this link, or is None.
    """

    name: str
    title: dict[str, str]
    link: Link
    dialect: str
    confidence: str
    claims: tuple[dict[str, str], ...]
    max_reversal_tries: int
    grammar: Grammar = field(repr=False)
    extends: tuple[str, ...] = ()
    """The profiles it extends, the nearest first."""
    operations: Mapping[str, str] = field(default_factory=dict)
    carries: str | None = None

    @functools.cached_property
    def shapes(self) -> Shapes:
        """How the frames met on this link are built, as far as masking it needs to know."""
        return Shapes(self.link, self.grammar.table)

    @property
    def carried(self) -> "Profile":
        """The profile of the messages that pass through this link.

        Raises:
            ProfileError: this profile names none, or one that is not there.
        """
        if self.carries is None:
            raise refused(self.name, "carries", "the profile names none for messages passed on", "a profile", "nothing")
        return load_profile(self.carries)

    @property
    def speech(self) -> Dialect:
        """The dialect as a value."""
        return dialect(self.dialect)

    @property
    def questions(self) -> "dict[str, Callable[[Profile], Session]]":
        """What its terminals can be asked: the dialect's questions whose transaction codes are known."""
        known = set(self.operations.values())
        asked_as = self.speech.asked_as
        return {name: ask for name, ask in self.speech.questions.items() if asked_as.get(name) in {None, *known}}

    def deframer(self) -> Deframing:
        """A fresh deframer for one direction of one line."""
        return self.speech.deframer(self)

    def facts(self, frame: bytes) -> Facts:
        """What a whole link frame says by itself.

        Raises:
            FrameError: the bytes are no frame of this link.
            DecodeError: the frame is sound, a field is not.
        """
        return self.speech.facts(self, frame)

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
        return self.values(frame, self.locate(frame))

    def values(self, frame: bytes, located: Located) -> tuple[Message, ProtocolError | None]:
        """The values of a located message, and the first error; a field that is wrong has a span and no value."""
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
        built: dict[int, bytes] = {}
        for number, value in fields.items():
            if number not in self.grammar.table:
                raise DecodeError(
                    "the profile does not know this field",
                    protocol=self.name,
                    layer="bitmap",
                    path=f"F{number}",
                    code="unknown_field",
                )
            built[number] = self._field(number, value)
            bitmap |= 1 << (64 - number)
        head: bytes = self.grammar.head.build({"mti": mti, "bitmap": bitmap})
        return head + b"".join(built[number] for number in sorted(built))

    def _field(self, number: int, value: str) -> bytes:
        """A field's bytes, its length in front."""
        try:
            built: bytes = self.grammar.walk.steps[number].codec.build(value)
        except DecodeError as wrong:
            wrong.protocol, wrong.path = self.name, f"F{number}"
            raise
        return built

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
    bad: ProtocolError | None = None
    for item in walk.items(frame, located.steps[: located.walked], at + HEAD_BYTES, layout.end):
        number = item.step.number
        try:
            values[number] = item.step.codec.value(frame[item.value : item.end], item.length)
        except DecodeError as wrong:
            wrong.protocol, wrong.path, wrong.offset = profile.name, f"F{number}", item.start
            bad = bad or wrong
        spans[number] = (item.value, item.end - item.value)
        starts[number] = item.start
    head_there = layout.end - at >= HEAD_BYTES and (error is None or bool(located.steps) or error.layer == "bitmap")
    bitmap = int.from_bytes(frame[at + 2 : at + HEAD_BYTES], "big") if head_there else 0
    message = Message(
        mti=frame[at : at + 2].hex() if head_there else "",
        fields=values,
        spans=spans,
        starts=starts,
        envelope={"kind": layout.kind, "tpdu": tpdu, "header": header, "missing": missing},
        body_offset=at,
        end=layout.end,
        mac_absent=bool(bitmap & 1) and error is None and 64 not in spans,
        bitmap=bitmap,
        table=profile.grammar.table,
    )
    return message, bad or error


@functools.cache
def load_profile(name: str) -> Profile:
    """A profile by its name, built in or brought by a package, or by the path of a .toml file.

    Raises:
        ProfileError: no such profile, or its file is wrong; says which key and what is valid.
    """
    try:
        return _profile(*merged_profile(name))
    except ProfileError as wrong:
        for package in packages():
            if name in package.profiles and not wrong.message.startswith("package "):
                wrong.message = f"package {package.name}: {wrong.message}"
        raise


def usable_profiles() -> tuple[list[Profile], list[ProfileError]]:
    """Every profile that can be loaded, and what is wrong with packages whose profiles cannot."""
    found, wrong = [], package_problems()
    for name in available_profiles():
        try:
            found.append(load_profile(name))
        except ProfileError as bad:
            if name in built_in_profiles() and bad.code != "package":
                raise
            wrong.append(bad)
    return found, list({str(each): each for each in wrong}.values())


def package_problems() -> list[ProfileError]:
    """What is wrong with packages that bring profiles, as far as that shows without loading their code."""
    return problems([*built_in_profiles(), *available_journals()], DIALECTS)


def profiles_speaking(name: str) -> list[str]:
    """The names of the built-in profiles of one dialect."""
    return [each for each in built_in_profiles() if load_profile(each).dialect == name]


def _profile(merged: dict[str, Any], chain: list[dict[str, Any]]) -> Profile:
    name = merged["name"]
    spoken = merged.get("dialect")
    dialects = [*DIALECTS, *installed_dialects()]
    if spoken not in dialects:
        raise refused(name, "dialect", "no such dialect", ", ".join(dialects), str(spoken))
    tries = merged.get("max_reversal_tries", 3)
    if not isinstance(tries, int) or isinstance(tries, bool) or not 0 < tries < 100:
        raise refused(name, "max_reversal_tries", "not a number of tries", "1 … 99", str(tries))
    titles = merged["title"]
    for language in LANGUAGES:
        if not isinstance(titles.get(language), str):
            raise refused(name, f"title.{language}", "a title is missing", "title.zh-CN and title.en", "nothing")
    try:
        grammar = Grammar(spoken, _table(name, dialect(spoken).fields, merged["fields"]))
        link = Link(**merged["link"])
    except ProfileError as wrong:
        wrong.protocol = name
        raise
    if link.envelope not in dialect(spoken).envelopes:
        valid = ", ".join(dialect(spoken).envelopes)
        raise refused(name, "link.envelope", "this dialect has no such envelope", valid, link.envelope)
    carries = merged.get("carries")
    if carries is not None and (not isinstance(carries, str) or not dialect(spoken).operations):
        raise refused(name, "carries", "this dialect carries no messages of another", "no carries", "something else")
    return Profile(
        name=name,
        title=dict(titles),
        link=link,
        dialect=spoken,
        confidence=chain[0]["confidence"],
        claims=tuple(merged["claims"]),
        max_reversal_tries=tries,
        grammar=grammar,
        extends=tuple(each["name"] for each in chain[1:]),
        operations=_operations(name, dialect(spoken).operations, merged["operations"]),
        carries=carries,
    )


def _operations(name: str, valid: frozenset[str], rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    for code, row in rows.items():
        if row["name"] not in valid:
            expected = ", ".join(sorted(valid)) or "no operations: the dialect's messages say what they are"
            raise refused(name, f"operations.{code}.name", "no such operation", expected, row["name"])
    return {code: row["name"] for code, row in rows.items()}


def _table(
    name: str, base: Mapping[int, FieldSpec], overrides: Mapping[str, Mapping[str, Any]]
) -> dict[int, FieldSpec]:
    table = dict(base)
    for key, row in overrides.items():
        number = int(key)
        for word, kind in (
            ("name", str),
            ("codec", str),
            ("size", int),
            ("tag_digits", int),
            ("mask", str),
            ("en", str),
            ("zh", str),
        ):
            if word in row and (not isinstance(row[word], kind) or isinstance(row[word], bool)):
                raise refused(
                    name, f"fields.{key}.{word}", f"{word} is not a {kind.__name__}", kind.__name__, "something else"
                )
        known = table.get(number)
        if known is None:
            lacking = [word for word in ("name", "codec", "size") if word not in row]
            if lacking:
                raise refused(
                    name, f"fields.{key}", f"a new field needs {', '.join(lacking)}", "name, codec, size", "less"
                )
            known = FieldSpec(number, row["name"], row["codec"], row["size"], mask="sweep")
        if row.get("name", known.name) != known.name:
            known = replace(known, en="", zh="")  # titles of another field would mislead
        table[number] = replace(known, **row)
    return table
