"""The links of a mail: what they show, what they change, and that they end."""

import pytest
from fastapi.testclient import TestClient

from expectations.app.desk import app_words
from expectations.app.server import create_app
from expectations.cases.book import case_book
from expectations.feedback.links import link_for
from expectations.feedback.record import feedback_of
from expectations.mail.catalogue import Locale
from ingest.settings import Settings
from tests.expectations.app.conftest import URL, csrf
from tests.expectations.app.scene import CASE, NOW, PATHS


def linked(settings: Settings, answer: str = "done", number: str = CASE) -> str:
    """The path of a mail's link."""
    address = link_for(number, answer, settings, now=NOW)
    assert address is not None
    return address.removeprefix(URL)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_following_a_link_changes_nothing(stranger: TestClient, settings: Settings, method: str):
    """A scanner that opens every link of a mail, a hundred times: the book is as it was."""
    before = case_book(settings).cases(review=True, whole=True)
    for _ in range(5):
        stranger.request(method, linked(settings), follow_redirects=True)
    assert case_book(settings).cases(review=True, whole=True) == before
    assert feedback_of(settings).answers() == []


def test_a_scanner_that_posts_changes_nothing(stranger: TestClient, settings: Settings):
    """A POST that did not come from the page itself carries no word of it."""
    assert stranger.post(linked(settings)).status_code == 403
    assert stranger.post(linked(settings), data={"csrf": "x"}).status_code == 403
    assert feedback_of(settings).answers() == []


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_a_link_shows_the_case_and_its_button_answers(stranger: TestClient, settings: Settings, lang: Locale):
    """No log-in: amount, deadline, what happened; then one button, and the answer is in the book."""
    path = linked(settings, "two-purchases")
    html = stranger.get(f"{path}?lang={lang}").text
    assert "¥128.00" in html
    assert "23:00" in html
    assert ("是两笔消费" if lang == "zh-CN" else "Two purchases") in html
    assert "622200" not in html
    done = stranger.post(path, data={"csrf": csrf(stranger, path)})
    assert done.status_code == 200
    assert app_words(lang)["link_done_two-purchases"] in done.text
    assert (app_words(lang)["steps"] in html, app_words(lang)["steps"] in done.text) == (True, False)
    [given] = feedback_of(settings).answers()
    assert (given.number, given.answer, given.by) == (CASE, "two-purchases", "mail link")
    assert "csrf" not in stranger.get(path).text.partition("<main")[2]


def test_a_link_opens_one_case_and_nothing_else(stranger: TestClient, settings: Settings):
    """It logs nobody in."""
    stranger.get(linked(settings))
    for path in PATHS:
        assert stranger.get(path).status_code == 303


def test_a_forged_link_and_an_old_one(stranger: TestClient, settings: Settings):
    """404 in words for what was not signed here; 410 for what was, long ago; neither answers."""
    path = linked(settings)
    assert stranger.get(path[:-2] + ("AA" if path[-2:] != "AA" else "BB")).status_code == 404
    assert stranger.get("/a/x.y").status_code == 404
    later = NOW.replace(year=2027)
    with TestClient(create_app(settings, now=lambda: later), base_url=URL) as client:
        answer = client.get(path)
        assert answer.status_code == 410
        assert client.post(path, data={"csrf": csrf(client)}).status_code == 410
    assert feedback_of(settings).answers() == []
