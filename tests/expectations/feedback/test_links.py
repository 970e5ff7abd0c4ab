"""Links in mails: whoever did not get one cannot make one, and none works for ever."""

import base64
import datetime as dt
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from expectations.feedback.answers import ANSWERS, answers_for
from expectations.feedback.links import BadLinkError, ExpiredLinkError, buttons, link_for, read_link
from expectations.mail.cases import Case, case_of
from ingest.keys import create_keys
from ingest.settings import Settings
from tests.expectations.mail.conftest import finding, refund_too_high, retry, subject

NOW = dt.datetime.fromisoformat("2026-11-21T22:10:00+08:00")


def settings_at(folder: Path, **app: object) -> Settings:
    """Settings with an address, and a key in the folder."""
    return Settings.model_validate(
        {"app": {"url": "https://cases.example.com/", "key": str(folder / "app.key"), **app}}
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("keys")
    create_keys(folder / "app.key")
    return settings_at(folder)


def token(link: str | None) -> str:
    """The signed part of a link."""
    assert link is not None
    return link.partition("/a/")[2].partition("?")[0]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_link_says_what_it_is_for(settings: Settings, answer: str):
    """Case, answer and last day come back as they went in; the address is the configured one."""
    link = link_for("C-1121-0007", answer, settings, now=NOW)
    assert link is not None
    assert link.startswith("https://cases.example.com/a/")
    assert set(token(link)) <= set(string.ascii_letters + string.digits + "-_.")
    found = read_link(token(link), settings, now=NOW)
    assert (found.number, found.answer) == ("C-1121-0007", answer)


def test_a_link_works_for_its_days_and_no_longer(settings: Settings):
    """Thirty days on to the last second of the day in UTC; then it is too old, not forged."""
    signed = token(link_for("C-1121-0007", "done", settings, now=NOW))
    last = dt.datetime(2026, 12, 21, 23, 59, 59, tzinfo=dt.UTC)
    assert read_link(signed, settings, now=last).answer == "done"
    with pytest.raises(ExpiredLinkError):
        read_link(signed, settings, now=last + dt.timedelta(seconds=2))


def test_without_an_address_there_is_no_link(tmp_path: Path):
    """No app.url, no link; the mail goes out with what it has."""
    create_keys(tmp_path / "app.key")
    assert link_for("C-1121-0007", "done", settings_at(tmp_path, url=None)) is None
    case = case_of([retry()], NOW, {retry().finding_id: "C-1121-0007"})
    assert buttons(case, settings_at(tmp_path, url=None), "en") == ()


def test_without_a_key_there_is_no_link(tmp_path: Path):
    """An alert is not held back by a missing key; doctor tells of it."""
    assert link_for("C-1121-0007", "done", settings_at(tmp_path)) is None


def test_the_key_is_its_owners_alone(settings: Settings):
    """0600, as doctor makes it; opened to others it signs nothing."""
    assert stat.S_IMODE(settings.app.key.stat().st_mode) == 0o600
    settings.app.key.chmod(0o644)
    try:
        assert link_for("C-1121-0007", "done", settings) is None
    finally:
        settings.app.key.chmod(0o600)


def test_an_answer_that_there_is_not_is_a_programming_error(settings: Settings):
    """Nothing is signed that the page would not understand."""
    with pytest.raises(ValueError, match="no answer is called 'maybe'"):
        link_for("C-1121-0007", "maybe", settings)


def test_another_key_makes_other_links(settings: Settings, tmp_path: Path):
    """A link of another installation is forged here."""
    create_keys(tmp_path / "app.key")
    foreign = token(link_for("C-1121-0007", "done", settings_at(tmp_path), now=NOW))
    with pytest.raises(BadLinkError):
        read_link(foreign, settings, now=NOW)


@settings_of(deadline=None)
@given(st.data())
def test_no_changed_link_is_taken(settings: Settings, data: st.DataObject):
    """Any other letter at any place: refused, or it is the same bytes written differently (unused last bits)."""
    signed = token(link_for("C-1121-0007", "done", settings, now=NOW))
    place = data.draw(st.integers(0, len(signed) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_"))
    changed = signed[:place] + letter + signed[place + 1 :]
    if _bytes(changed) == _bytes(signed):
        return
    with pytest.raises(BadLinkError):
        read_link(changed, settings, now=NOW)


@settings_of(deadline=None)
@given(st.text(max_size=120))
def test_noise_is_a_bad_link(settings: Settings, noise: str):
    """Whatever stands in the address: one refusal, no other error."""
    with pytest.raises(BadLinkError):
        read_link(noise, settings, now=NOW)


def test_the_buttons_are_those_of_the_mail(settings: Settings):
    """Three for what may be two purchases, two for a charge that may have been announced, in both languages."""
    double = case_of([retry()], NOW, {retry().finding_id: "C-1121-0007"})
    fee = finding("fee_rate_step_change", subject("SALE", 1, "10:00:00", 500))
    charge = case_of([fee], NOW, {fee.finding_id: "C-1121-0009"})
    refund = case_of([refund_too_high()], NOW, {refund_too_high().finding_id: "C-1121-0008"})

    def said(case: Case, locale: str) -> list[str]:
        return [word for word, _ in buttons(case, settings, locale, now=NOW)]  # type: ignore[arg-type]

    assert said(double, "zh-CN") == ["确认重复", "是两笔消费", "已处理"]
    assert said(double, "en") == ["Duplicate", "Two purchases", "Done"]
    assert said(charge, "zh-CN") == ["已登记公示", "去投诉"]
    assert said(refund, "zh-CN") == ["情况属实", "已处理"]
    links = [read_link(token(address), settings, now=NOW) for _, address in buttons(double, settings, "en", now=NOW)]
    assert [each.answer for each in links] == list(answers_for(double))


def _bytes(signed: str) -> list[bytes | None]:
    """What the parts of a token decode to."""
    return [_decoded(part) for part in signed.split(".")]


def _decoded(part: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None
