"""What a terminal says, as bytes: statuses, totals, receipts, texts to show (PA00P015; docs/protocols-ecr.md)."""

from collections.abc import Iterable, Mapping, Sequence

from protocols.answering import Sold
from protocols.zvt.session import command
from protocols.zvt.words import TOTALS_GROUPS

CURRENCY = "978"
DONE = command("060F")
INSERT_CARD = "0A"
_GROUPS = {"VIS": "VISA", "MCC": "Eurocard", "AEX": "Amex", "JCB": "JCB", "DCC": "Diners"}
_MOST_SHORT = 0x7F
CUSTOMERS_RECEIPT = "02"
LAST_LINE = "81"


def group(card_org: str) -> str:
    """The name under which a card counts in the totals."""
    return _GROUPS.get(card_org, "other")


def ready(terminal_id: str) -> bytes:
    """The end of a registration."""
    return command("060F", "1900", "29", terminal_id, f"490{CURRENCY}")


def aborted(result: str, currency: str = "") -> bytes:
    """The end of what went wrong; of a wrong currency it names its own."""
    return command("061E", result, currency)


def shown(status: str, minutes: int, text: str) -> bytes:
    """An intermediate status with its timeout and the text on the display."""
    return command("04FF", status, f"{minutes:02X}", _container(tlv("24", tlv("07", _text(text)))))


def status(sold: Sold, terminal_id: str, merchant_id: str, result: str = "00") -> bytes:
    """The status information of a transaction."""
    original = "" if sold.orig_stan is None else f"37{sold.orig_stan:06d}"
    card = sold.card.replace("*", "E")
    card += "F" * (len(card) % 2)
    authorised = f"3B{sold.auth_code.ljust(8, chr(0)).encode('ascii').hex()}" if sold.auth_code else ""
    name = group(sold.card_org).encode("ascii")
    return command(
        "040F",
        f"27{result}",
        f"04{sold.amount:012d}0B{sold.stan:06d}{original}0C{sold.at:%H%M%S}0D{sold.at:%m%d}",
        f"22{_count(len(card) // 2)}{card}87{sold.receipt:04d}29{terminal_id}",
        f"2A{merchant_id.ljust(15).encode('ascii').hex()}490{CURRENCY}",
        f"{authorised}8B{_count(len(name) + 1)}{name.hex()}00",
    )


def totals(journal: Sequence[Sold], last: Sold | None, terminal_id: str) -> bytes:
    """The status information of a batch: what is not taken back, by card."""
    live = {sold.stan for sold in journal} - {sold.orig_stan for sold in journal}
    kept = [sold for sold in journal if sold.stan in live and sold.orig_stan is None]
    groups = ""
    for name in TOTALS_GROUPS:
        mine = [sold.amount for sold in kept if group(sold.card_org) == name]
        groups += f"{len(mine):02X}{sum(mine):012d}"
    receipts = [sold.receipt for sold in journal] or [0]
    when = f"0B{last.stan + 1:06d}0C{last.at:%H%M%S}0D{last.at:%m%d}" if last else ""
    return command(
        "040F",
        "2700",
        f"04{sum(sold.amount for sold in kept):012d}{when}",
        f"29{terminal_id}490{CURRENCY}",
        f"60F0F5F3{min(receipts):04d}{max(receipts):04d}{groups}",
    )


def receipt(sold: Sold, terminal_id: str, verdict: str) -> list[str]:
    """The customer's receipt, line by line."""
    return [
        "K-U-N-D-E-N-B-E-L-E-G",
        f"Terminal-ID {terminal_id}",
        f"TA-Nr {sold.stan:06d} BNr {sold.receipt:04d}",
        f"{sold.at:%d.%m. %H:%M}",
        f"{group(sold.card_org)} {sold.card}",
        f"EUR {sold.amount // 100},{sold.amount % 100:02d}",
        verdict,
        "Danke für Ihren Einkauf",
    ]


def printed(lines: Sequence[str]) -> list[bytes]:
    """A receipt as single lines; the last says that it is."""
    attributes = ["00"] * (len(lines) - 1) + [LAST_LINE]
    return [command("06D1", attribute, _text(line)) for attribute, line in zip(attributes, lines, strict=True)]


def block(lines: Iterable[str], kind: str = CUSTOMERS_RECEIPT) -> bytes:
    """A receipt as one block of text."""
    texts = "".join(tlv("07", _text(line)) for line in lines)
    return command("06D3", _container(tlv("1F07", kind), tlv("25", texts)))


def tlv(tag: str, value: str) -> str:
    """A tag of a container: its length in one byte, or 81 and one, or 82 and two."""
    size = len(value) // 2
    length = f"{size:02X}" if size <= _MOST_SHORT else f"81{size:02X}" if size <= 0xFF else f"82{size:04X}"
    return f"{tag}{length}{value}"


def _container(*tags: str) -> str:
    return tlv("06", "".join(tags))


def _text(text: str) -> str:
    return text.encode("cp437").hex()


def _count(size: int) -> str:
    """The two counter bytes of an LLVAR (PA00P015): F and a digit each."""
    return f"F{size // 10}F{size % 10}"


def wants_block(said: Mapping[str, str]) -> bool:
    """Whether a registration lists 06 D3 among the commands that the till takes (tag 26, tag 0A each)."""
    return any(".26.0A" in key and value == "06D3" for key, value in said.items())
