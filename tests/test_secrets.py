"""No card secret of any protocol is found on disk, whatever reads it and whatever is made of it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.keys import create_keys
from ingest.tables import Lake
from protocols.describe import describe
from protocols.dialect import DIALECTS
from protocols.journal.profile import available_journals
from protocols.profile import available_profiles, load_profile
from protocols.sanitise import Sanitiser
from tests.artefacts import blobs
from tests.expectations.mail.postbox import Postbox, serving
from tests.protocols.conftest import KEYS
from tests.secretframes import JOURNALS, MERCHANT, SAMPLES, TERMINAL
from tests.seededsecrets import SEEDED, TWIN, forms, holds

TILLWATCH = [sys.executable, "-c", "from ingest.cli import main; main()"]
SETTLE_SECONDS = 30


def test_every_dialect_and_journal_has_a_sample() -> None:
    """A protocol whose secrets nobody looks for is not finished: add it to tests/secretframes.py."""
    assert set(DIALECTS) == set(SAMPLES)
    assert set(available_journals()) == set(JOURNALS)


@pytest.mark.parametrize("name", available_profiles())
def test_a_safe_frame_says_nothing_of_the_secrets(name: str) -> None:
    """The same messages about another card of the same first six and last four digits: the same bytes are kept.

    So nothing secret is left, in no form, however short: expiry, password and check value too.
    """
    profile = load_profile(name)
    sanitiser = Sanitiser(profile, KEYS)
    sample = SAMPLES[profile.dialect]
    said, twin = sample(profile, SEEDED), sample(profile, TWIN)

    assert [frame for _, frame in said] != [frame for _, frame in twin]
    for (_, one), (_, other) in zip(said, twin, strict=True):
        assert sanitiser.sanitise(one).frame == sanitiser.sanitise(other).frame


@pytest.mark.parametrize("name", available_profiles())
def test_a_sample_holds_secrets_and_describe_shows_none(name: str) -> None:
    """What is looked for is there before; described, not even the digits between are."""
    profile = load_profile(name)
    frames = [frame for _, frame in SAMPLES[profile.dialect](profile, SEEDED)]

    assert holds(b"".join(frames), SEEDED.pan)
    for frame in frames:
        text = json.dumps(describe(profile, frame), ensure_ascii=False).encode()
        assert [what for what, secret in SEEDED.long().items() if holds(text, secret)] == []


def test_each_form_is_found() -> None:
    """What the search below stands on: each way to write a secret, at any place, is found."""
    rng = random.Random(5)
    for secret in SEEDED.long().values():
        for form in forms(secret):
            assert holds(rng.randbytes(7) + form + rng.randbytes(7), secret)
    assert holds(bytes.fromhex("0" + SEEDED.pan + "0"), SEEDED.pan)
    assert not holds(rng.randbytes(1 << 16), SEEDED.pan)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a key and a configuration; what terminals say lies beside it, not in it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (tmp_path / "said").mkdir()
    create_keys(folder / "var/keys/pan-token.key")
    return folder


def tillwatch(shop: Path, *words: str, statuses: tuple[int, ...] = (0, 1)) -> str:
    """Run a command there; its words are kept as a file, for they are looked through too."""
    done = subprocess.run([*TILLWATCH, *words], cwd=shop, capture_output=True, check=False, timeout=300)
    log = shop / "logs"
    log.mkdir(exist_ok=True)
    (log / f"{len(list(log.iterdir())):03d}-{words[0]}.log").write_bytes(done.stdout + done.stderr)
    assert done.returncode in statuses, (words, done.stderr.decode()[-2000:])
    return done.stdout.decode()


def capture_of(folder: Path, name: str) -> Path:
    """A profile's sample as a capture, each message a second after the one before."""
    profile = load_profile(name)
    path = folder / f"{name}.capture.jsonl"
    said = SAMPLES[profile.dialect](profile, SEEDED)
    lines = [
        json.dumps(
            {
                "t": f"2026-11-21T10:{at // 60:02d}:{at % 60:02d}+08:00",
                "line": name,
                "dir": way,
                "frame": frame.hex(),
            }
        )
        for at, (way, frame) in enumerate(said)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def collect(shop: Path) -> None:
    """Say every sample, and garbage with the card in it, on a wire of its own to one collector."""
    wires = {name: os.openpty() for name in available_profiles()}
    for _, slave in wires.values():
        tty.setraw(slave)
    words = [word for name, (_, slave) in wires.items() for word in ("--line", f"{name}={os.ttyname(slave)}:{name}")]
    log = shop / "logs" / "collect.log"
    with log.open("wb") as file:
        process = subprocess.Popen([*TILLWATCH, "collect", *words], cwd=shop, stdout=file, stderr=file)
        try:
            wait_for(lambda: log.read_bytes().count(b" open ") >= len(wires))
            for name, (master, _) in wires.items():
                profile = load_profile(name)
                for _, frame in SAMPLES[profile.dialect](profile, SEEDED):
                    os.write(master, frame)
                    time.sleep(0.01)
                os.write(master, SEEDED.pan.encode() + bytes.fromhex(SEEDED.pan) + SEEDED.track_2.encode())
            time.sleep(2)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SETTLE_SECONDS)
            for pair in wires.values():
                for handle in pair:
                    os.close(handle)
    assert process.returncode == 0, log.read_text()[-2000:]


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it has happened, a while at most."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_no_secret_of_any_protocol_is_on_the_disk(shop: Path, tmp_path: Path) -> None:
    """Collected, replayed, landed, checked and mailed: every file, unpacked, holds none of them in any form."""
    said = tmp_path / "said"
    for name in available_profiles():
        tillwatch(shop, "replay", str(capture_of(said, name)), "--profile", name)
    for name, write in JOURNALS.items():
        folder = said / name
        folder.mkdir()
        path = write(folder, SEEDED)
        assert holds(path.read_bytes(), SEEDED.pan)
        tillwatch(shop, "replay", str(path), "--profile", name, "--terminal", TERMINAL, "--merchant", MERCHANT)
        tillwatch(shop, "describe", str(path), "--profile", name)
        tillwatch(shop, "describe", str(path), "--profile", name, "--json")
    collect(shop)
    tillwatch(shop, "land")
    tillwatch(shop, "check", "--from", "2026-11-20", "--to", "2026-11-24")
    postbox = Postbox()
    with serving(postbox) as port:
        (shop / "tillwatch.toml").write_text(
            f'[alerts]\nsmtp = "smtp://127.0.0.1:{port}"\nsender = "tillwatch@example.com"\n'
            '[[alerts.routes]]\nmerchants = ["*"]\nto = ["a@example.com"]\n'
        )
        tillwatch(shop, "alert", "preview", statuses=(0, 1, 3))
        tillwatch(shop, "alert", "send", "--at-once", "--at", "2026-11-24T10:00", statuses=(0, 3))
    for at, mail in enumerate(postbox.mails):
        (shop / f"{at}.eml").write_bytes(mail.as_bytes())
    tillwatch(shop, "spool", "export", statuses=(0, 1, 2))

    raw = Lake(str(shop / "var/lake")).read("raw_frames", filters=[("kind", "==", "frame")])
    assert set(raw["profile"].to_pylist()) == {*available_profiles(), *JOURNALS}
    assert postbox.mails
    files = [path for path in shop.rglob("*") if path.is_file()]
    found = {
        f"{name.removeprefix(str(shop))}: {what}"
        for path in files
        for name, data in blobs(path)
        for what, secret in SEEDED.long().items()
        if holds(data, secret)
    }
    assert found == set()
