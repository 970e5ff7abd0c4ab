"""Every key of the settings, misspelt and given what it is not: one line with its place and a remedy."""

import datetime as dt
import json
import math
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from ingest.cli import cli
from ingest.errors import UsageError
from ingest.misconfiguration import usage_error
from ingest.settings import Settings, load_settings
from ingest.statements.layout import Layout

SHOP = "898320548160001"
CONTRACT = f'[[contracts]]\nmerchant = "{SHOP}"\nsince = 2026-01-01\n'
WHOLE: dict[str, dict[str, Any]] = {
    "lines": {"name": "a", "device": "/dev/x", "profile": "auto"},
    "merchants": {"id": SHOP, "name": "Cafe"},
    "acquirers": {"name": "allinpay"},
    "hotlines": {"of": "scheme", "number": "95516", "verified_on": dt.date(2026, 11, 1)},
    "issuers": {"name": "Bank", "prefixes": ["622588"]},
    "statements": {"acquirer": "allinpay", "folder": "in"},
    "contracts": {"merchant": SHOP, "since": dt.date(2026, 1, 1), "rates": [{"percent": 0.5}]},
    "contracts.rates": {"percent": 0.5},
    "notices": {"acquirer": "a", "announced": dt.date(2026, 1, 1), "effective": dt.date(2026, 3, 1)},
    "deposits": {"merchant": SHOP, "amount_fen": 29900, "signed_on": dt.date(2026, 1, 5)},
    "releases": {"profile": "unionpay", "version": "H7062801", "since": dt.date(2026, 11, 2)},
    "alerts.routes": {"to": ["a@example.com"]},
    "alerts.oauth": {"token_url": "https://a.example/t", "client_id": "x", "refresh_token_file": "x"},
    "app.people": {"who": ["a@example.com"], "role": "finance"},
}
"""One whole entry of each table that has keys it cannot be without."""
VALUES: list[Any] = [
    3, -1, 10**30, 1.5, math.nan, math.inf, True, "", "text", "٣", "a\0b",
    "a" * 5000, [], ["x"], [3], [True], [[1]], [{}], {}, {"x": 1},
    {"x": {"y": 1}}, [{"x": 1}], dt.date(2026, 11, 21), dt.time(9, 30), "09:30Z", "3",
    dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC),
]  # fmt: skip


class Key:
    """One key: its way from the top, its type, and whether tables on the way are one of several."""

    def __init__(self, way: tuple[str, ...], annotation: Any) -> None:
        self.way = way
        self.annotation = annotation

    def __repr__(self) -> str:
        return ".".join(self.way)


def bare(annotation: Any) -> Any:
    """The type without None and without what Annotated adds; several types stay several."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, Union):
        given = [each for each in get_args(annotation) if each is not type(None)]
        return bare(given[0]) if len(given) == 1 else annotation
    return annotation


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds, or several of."""
    inner = bare(annotation)
    if get_origin(inner) is list:
        inner = bare(get_args(inner)[0])
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def keys(model: type[BaseModel], way: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key of a table and of the tables in it."""
    for name, field in model.model_fields.items():
        yield Key((*way, name), field.annotation)
        if (inner := table_of(field.annotation)) is not None:
            yield from keys(inner, (*way, name))


KEYS = list(keys(Settings))


def document(way: tuple[str, ...], value: Any, model: type[BaseModel] = Settings, above: str = "") -> dict[str, Any]:
    """Settings that are whole but for what stands at the end of the way."""
    name, *rest = way
    path = f"{above}.{name}".lstrip(".")
    if rest:
        annotation = bare(model.model_fields[name].annotation)
        inner = table_of(annotation)
        assert inner is not None
        table = WHOLE.get(path, {}) | document(tuple(rest), value, inner, path)
        value = [table] if get_origin(annotation) is list else table
    return {name: value}


def inline(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)} = {inline(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case dt.date() | dt.time():
            return value.isoformat()
    return str(value)


def refused(folder: Path, way: tuple[str, ...], value: Any) -> UsageError | None:
    """What is said about it; nothing else than a user's error comes out."""
    file = folder / "tillwatch.toml"
    file.write_text("".join(f"{name} = {inline(each)}\n" for name, each in document(way, value).items()), "utf-8")
    try:
        load_settings(file)
    except UsageError as wrong:
        return wrong
    return None


def said_well(wrong: UsageError | None, way: tuple[str, ...]) -> UsageError:
    """The message names the key's place, or the table's when that is wrong as a whole; the hint says what to do."""
    assert wrong is not None, f"{way} took it"
    place = wrong.message.partition(": ")[2]
    names = [part for part in place.partition(":")[0].removeprefix("unknown key ").split(".") if not part.isdigit()]
    assert tuple(names[: len(way)]) == way[: len(names)], wrong.message
    assert names[0] == way[0]
    assert len(wrong.hint) > 5, wrong.message
    assert "that value" not in wrong.hint
    assert "[key]" not in wrong.message
    return wrong


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_whatever_a_key_is_given_ends_in_settings_or_in_one_line(tmp_path: Path, key: Key):
    """A number, a text, a list, a table, a day: taken, or refused with the key's place and what to do."""
    for value in VALUES:
        if (wrong := refused(tmp_path, key.way, value)) is not None:
            said_well(wrong, key.way)


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_key_takes_nothing_of_another_kind(tmp_path: Path, key: Key):
    """What is plainly something else is refused, never taken for what it could be read as."""
    kind = bare(key.annotation)
    others: list[Any] = [[[1]], [{"x": 1}]]
    if get_origin(kind) is not dict:
        others.append({"x": 1})
    if kind in (int, float, Decimal):
        others += [True, "text", [3], math.nan, math.inf, dt.date(2026, 11, 21)]
    if kind is dt.date:
        others += [3, True, "3", "text", ["2026-11-21"], dt.time(9, 30)]
    if kind is dt.time:
        others += [9, 9.5, True, "9", "09:30Z", "text", dt.date(2026, 11, 21)]
    if kind in (str, Path):
        others += ["a\0b", 3, True, ["x"], dt.date(2026, 11, 21)]
    if kind is bool:
        others += ["text", 3, [True]]
    if get_origin(kind) is list:
        others += [3, True, "text"]
    if table_of(key.annotation) or get_origin(kind) is dict:
        others += [3, True, "text", [3], ["text"]]
    if get_origin(kind) is Literal:
        others += ["text", 3, True]
    for value in others:
        said_well(refused(tmp_path, key.way, value), key.way)


@pytest.mark.parametrize("key", [key for key in KEYS if table_of(key.annotation)], ids=repr)
def test_a_table_in_the_place_of_several_and_the_other_way_round_is_told_with_its_brackets(tmp_path: Path, key: Key):
    """`[contracts.rates]` for `[[contracts.rates]]`: the hint is the line to write."""
    several = get_origin(bare(key.annotation)) is list
    whole = WHOLE.get(repr(key), {})
    wrong = said_well(refused(tmp_path, key.way, whole if several else [whole]), key.way)
    assert (
        f"write [[{key!r}]], with two brackets" in wrong.hint if several else f"write [{key!r}], with one" in wrong.hint
    )


@pytest.mark.parametrize("key", [key for key in KEYS if table_of(key.annotation)], ids=repr)
def test_an_unknown_key_is_told_with_those_that_there_are(tmp_path: Path, key: Key):
    """In every table, however deep."""
    inner = table_of(key.annotation)
    assert inner is not None
    name = next(iter(inner.model_fields))
    whole = {**WHOLE.get(repr(key), {}), f"{name}x": 1}
    several = get_origin(bare(key.annotation)) is list
    wrong = said_well(refused(tmp_path, key.way, [whole] if several else whole), key.way)
    assert "unknown key" in wrong.message
    assert f"did you mean {name!r}? valid keys here: " in wrong.hint
    assert all(each in wrong.hint for each in inner.model_fields)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_whatever_a_layout_says_is_a_layout_or_one_line(value: Any):
    """Layouts are read with the same words, and have keys of several types."""
    source = {"column": "金额", "unit": "yuan"}
    whole: dict[str, Any] = {
        "name": "l", "title": {"en": "L"}, "source": "t", "confidence": "assumed", "columns": {"amount_fen": source}
    }  # fmt: skip
    wrongs = [{**whole, name: value} for name in Layout.model_fields]
    wrongs += [{**whole, "columns": {"amount_fen": {**source, name: value}}} for name in (*source, "form", "values")]
    wrongs += [{**whole, "title": {"fr": value}}, {**whole, "columns": {"amount_fen": value}}]
    wrongs += [{**whole, "file": {name: value}} for name in ("ends", "empty", "header", "delimiter", "format")]
    for given in wrongs:
        try:
            Layout.model_validate(given)
        except ValidationError as wrong:
            said = usage_error(Layout, wrong, [("l.toml", given)])
            assert said.message.startswith("l.toml: "), said.message
            assert said.hint
            assert ".str" not in said.message
            assert "[key]" not in said.message


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            CONTRACT + '[[contracts.rates]]\npercent = 0.5\ncards = ["debet"]\n',
            "contracts.0.rates.0.cards.0: should be 'debit', 'credit'",
            "classes of cards",
        ),
        (
            CONTRACT + "[contracts.rates]\npercent = 0.5\n",
            "contracts.0.rates: should be a list",
            "write [[contracts.rates]], with two brackets",
        ),
        (
            CONTRACT + "until = 2025-01-01\nrates = [{percent = 0.5}]\n",
            "contracts.0: until = 2025-01-01 is before since = 2026-01-01",
            "mend the 1st [[contracts]]",
        ),
        ("[health]\nopens = 9\n", "health.opens: should be a time of day", "opening hours"),
        (
            '[alerts.timing]\ndigest_at = "09:30Z"\n',
            "alerts.timing.digest_at: should be a time of day without a zone",
            "",
        ),
        ("[alerts.timing]\nreminder_days = 3\n", "reminder_days: should be a list", "write reminder_days = [3, 3]"),
        ('[[lake]]\nuri = "x"\n', "lake: should be a table", "write [lake], with one bracket,"),
        (
            f'[[merchants]]\nid = "{SHOP}"\nname = "A"\n[[merchants]]\nid = "{SHOP}"\nname = "B"\n',
            f"two [[merchants]] have the id '{SHOP}'",
            "",
        ),
        ('[[acquirers]]\nname = "a"\n[[acquirers]]\nname = "a"\n', "two [[acquirers]] have the name 'a'", ""),
    ],
)
def test_mistakes_that_were_made_are_told(tmp_path: Path, text: str, message: str, hint: str):
    """By the real command: status 2, one line, one hint."""
    file = tmp_path / "tillwatch.toml"
    file.write_text(text, "utf-8")
    wrong = CliRunner().invoke(cli, ["config", "show", "--config", str(file)]).exception
    assert isinstance(wrong, UsageError)
    assert str(file) in wrong.message
    assert message in wrong.message
    assert hint in wrong.hint
