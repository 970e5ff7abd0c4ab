"""The scanner of what a test run leaves: each form of a number is found, in each kind of file, and nothing else is."""

import base64
import gzip
import random
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet
from tests.leaks import found_in, left_in, numbers
from tests.seededsecrets import SEEDED, forms

PAN = SEEDED.pan


def looked_for() -> list[bytes]:
    """The forms that tests/test_secrets.py knows, but for base64 of packed digits: only text is written so."""
    packed = (bytes.fromhex(PAN), bytes.fromhex(PAN[1:-1]))
    coded = b" ".join(base64.b64encode(bytes(shift) + raw) for raw in packed for shift in range(3))
    return sorted({form for form in forms(PAN) if form not in coded})


@pytest.mark.parametrize("form", looked_for(), ids=repr)
def test_each_form_is_found_at_any_place(form: bytes) -> None:
    """Plain, UTF-16, hex, packed at both alignments, base64 at all three."""
    around = random.Random(7).randbytes(33).translate(None, b"0123456789")
    for text in (form, around + form + around, b'{"x": "' + form + b'"}\n'):
        assert PAN in found_in(text)


@pytest.mark.parametrize("org", [DOMESTIC, FOREIGN])
def test_the_simulators_numbers_are_found(org: str) -> None:
    """As text and packed, of 16 and 19 digits."""
    wallet = Wallet(random.Random(3))
    for _ in range(40):
        pan = wallet.issue(org).pan
        assert pan in found_in(f"card {pan}.".encode())
        assert pan in found_in(b"\xff" + bytes.fromhex(pan + "F" * (len(pan) % 2)) + b"\xff") or len(pan) % 2


def test_a_masked_number_and_noise_are_not_found() -> None:
    """First six and last four with F between, random bytes, zeros: nothing."""
    masked = [f"{each[:6]}{'F' * (len(each) - 10)}{each[-4:]}" for each in numbers()]
    for text in masked:
        assert found_in(text.encode()) == set()
        assert found_in(bytes.fromhex(text + "F" * (len(text) % 2))) == set()
        assert found_in(text.replace("F", "*").encode()) == set()
    assert (
        found_in(b"\xcb" + bytes.fromhex("0522588000000000000000000002006660000300006f")) == set()
    )  # of a record's head
    rng = random.Random(11)
    assert found_in(rng.randbytes(1 << 20) + bytes(1 << 16) + b"1" * 999) == set()


def test_every_kind_of_file_is_opened(tmp_path: Path) -> None:
    """Tables, archives, mails with their parts; the number is named masked. What was given in is left alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = b"\x02" + bytes.fromhex(PAN) + b"\x03"
    mail = EmailMessage()
    mail.set_content("see the attachment")
    mail.add_attachment(frame, maintype="application", subtype="octet-stream")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("frames.txt", PAN)
    (tmp_path / "mail.eml").write_bytes(mail.as_bytes())
    (tmp_path / "old.gz").write_bytes(gzip.compress(PAN.encode()))
    (tmp_path / "a.log").write_text(f"card {PAN}\n")
    pq.write_table(pa.table({"frame": [b"", frame], "n": [1, 2]}), tmp_path / "t.parquet", compression="zstd")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1" + bytes(9))
    (tmp_path / "torn.gz").write_bytes(gzip.compress(bytes(999))[:20])
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "terminal.txt").write_text(PAN)
    (tmp_path / "lane.capture.jsonl").write_text(PAN)

    found = left_in(tmp_path)

    masked = [f"{PAN[:6]}…{PAN[-4:]}"]
    assert found == dict.fromkeys(("a.log", "mail.eml", "old.gz", "pack.zip", "t.parquet"), masked)
    for path in tmp_path.iterdir():
        if path.is_file():
            path.unlink()  # what is left is looked through at the end of the run
