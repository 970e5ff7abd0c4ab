"""Profiles: what is built in, what is refused, and a brand as one TOML."""

from pathlib import Path

import pytest

from protocols.dialect import DIALECTS
from protocols.errors import DecodeError, ProfileError
from protocols.profile import available_profiles, load_profile, profiles_speaking
from tests.protocols.conftest import VECTORS

GOOD = """
name = "corner"
extends = "unionpay"
title = { zh-CN = "街角", en = "Corner" }
source = "the maker's manual, part 3"
confidence = "public"
"""


def write(tmp_path: Path, text: str, name: str = "corner.toml") -> str:
    """A profile file; its path."""
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


def refusal(tmp_path: Path, text: str) -> ProfileError:
    """The error a profile file is refused with."""
    with pytest.raises(ProfileError) as refused:
        load_profile(write(tmp_path, text))
    return refused.value


def test_the_profiles_that_are_built_in():
    """UnionPay and three brands that stand on it; ZVT and Concert, each by serial line and by network."""
    assert profiles_speaking("unionpay") == ["lakala", "leshua", "shengpay", "unionpay"]
    assert profiles_speaking("zvt") == ["zvt", "zvt-tcp"]
    assert profiles_speaking("concert") == ["caisse-ap", "telium"]
    assert profiles_speaking("mis-df") == ["ingenico-mis", "ingenico-mis-example"]
    assert profiles_speaking("mis-9f") == ["allinpay"]
    assert profiles_speaking("sign-pad") == ["sign-pad"]
    assert profiles_speaking("fixed-record") == ["chinaums-bankall"]
    assert {load_profile(name).dialect for name in available_profiles()} <= set(DIALECTS)


@pytest.mark.parametrize("name", ["lakala", "leshua", "shengpay", "unionpay"])
def test_a_built_in_profile_says_what_it_stands_on(name):
    """Titles in both languages, and a source and a confidence for each claim."""
    profile = load_profile(name)
    assert profile.name == name
    assert set(profile.title) == {"zh-CN", "en"}
    assert profile.claims
    assert all(claim["source"] and claim["confidence"] in {"measured", "public", "assumed"} for claim in profile.claims)
    assert profile.max_reversal_tries == 3
    assert profile.confidence == ("public" if name == "unionpay" else "assumed")


@pytest.mark.parametrize("name", ["lakala", "leshua", "shengpay"])
def test_nothing_of_a_brands_link_is_claimed_to_be_public(name):
    """No public serial format of these brands exists: their envelope is an assumption, and said to be one."""
    (envelope,) = [claim for claim in load_profile(name).claims if claim.get("about") == "envelope"]
    assert envelope["confidence"] == "assumed"


def test_the_links_differ_as_assumed():
    """Three length-prefixed links, and one with STX, BCD length and ACKs."""
    for name in ("unionpay", "lakala", "shengpay"):
        link = load_profile(name).link
        assert (link.envelope, link.length_coding, link.ack) == ("length", "binary", False)
    link = load_profile("leshua").link
    assert (link.envelope, link.length_coding, link.ack) == ("stx", "bcd", True)


def test_an_unknown_name_lists_the_known_ones():
    """A slip of the hand is answered with what was probably meant."""
    with pytest.raises(ProfileError) as refused:
        load_profile("lakla")
    assert refused.value.expected.startswith(", ".join(available_profiles()))
    assert "lakala" in refused.value.hint


def test_a_journals_profile_is_no_lines():
    """It is listed by ``describe --profiles``, so a line of it is answered with what it is for."""
    with pytest.raises(ProfileError) as refused:
        load_profile("newpos-journal")
    assert "journal" in str(refused.value)
    assert "tillwatch replay FILE --profile newpos-journal" in refused.value.hint
    with pytest.raises(ProfileError) as mistyped:
        load_profile("newpos-jornal")
    assert "newpos-journal" in mistyped.value.hint


def test_a_brand_is_one_file(tmp_path):
    """A path is a profile: it says only what differs, a field with its own codec among it."""
    text = (
        GOOD + '[link]\nbaud = 115200\n[fields.24]\nname = "network"\ncodec = "bcd"\nsize = 3\nsource = "manual, 4.2"\n'
    )
    profile = load_profile(write(tmp_path, text))
    assert profile.link.baud == 115200
    assert profile.link.envelope == "length"
    frame = profile.build("0200", {24: "001", 41: "10000001"})
    assert profile.decode(frame).fields == {24: "001", 41: "10000001"}
    with pytest.raises(DecodeError, match="does not know this field"):
        load_profile("unionpay").decode(frame)


def test_a_file_may_extend_a_file_beside_it(tmp_path):
    """``extends`` is a built-in name or a path from the file's own folder."""
    write(tmp_path, GOOD, "base.toml")
    child = GOOD.replace('"unionpay"', '"base.toml"').replace('"corner"', '"child"')
    assert load_profile(write(tmp_path, child, "child.toml")).name == "child"


def test_the_vendor_profile_overrides_one_field():
    """One field is given a codec of its own; everything else is the base's."""
    vendor, base = load_profile(str(VECTORS / "unionpay-vendor.toml")), load_profile("unionpay")
    assert vendor.grammar.table[63].codec == "lllvar_raw"
    assert vendor.grammar.table[63].mask == base.grammar.table[63].mask
    assert {n: s for n, s in vendor.grammar.table.items() if n != 63} == {
        n: s for n, s in base.grammar.table.items() if n != 63
    }


def test_a_profile_without_source_is_refused(tmp_path):
    """No claim without provenance: not a profile, not a field, not a claim."""
    assert refusal(tmp_path, GOOD.replace('source = "the maker\'s manual, part 3"\n', "")).path == "source"
    field = '[fields.63]\ncodec = "lllvar_raw"\n'
    assert refusal(tmp_path, GOOD + field).path == "fields.63.source"
    claim = '[[claims]]\nclaim = "it works"\nconfidence = "measured"\n'
    assert refusal(tmp_path, GOOD + claim).path == "claims[0].source"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (GOOD + 'colour = "red"\n', "colour", "name, extends, dialect"),
        (GOOD + "[link]\nbauds = 9600\n", "link.bauds", "envelope, length_coding"),
        (GOOD + '[link]\nenvelope = "slip"\n', "link.envelope", "length, stx, bare"),
        (GOOD + '[link]\nlength_counts = "body+etx"\n', "link.length_counts", "body or frame"),
        (GOOD + '[link]\nbaud = "fast"\n', "link.baud", "300"),
        (GOOD + '[fields.63]\ncodec = "morse"\nsource = "s"\n', "fields.63", "llvar_bcd"),
        (GOOD + '[fields.63]\nwidth = 3\nsource = "s"\n', "fields.63.width", "name, codec, size"),
        (GOOD + '[fields.63]\nsize = "3"\nsource = "s"\n', "fields.63.size", "int"),
        (GOOD + '[fields.2]\nsize = 100\nsource = "s"\n', "fields.2", "1 … 99"),
        (GOOD + '[fields.63]\nmask = "hide"\nsource = "s"\n', "fields.63", "overwrite"),
        (GOOD + '[fields.65]\nname = "x"\ncodec = "bcd"\nsize = 3\nsource = "s"\n', "fields.65", "2 … 64"),
        (GOOD + '[fields.24]\nname = "x"\nsource = "s"\n', "fields.24", "name, codec, size"),
        (GOOD + '[fields.pan]\nname = "x"\nsource = "s"\n', "fields.pan", "[fields.2]"),
        (GOOD.replace('"public"', '"certain"'), "confidence", "measured, public, assumed"),
        (GOOD.replace('extends = "unionpay"', 'dialect = "morse"'), "dialect", "unionpay"),
        (GOOD.replace('extends = "unionpay"', 'extends = "corner.toml"'), "extends", "a profile that extends nothing"),
        (GOOD + "max_reversal_tries = 0\n", "max_reversal_tries", "1 … 99"),
    ],
)
def test_a_wrong_key_is_named_and_answered(tmp_path, text, path, expected):
    """Every mistake in a profile names its key and lists what is valid."""
    wrong = refusal(tmp_path, text)
    assert wrong.path == path
    assert expected in wrong.expected


def test_a_file_that_cannot_be_read_is_said_so(tmp_path):
    """Missing, not TOML, not UTF-8: one error each, no traceback of another kind."""
    with pytest.raises(ProfileError, match="cannot read the profile"):
        load_profile(str(tmp_path / "nothing.toml"))
    assert refusal(tmp_path, "name = = 3").code == "toml"
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ProfileError, match="not UTF-8"):
        load_profile(str(tmp_path / "latin.toml"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({4: "1"}, "length"),
        ({4: "00000000000A"}, "bcd"),
        ({2: "1" * 20}, "length"),
        ({41: "1234567"}, "length"),
        ({55: "9F2"}, "hex"),
        ({56: "🙂"}, "gbk"),
        ({33: "1"}, "unknown_field"),
        ({62: "00" * 1000}, "length"),
        ({59: "00" * 999, 62: "00" * 999, 51: "00" * 999}, "length"),
    ],
)
def test_what_does_not_fit_is_not_built(unionpay, fields, code):
    """A value that does not fit its field, or a frame beyond the bound, is an error that names the field."""
    with pytest.raises(DecodeError) as refused:
        unionpay.build("0200", fields)
    assert refused.value.code == code
    assert refused.value.path in {"", *(f"F{number}" for number in fields)}


def test_only_profiles_name_brands():
    """A brand's name stands in a profile and nowhere else in the packages."""
    root = Path(__file__).parents[2]
    brands = ("lakala", "leshua", "shengpay", "allinpay", "chinaums")
    for package in ("protocols", "ingest", "expectations"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text("utf-8").lower()
            assert not any(brand in text for brand in brands), path


@pytest.mark.parametrize(
    ("more", "path", "word"),
    [
        ('[operations.13]\nname = "STATUS"\nconfidence = "public"', "operations.13.source", "refused"),
        (
            '[operations.13]\nname = "STATUS"\nsource = "x"\nconfidence = "sure"',
            "operations.13.confidence",
            "confidence",
        ),
        ('[operations.13]\nname = "GIFT"\nsource = "x"\nconfidence = "public"', "operations.13.name", "no such"),
        ('[operations]\n13 = "STATUS"', "operations.13", "table"),
    ],
)
def test_a_transaction_code_needs_a_known_name_and_a_source(tmp_path, more, path, word):
    """What a code means is a claim like any other: named, with where it is from and how sure it is."""
    text = GOOD.replace('"unionpay"', '"ingenico-mis"') + more
    error = refusal(tmp_path, text)
    assert error.path == path
    assert word in str(error)


def test_a_code_of_ones_own_opens_a_question(tmp_path):
    """A question whose code the profile does not know cannot be asked; six lines of TOML teach it."""
    assert set(load_profile("ingenico-mis").questions) == {"status"}
    more = '[operations.31]\nname = "JOURNAL_LIST"\nsource = "the bank\'s document"\nconfidence = "public"'
    own = load_profile(write(tmp_path, GOOD.replace('"unionpay"', '"ingenico-mis"') + more))
    assert set(own.questions) == {"journal-list", "status"}
    assert own.operations["45"] == "QR_SALE"


def test_messages_that_pass_through_need_a_profile(tmp_path):
    """A dialect whose frames are the message carries none; one that carries them says whose they are."""
    assert refusal(tmp_path, GOOD.replace("extends", 'carries = "unionpay"\nextends')).path == "carries"
    assert load_profile("ingenico-mis").carried is load_profile("unionpay")
    with pytest.raises(ProfileError):
        _ = load_profile("unionpay").carried
