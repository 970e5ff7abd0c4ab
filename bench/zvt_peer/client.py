"""Its client at a till, and our simulated terminal on a pseudo-terminal or a loopback port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.zvt_peer.peer import Ecrterm
from bench.zvt_peer.tally import Tally
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.stage import Actor, Stage, StagedLine
from protocols.answering import Sold
from protocols.profile import load_profile
from protocols.zvt.terminal import Customer, Terminal

TERMINAL_ID, MERCHANT, PASSWORD = "52523535", "898290058140001", "123456"
CUSTOMERS = (
    Customer("672100******8074", "CUP", "123456"),
    Customer("450878****0099", "VIS", "A1B2C3D4"),
    Customer("541333******0010", "MCC", "", "05"),
    Customer("371234*****1002", "AEX", "7"),
    Customer("672100******8074", "CUP", "654321"),
    Customer("353011******0000", "JCB", "998877"),
    Customer("361234****9996", "DCC", "10"),
)
"""A card each; the third is declined by its host, the last shows up after the end of day."""
ORGANISATIONS = ("girocard", "JCB", "Eurocard", "Amex", "VISA", "Diners", "other")
RECEIPT_LINES = 8


@contextmanager
def terminal_at(name: str, folder: DeviceFolder, terminal: Terminal) -> Iterator[str]:
    """A terminal that answers, and what ecrterm is told to open."""
    end = folder.listen() if name == "zvt-tcp" else folder.make("lane")
    stage = Stage([StagedLine({}, (Actor(terminal, end),), [])])
    thread = threading.Thread(target=stage.run, daemon=True)
    thread.start()
    try:
        yield end.device.replace("tcp://", "socket://")
    finally:
        stage.stop()
        thread.join()


def converse(peer: Ecrterm, tally: Tally, name: str, folder: Path) -> None:
    """A day at the till over one link."""
    profile = load_profile(name)
    terminal = Terminal(profile, TERMINAL_ID, MERCHANT, [], password=PASSWORD, customers=CUSTOMERS)
    with DeviceFolder(folder) as devices, terminal_at(name, devices, terminal) as device:
        till = peer.ecr.ECR(device, PASSWORD)
        try:
            _Day(peer, tally, till, name, terminal).play()
        finally:
            till.transport.close()


class _Day:
    def __init__(self, peer: Ecrterm, tally: Tally, till: Any, link: str, terminal: Terminal) -> None:
        self.peer, self.tally, self.till, self.terminal = peer, tally, till, terminal
        self.group = f"its client, {link}"

    def same(self, what: str, theirs: Any, ours: Any) -> None:
        self.tally.same(self.group, what, theirs, ours)

    def heard(self, name: str) -> list[Any]:
        """Packets of a class that came since the last command."""
        kind = getattr(self.peer.packets, name)
        return [packet for inwards, packet in self.till.transmitter.last_history if inwards and type(packet) is kind]

    def play(self) -> None:
        packets, config = self.peer.packets, self.peer.types.ConfigByte
        self.till.payment(100)
        self.ended("unregistered", 0x6B)
        self.till.transmit(packets.StatusEnquiry("111111"))
        (refusal,) = self.heard("PacketReceivedError")
        self.same("wrong password", bytes(refusal.control_field), b"\x84\x64")

        self.till.register(config.ALL, cc=978)
        self.same("terminal id", self.till.terminal_id, TERMINAL_ID)
        (completion,) = self.heard("Completion")
        self.same("registered: status byte", completion.status_byte, 0)
        self.same("registered: currency", int(completion.currency_code), 978)

        self.paid(1234, CUSTOMERS[0], stan=1, receipt=1)
        self.paid(2900, CUSTOMERS[1], stan=2, receipt=2)
        self.same("declined", self.till.payment(5000), False)
        self.status(5000, CUSTOMERS[2], stan=3, receipt=3)
        self.ended("declined", 0x05)
        self.paid(10, CUSTOMERS[3], stan=4, receipt=4)

        self.till.transmit(packets.Authorisation(amount=100, currency_code=978, timeout=1, tlv=[]))
        self.status(100, CUSTOMERS[4], stan=5, receipt=5)
        self.till.transmit(self.peer.reversal(password=PASSWORD, receipt="0002"))
        self.status(2900, CUSTOMERS[1], stan=6, receipt=6, original=2)
        self.printed(2900, stan=6, receipt=6, verdict="Storno erfolgt", card=CUSTOMERS[1])
        for receipt, amount, result in (("0002", None, 0xB4), ("0009", None, 0xB5), ("0004", 11, 0xB7)):
            words = {} if amount is None else {"amount": amount}
            self.till.transmit(self.peer.reversal(password=PASSWORD, receipt=receipt, **words))
            self.ended(f"reversal {receipt}", result)
        self.till.transmit(self.peer.refund(password=PASSWORD, amount=777, currency_code=978))
        self.status(777, CUSTOMERS[5], stan=7, receipt=7)
        self.printed(777, stan=7, receipt=7, verdict="Gutschrift erfolgt", card=CUSTOMERS[5])

        self.till.transmit(self.peer.repeat(password=PASSWORD))
        self.status(777, CUSTOMERS[5], stan=7, receipt=7)
        self.same("copy", [line.text for line in self.heard("PrintLine")], ["KOPIE"])
        self.till.transmit(self.peer.totals(password=PASSWORD))
        self.summed()
        self.till.end_of_day()
        self.summed()
        self.same("end of day", next(iter(self.heard("Completion"))).as_dict(), {})
        self.till.transmit(self.peer.repeat(password=PASSWORD))
        self.ended("empty batch", 0x6C)

        self.till.register(config.ALL_BUT_ADMIN_RECEIPT, cc=978, tlv={0x26: {0x0A: b"\x06\xd3"}})
        self.till.payment(4200)
        self.blocked(4200, CUSTOMERS[6], stan=8, receipt=8)
        self.till.payment(1)
        self.ended("nobody there", 0x6C)
        self.till.transmit(packets.Diagnosis())
        self.same("unknown command", bytes(self.heard("PacketReceivedError")[0].control_field), b"\x84\x83")

    # -- what it must have heard ---------------------------------------------------------

    def paid(self, amount: int, customer: Customer, *, stan: int, receipt: int) -> None:
        listened: list[Any] = []
        self.same("payment", self.till.payment(amount, listener=listened.append), True)
        self.status(amount, customer, stan=stan, receipt=receipt)
        self.shown()
        self.printed(amount, stan=stan, receipt=receipt, verdict="Zahlung erfolgt", card=customer)
        self.same("told to its listener", len(listened), 2 + RECEIPT_LINES)

    def status(self, amount: int, customer: Customer, *, stan: int, receipt: int, original: int | None = None) -> None:
        found = self.heard("StatusInformation")
        self.same("statuses", len(found), 1)
        said = found[-1].as_dict()
        at = next((sold.at for sold in self.journal if sold.stan == stan), None)
        wanted = {
            "result_code": int(customer.result, 16),
            "amount": amount,
            "trace_number": f"{stan:06d}",
            "trace_number_original": None if original is None else f"{original:06d}",
            "card_number": bytes.fromhex(customer.card.replace("*", "E").ljust(len(customer.card) + 1 & ~1, "F")),
            "receipt": f"{receipt:04d}",
            "tid": TERMINAL_ID,
            "vu": MERCHANT.encode("ascii"),
            "currency_code": 978,
            "aid": customer.auth_code.encode("ascii").ljust(8, b"\0") if customer.auth_code else None,
            "card_name": _name(customer).encode("ascii") + b"\0",
        }
        if at is not None:
            wanted |= {"time": f"{at:%H%M%S}", "date_day": f"{at:%m%d}"}
        for name, value in wanted.items():
            self.same(f"status: {name}", said.get(name), value)
        self.same("status: nothing else", said.keys() - wanted.keys() - {"time", "date_day"}, set())

    @property
    def journal(self) -> list[Sold]:
        return [*(sold for batch in self.terminal.closed for sold in batch), *self.terminal.journal]

    def shown(self) -> None:
        (shown,) = self.heard("IntermediateStatusInformation")
        self.same("intermediate status", (shown.intermediate_status, shown.timeout), (0x0A, 1))
        self.same("text shown", shown.tlv.x24.x7, "Bitte Karte einstecken")

    def printed(self, amount: int, *, stan: int, receipt: int, verdict: str, card: Customer) -> None:
        lines = self.heard("PrintLine")
        self._receipt([line.text for line in lines], amount, (stan, receipt), verdict, card)
        self.same("line attributes", [line.attribute for line in lines], [0] * (RECEIPT_LINES - 1) + [0x81])

    def _receipt(self, lines: list[str], amount: int, numbers: tuple[int, int], verdict: str, card: Customer) -> None:
        stan, receipt = numbers
        at = next(sold.at for sold in self.journal if sold.stan == stan)
        wanted = [
            "K-U-N-D-E-N-B-E-L-E-G",
            f"Terminal-ID {TERMINAL_ID}",
            f"TA-Nr {stan:06d} BNr {receipt:04d}",
            f"{at:%d.%m. %H:%M}",
            f"{_name(card)} {card.card}",
            f"EUR {amount // 100},{amount % 100:02d}",
            verdict,
            "Danke für Ihren Einkauf",
        ]
        self.same("lines", len(lines), len(wanted))
        for theirs, ours in zip(lines, wanted, strict=False):
            self.same("line", theirs, ours)

    def blocked(self, amount: int, customer: Customer, *, stan: int, receipt: int) -> None:
        self.status(amount, customer, stan=stan, receipt=receipt)
        self.same("no lines", self.heard("PrintLine"), [])
        (block,) = self.heard("PrintTextBlock")
        kind = next(item.value_ for item in block.tlv.value_ if item.tag_ == 0x1F07)
        self.same("block: kind", kind, b"\x02")
        texts = next(item for item in block.tlv.value_ if item.tag_ == 0x25)
        lines = [_text(each.value_) for each in texts.value_]
        self._receipt(lines, amount, (stan, receipt), "Zahlung erfolgt", customer)

    def ended(self, what: str, result: int) -> None:
        aborts = self.heard("Abort")
        self.same(f"{what}: aborted with", [abort.result_code for abort in aborts], [result])

    def summed(self) -> None:
        """Two sales are live: 12,34 and 1,00 by cards of no name, 0,10 by Amex; 29,00 is back; a refund of 7,77."""
        (status,) = self.heard("StatusInformation")
        raw = status.totals
        groups = {
            name: (raw[at], int(raw[at + 1 : at + 7].hex()))
            for name, at in zip(ORGANISATIONS, range(4, 53, 7), strict=True)
        }
        wanted = {
            **dict.fromkeys(ORGANISATIONS, (0, 0)),
            "Amex": (1, 10),
            "JCB": (1, 777),
            "other": (2, 1334),
        }
        self.same("totals: receipts", raw[:4].hex(), "00010007")
        for name, value in wanted.items():
            self.same(f"totals: {name}", groups[name], value)
        self.same("totals: amount", status.get_end_of_day_information()["amount"], 1334 + 10 + 777)
        self.same("totals: terminal", status.tid, TERMINAL_ID)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).decode("cp437")


def _name(customer: Customer) -> str:
    return {"VIS": "VISA", "MCC": "Eurocard", "AEX": "Amex", "JCB": "JCB", "DCC": "Diners"}.get(
        customer.card_org, "other"
    )
