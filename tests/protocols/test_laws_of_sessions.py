"""The laws every session keeps that asks a terminal, whatever it hears, in whatever order, at whatever time."""

import dataclasses
import datetime as dt
import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.answering import Sold
from protocols.deframe import Control, Frame
from protocols.dialect import Session
from protocols.envelope import CONTROLS
from protocols.errors import ProfileError
from protocols.profile import Profile, available_profiles, load_profile
from tests.fuzz.links import enveloped
from tests.protocols.link_samples import samples

pytestmark = pytest.mark.thorough


@functools.cache
def questions(name: str) -> tuple[str, ...]:
    """What a profile's terminals can be asked; a profile that does not know a question's code says so by name."""
    profile, found = load_profile(name), []
    for question, begin in profile.speech.questions.items():
        try:
            begin(profile)
        except ProfileError as unknown:
            assert question in str(unknown)  # noqa: PT017  the other outcome is as good
        else:
            found.append(question)
    return tuple(found)


ASKED = [(name, question) for name in available_profiles() for question in questions(name)]
MOST_SILENCE, MOST_WORDS = 300.0, 12
"""Seconds in which a session that hears nothing more must have ended, and how often it may speak until then."""
LONGEST = 7200.0
"""Seconds in which a session must have ended that hears the same thing again and again."""
MONEY = frozenset(("SALE", "VOID", "REFUND", "PREAUTH", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "REVERSAL"))


@functools.cache
def profile_of(name: str, *, ack: bool | None = None) -> Profile:
    """A profile; where its sessions know links with and without ACK, as one of these."""
    profile = load_profile(name)
    if ack is None or profile.link.envelope != "stx":
        return profile
    return dataclasses.replace(profile, link=dataclasses.replace(profile.link, ack=ack))


@functools.cache
def conversation(name: str, question: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """What till and terminal say on a good wire, whole frames, the till's and the terminal's."""
    profile = load_profile(name)
    speech = profile.speech
    start = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
    journal = [Sold(41 + n, 1000 * (n + 1), start, rrn=f"1121010000{n:02}") for n in range(3)]
    assert speech.terminal is not None
    terminal, now = speech.terminal(profile, "00440036", "821120170130018", journal), 0.0
    session, hearing = speech.questions[question](profile), profile.deframer()
    till, answers = [], []
    words = session.start(now)
    while not session.done:
        now += 0.01
        till += [word for word in words if len(word) > 1]
        said = terminal.feed(b"".join(words), now) + terminal.tick(now)
        words = []
        for event in hearing.feed(said):
            if isinstance(event, Frame):
                answers.append(event.data)
                words += session.hear_frame(event.data, now)
            elif isinstance(event, Control):
                words += session.hear_control(event.byte, now)
        words += session.tick(now)
    return tuple(till), tuple(answers)


def mti(profile: Profile, frame: bytes) -> str:
    """The protocol's own word for what a frame is."""
    return str(profile.speech.describe(profile, frame).said["mti"])


@functools.cache
def forbidden(name: str, question: str) -> frozenset[str]:
    """What only other questions say."""
    profile = load_profile(name)
    said = {other: {mti(profile, frame) for frame in conversation(name, other)[0]} for other in questions(name)}
    return frozenset(set[str]().union(*said.values()) - said[question])


class Listener:
    """A session with its laws: everything that it is told and says goes through here."""

    def __init__(self, name: str, question: str, *, ack: bool | None = None) -> None:
        self.profile = profile_of(name, ack=ack)
        self.session: Session = self.profile.speech.questions[question](self.profile)
        self.forbidden = forbidden(name, question)
        self.now = 1000.0
        self.words = 0
        self.check(self.session.start(self.now))

    def check(self, sent: list[bytes]) -> None:
        """Whole frames of the link and single control bytes; no other question, nothing that moves money."""
        for word in sent:
            self.words += 1
            if len(word) == 1:
                assert word[0] in CONTROLS
                continue
            deframer = self.profile.deframer()
            assert [*deframer.feed(word), *deframer.flush()] == [Frame(word, 0)]
            assert mti(self.profile, word) not in self.forbidden
            told = self.profile.speech.facts(self.profile, word)
            assert told.txn_type not in MONEY
        assert (self.session.due is None) == self.session.done
        if self.session.done:
            assert self.session.outcome

    def step(self, what: str, value: object) -> None:
        """One thing that happens."""
        session, done = self.session, self.session.done
        sent: list[bytes] = []
        if what == "frame":
            assert isinstance(value, bytes)
            sent = session.hear_frame(value, self.now)
        elif what == "control":
            assert isinstance(value, int)
            sent = session.hear_control(value, self.now)
        elif what == "noise":
            sent = session.hear_noise(self.now)
        else:
            assert isinstance(value, float)
            self.now += value
            sent = session.tick(self.now)
        self.check(sent)
        if done:
            assert all(len(word) == 1 for word in sent)

    def silence(self) -> None:
        """Nothing is heard any more: the session ends by itself, soon, and says why."""
        start, words = self.now, self.words
        while not self.session.done:
            assert self.session.due is not None
            self.now = max(self.now, self.session.due)
            assert self.now - start <= MOST_SILENCE
            self.check(self.session.tick(self.now))
        assert self.words - words <= MOST_WORDS
        assert self.session.tick(self.now + 1000) == []


def steps(name: str, question: str) -> st.SearchStrategy[tuple[str, object]]:
    """Answers of this and of other questions, any frame of the link, any body in its envelope, bytes and time."""
    profile = load_profile(name)
    answers = [frame for other in questions(name) for frame in conversation(name, other)[1]]
    own = st.sampled_from(conversation(name, question)[1])
    frames = own | st.sampled_from(answers) | st.sampled_from(samples(name))
    bodies = st.binary(min_size=1, max_size=40).map(lambda body: enveloped(profile, body))
    return st.one_of(
        st.tuples(st.just("frame"), frames | bodies),
        st.tuples(st.just("control"), st.sampled_from(sorted(CONTROLS)) | st.integers(0, 255)),
        st.tuples(st.just("noise"), st.none()),
        st.tuples(st.just("time"), st.sampled_from([0.0, 0.2, 3.0, 5.0, 30.0, 60.0]) | st.floats(0.0, 90.0)),
    )


@given(st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize(("name", "question"), ASKED)
def test_whatever_is_heard_a_session_keeps_its_laws_and_ends(name, question, data):
    """Nothing is raised, nothing is asked that was not, and silence ends it within its bounds."""
    listener = Listener(name, question, ack=data.draw(st.none() | st.booleans()))
    for what, value in data.draw(st.lists(steps(name, question), max_size=25)):
        listener.step(what, value)
    listener.silence()


@pytest.mark.parametrize(("name", "question"), ASKED)
def test_a_terminal_that_stops_after_any_of_its_frames_ends_the_session(name, question):
    """However far it came, a terminal that says nothing more is given up, and the outcome does not say answered."""
    whole = conversation(name, question)[1]
    for count in range(len(whole)):
        listener = Listener(name, question)
        for frame in whole[:count]:
            listener.step("control", 0x06)
            listener.step("frame", frame)
            listener.step("control", 0x06)
        listener.silence()
        assert listener.session.outcome != "answered"


@pytest.mark.parametrize("every", [0.5, 20.0])
@pytest.mark.parametrize(("name", "question"), ASKED)
def test_a_session_that_hears_the_same_thing_for_ever_ends(name, question, every):
    """A terminal, or a cable, that repeats itself without end does not keep the line from being asked again."""
    answers = set(conversation(name, question)[1])
    things: list[tuple[str, object]] = [("noise", None), *(("control", byte) for byte in sorted(CONTROLS))]
    for what, value in [*things, *(("frame", frame) for frame in sorted(answers))]:
        listener = Listener(name, question)
        start = listener.now
        while not listener.session.done:
            listener.step(what, value)
            listener.step("time", every)
            assert listener.now - start < LONGEST, (what, value)
