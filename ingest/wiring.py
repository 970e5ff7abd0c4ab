"""The lines of the configuration as the collector needs them: each with its recorders, its search or its question."""

from dataclasses import replace

from ingest.asking import Asker
from ingest.detection import Detection, Tap
from ingest.errors import UsageError
from ingest.handover import Tell
from ingest.keys import Keys
from ingest.lines import Line, Stream, make_line
from ingest.occupant import Occupant
from ingest.recording import Recorder
from ingest.settings import AUTO
from ingest.settings import Line as LineSettings
from ingest.speeds import settings_to_try
from protocols.profile import Profile, load_profile, usable_profiles
from protocols.sanitise import CardKeys, keyed_digest
from protocols.usb_ids import speaks


def make_lines(settings: list[LineSettings], keys: Keys, tell: Tell) -> list[Line]:
    """The lines as configured, each with recorders of its profile.

    Raises:
        ProfileError: no such profile; the error lists those there are.
        UsageError: a question that the profile's terminals are not asked, or not at intervals.
    """
    card_keys = CardKeys(key_id=keys.key_id, pan=keys.pan, digest=keys.digest)
    profiles = {line.name: load_profile(line.profile) for line in settings if line.profile != AUTO}
    lines = []
    for words in settings:
        if words.profile == AUTO:
            lines.append(_searching(words, card_keys, tell))
            continue
        profile = profiles[words.name]
        made = make_line(
            words.name,
            profile.name,
            words.mode,
            [words.device, *filter(None, [words.peer])],
            link=replace(profile.link, baud=words.baud or profile.link.baud),
            start=lambda words=words: Recorder(profiles[words.name], card_keys, words.name),  # type: ignore[misc]
        )
        made.streams[0].occupant = Occupant([profile], words.terminal_id)
        if words.mode == "pull":
            _ask(made, words, profile, Recorder(profile, card_keys, words.name), tell)
        lines.append(made)
    return lines


def _searching(words: LineSettings, keys: CardKeys, tell: Tell) -> Line:
    """A line whose profile is found by listening.

    A relay keeps the first setting: another one, tried at the wrong moment, would garble what it passes on.
    """
    candidates, unusable = usable_profiles()
    for wrong in unusable:
        tell(words.name, "left-out", why=str(wrong))
    to_try = settings_to_try(candidates, words.baud)
    settings = to_try[:1] if words.mode == "relay" else to_try
    detection = Detection(
        words.name,
        candidates,
        settings,
        record=lambda profile: Recorder(profile, keys, words.name),
        digest=lambda data: keyed_digest(keys, data),
        likely=speaks,
        tell=tell,
    )
    devices = [words.device, *filter(None, [words.peer])]
    line = make_line(words.name, AUTO, words.mode, devices, link=settings[0], start=lambda: Tap(detection))
    for stream in line.streams:
        stream.detection = detection
    line.streams[0].occupant = Occupant(candidates, words.terminal_id)
    return line


def _ask(line: Line, words: LineSettings, profile: Profile, recorder: Recorder, tell: Tell) -> None:
    """Give a pulled line its question."""
    questions = profile.questions
    if not profile.speech.questions:
        raise UsageError(
            f"line {words.name}: terminals of profile {profile.name} cannot be asked",
            hint="use mode listen, relay or receive",
        )
    question = words.ask or next(iter(profile.speech.questions))
    if question in profile.speech.questions and question not in questions:
        raise UsageError(
            f"line {words.name}: {profile.name} does not say which transaction code asks for {question}",
            hint="take it from the terminal's document into a profile of your own (docs/protocols-ecr.md)"
            + (f", or ask one of {', '.join(questions)}" if questions else ""),
        )
    if question not in questions:
        raise UsageError(
            f"line {words.name}: {profile.name} knows no question {question!r}",
            hint=f"ask one of {', '.join(questions)}",
        )
    if question in profile.speech.closing and words.every:
        raise UsageError(
            f"line {words.name}: {question} closes the terminal's batch and is not asked at intervals",
            hint="every = 0 asks it once, each time the collector is started",
        )
    (stream,) = line.streams
    own = Stream(line.name, line.profile, mode="pull", direction="tx", start=lambda: recorder)
    stream.asker = Asker(question, every=words.every, begin=lambda: questions[question](profile), own=own, tell=tell)
