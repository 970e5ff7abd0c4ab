"""A terminal as a sans-io state machine: steps in, messages out, answers in.

`start` takes a step and gives the first message; `receive` takes the answer, or None
when none came, and gives the next message, or None when the step is done. Each
operation is a generator that yields a message and is sent its answer. The terminal
has no clock: scenario time moves with the steps, the answers and the timeouts.

A sale without an answer leaves a reversal, which goes out before the next online
message, at most `max_reversal_tries` times, and is then given up (docs/protocols.md).
"""

import datetime as dt
from collections.abc import Generator, MutableMapping
from dataclasses import dataclass, replace

from ingest.simulator.cards import DOMESTIC
from ingest.simulator.draft import (
    Draft,
    chip_data,
    clock_fields,
    digest,
    reversal_chip_data,
    text_hex,
    tlv_value,
    with_mac,
)
from ingest.simulator.journal import BALANCED, Entry, Totals, upload_lists
from ingest.simulator.scenario import Record, Seat, Step

Talk = Generator[Draft, Draft | None, None]

REVERSED = {"00", "12", "25"}  # what ends a reversal (docs/rules.md)
TIMEOUT = dt.timedelta(seconds=30)
REPEAT = dt.timedelta(seconds=20)
LAST_STAN = 999_999
_ENTRY = {"mag": "02", "chip": "05", "contactless": "07", "manual": "01"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A financial operation's fixed values (docs/protocols.md), and the side of the totals it counts on."""

    mti: str
    processing: str
    condition: str
    code: str
    side: str = ""
    reversible: bool = True


KINDS = {
    "sale": Kind("0200", "000000", "00", "22", side="debit"),
    "void": Kind("0200", "200000", "00", "23", side="credit"),
    "refund": Kind("0220", "200000", "00", "25", side="credit", reversible=False),
    "preauth": Kind("0100", "030000", "06", "10"),
    "preauth_void": Kind("0100", "200000", "06", "11"),
    "completion": Kind("0200", "000000", "06", "20", side="debit"),
    "balance": Kind("0200", "310000", "00", "01", reversible=False),
    "offline_sale": Kind("0220", "000000", "00", "30", side="debit", reversible=False),
    "tip": Kind("0220", "000000", "00", "34", reversible=False),
}


class Terminal:
    """One terminal.

    Args:
        seat: who it is and the numbers it starts with.
        records: what became of labelled steps; shared by all terminals, written here.
        max_reversal_tries: how often a reversal is sent before it is given up.
    """

    def __init__(self, seat: Seat, records: MutableMapping[str, Record], *, max_reversal_tries: int = 3) -> None:
        self.seat = seat
        self.records = records
        self.stan = seat.stan
        self.batch_no = seat.batch_no
        self.journal: list[Entry] = []
        self.clock = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._tries = max_reversal_tries
        self._reversal: Draft | None = None
        self._talk: Talk | None = None

    @property
    def reversal_waiting(self) -> bool:
        """Whether a reversal is stored."""
        return self._reversal is not None

    @property
    def totals(self) -> Totals:
        """The open batch's totals."""
        return Totals.of((entry.side, entry.org, entry.amount) for entry in self.journal)

    def start(self, step: Step) -> Draft | None:
        """Begin a step; its first message, or None when it needs none."""
        self.clock = max(self.clock, step.at)
        self._talk = self._operation(step)
        try:
            return next(self._talk)
        except StopIteration:
            return None

    def receive(self, answer: Draft | None) -> Draft | None:
        """Take the answer to the last message (None: it never came); the next message, or None at the step's end."""
        if self._talk is None:
            msg = "receive() before start()"
            raise RuntimeError(msg)
        self.clock = self.clock + TIMEOUT if answer is None else max(self.clock, answer.at + dt.timedelta(seconds=1))
        try:
            return self._talk.send(answer)
        except StopIteration:
            return None

    def _operation(self, step: Step) -> Talk:
        if step.do in KINDS:
            return self._financial(step, KINDS[step.do])
        if step.do == "settle":
            return self._settle(step)
        if step.do == "sign_in":
            return self._sign_in(step)
        if step.do == "echo":
            return self._management(step, "0820", "301")
        if step.do == "sign_off":
            return self._management(step, "0820", "002")
        return self._offline(step)

    def _offline(self, step: Step) -> Talk:
        if step.do == "skip_stans":
            self._record(step, self.stan)
            for _ in range(step.count):
                self._next_stan()
        elif step.do == "power_cut":
            self._reversal = None
        yield from ()

    def _financial(self, step: Step, kind: Kind) -> Talk:
        yield from self._send_reversal()
        draft = self._request(step, kind)
        self._record(step, int(draft.fields[11]), amount=int(draft.fields.get(4, "0")))
        answer = yield draft
        if answer is None and step.quirk == "repeat_unanswered":
            answer = yield replace(draft, at=self.clock)
        if answer is None:
            if kind.reversible:
                self._reversal = self._reversal_of(step, draft, "98")
            return
        if step.quirk == "bad_mac" and answer.approved:
            self._reversal = self._reversal_of(step, draft, "A0")
            return
        self._keep(step, kind, draft, answer)
        if step.quirk == "repeat_answered":
            self.clock += REPEAT
            again = yield replace(draft, at=self.clock)
            if again is not None and again.fields.get(37) != answer.fields.get(37):
                self._keep(step, kind, draft, again)

    def _request(self, step: Step, kind: Kind) -> Draft:
        original = self.records[step.of] if step.of else None
        amount = step.amount if step.amount is not None else (original.amount if original else 0)
        fields = {
            3: kind.processing,
            11: f"{self._next_stan():06d}",
            **clock_fields(self.clock),
            25: kind.condition,
            41: self.seat.terminal_id,
            42: self.seat.merchant_id,
            49: "156",
            60: f"{kind.code}{self.batch_no:06d}000{6}{0}",
            63: f"{self.seat.operator} ",
        }
        if step.do != "balance":
            fields[4] = f"{amount:012d}"
        fields |= self._card_fields(step, amount, int(fields[11]))
        if original is not None:
            long_reference = step.do in {"refund", "completion", "preauth_void"}
            date = f"{original.at:%m%d}" if long_reference else ""
            fields[61] = f"{original.batch_no:06d}{original.stan:06d}{date}"
            if step.do == "tip":
                fields[4] = f"{original.amount + amount:012d}"
                fields[48] = f"{amount:012d}"
            if step.do in {"void", "refund"}:
                fields[37] = original.rrn
            if step.do != "refund" and original.auth_code:
                fields[38] = original.auth_code
        if step.do == "refund":
            fields[63] = original.org if original and original.org else DOMESTIC
        return Draft(kind.mti, with_mac(kind.mti, fields), self.clock)

    def _card_fields(self, step: Step, amount: int, stan: int) -> dict[int, str]:
        card = step.card
        if card is None:
            return {}
        pin = step.pin and step.do in {"sale", "preauth", "balance"}
        fields = {22: f"{_ENTRY[step.entry]}{1 if pin else 2}"}
        if step.do == "completion" or step.entry == "manual":
            return fields | {2: card.pan, 14: card.expiry}
        fields[35] = card.track2
        fields[53] = "2600000000000000" if pin else "0600000000000000"
        if pin:
            fields[26] = "12"
            fields[52] = digest(card.pan, stan, "pin", size=8).hex().upper()
        if step.entry != "mag":
            fields |= {2: card.pan, 14: card.expiry, 23: "001"}
            if step.atc is not None and step.do in {"sale", "preauth", "balance"}:
                fields[55] = chip_data(card, step.atc, amount=amount, stan=stan, at=self.clock, serial=self.seat.serial)
        return fields

    def _reversal_of(self, step: Step, draft: Draft, reason: str) -> Draft:
        kept = (2, 3, 4, 11, 14, 22, 23, 25, 41, 42, 49, 60, 61, 63)
        fields = {number: draft.fields[number] for number in kept if number in draft.fields}
        fields[39] = reason
        if 55 in draft.fields and step.atc is not None:
            fields[55] = reversal_chip_data(step.atc, self.seat.serial)
        return Draft("0400", fields, self.clock)

    def _send_reversal(self) -> Talk:
        """The stored reversal goes first; the same bytes each time, and no more than the allowed tries."""
        stored, self._reversal = self._reversal, None
        if stored is None:
            return
        fields = with_mac("0400", {**stored.fields, **clock_fields(self.clock)})
        for _ in range(self._tries):
            answer = yield replace(stored, fields=fields, at=self.clock)
            if answer is not None and answer.response in REVERSED:
                return

    def _keep(self, step: Step, kind: Kind, draft: Draft, answer: Draft) -> None:
        """Enter an answer in the journal and in the records."""
        amount = int(answer.fields.get(4, "0"))
        org = answer.fields.get(63, "")[:3] or DOMESTIC
        self._record(
            step,
            int(draft.fields[11]),
            amount=amount,
            at=answer.at,
            rrn=answer.fields.get(37, ""),
            auth_code=answer.fields.get(38, ""),
            approved=answer.approved,
            org=org,
        )
        if answer.approved and step.do == "tip":
            stan = self.records[step.of].stan
            self.journal = [replace(entry, amount=amount) if entry.stan == stan else entry for entry in self.journal]
        if answer.approved and kind.side and step.card is not None:
            chip = draft.fields.get(55, "")
            entry = Entry(kind.side, amount, org, int(draft.fields[11]), step.card, draft.fields[22], chip, answer.at)
            self.journal.append(entry)

    def _settle(self, step: Step) -> Talk:
        yield from self._send_reversal()
        claimed = self.totals.falsified(step.falsify)
        answer = None
        for attempt in range(2):
            draft = self._batch_message("0500", "201", {48: claimed.digits(), 49: "156"})
            if attempt == 0:
                self._record(step, int(draft.fields[11]))
            answer = yield draft
            if answer is not None:
                break
        flags = (answer.fields[48][30], answer.fields[48][61]) if answer is not None else ("", "")
        balanced = flags == (BALANCED, BALANCED)
        if not balanced:
            for _ in range(2 if step.quirk == "upload_twice" else 1):
                yield from self._upload()
        end = "207" if balanced else "202"
        yield self._batch_message("0320", end, {48: f"{len(self.journal):04d}"})
        self.journal.clear()
        self.batch_no += 1

    def _upload(self) -> Talk:
        """The batch once more for an unbalanced host: stripe records in lists, chip records one by one."""
        for digits in upload_lists(entry for entry in self.journal if not entry.chip_data):
            yield self._batch_message("0320", "201", {48: digits})
        for entry in self.journal:
            if not entry.chip_data:
                continue
            abroad = "00" if entry.org == DOMESTIC else "01"
            fields = {
                2: entry.card.pan,
                4: f"{entry.amount:012d}",
                11: f"{entry.stan:06d}",  # the original's: an echo of the sale, not a second one
                22: entry.entry_mode,
                23: "001",
                49: "156",
                55: tlv_of_certificate(entry.chip_data),
                62: text_hex(f"61{abroad}00{entry.amount:012d}156"),
            }
            yield self._batch_message("0320", "205", fields)

    def _batch_message(self, mti: str, network: str, fields: dict[int, str]) -> Draft:
        if 11 not in fields:
            fields = fields | {11: f"{self._next_stan():06d}"}
        fields |= clock_fields(self.clock)
        fields |= {41: self.seat.terminal_id, 42: self.seat.merchant_id, 60: f"00{self.batch_no:06d}{network}"}
        if mti == "0500":
            fields |= {63: f"{self.seat.operator} "}
        return Draft(mti, fields, self.clock)

    def _sign_in(self, step: Step) -> Talk:
        yield from self._send_reversal()
        answer = yield from self._exchange_management(step, "0800", "003")
        if answer is not None and answer.approved:
            self.batch_no = int(answer.fields[60][2:8])

    def _management(self, step: Step, mti: str, network: str) -> Talk:
        yield from self._send_reversal()
        yield from self._exchange_management(step, mti, network)

    def _exchange_management(self, step: Step, mti: str, network: str) -> Generator[Draft, Draft | None, Draft | None]:
        draft = self._batch_message(mti, network, {})
        if network == "003":
            extra = {62: text_hex(f"Sequence No12{self.seat.serial:0>12}"), 63: f"{self.seat.operator} "}
            draft = replace(draft, fields=dict(draft.fields) | extra)
        self._record(step, int(draft.fields[11]))
        return (yield draft)

    def _record(self, step: Step, stan: int, *, at: dt.datetime | None = None, **facts: object) -> None:
        seat = self.seat
        identity = (seat.terminal_id, seat.merchant_id, self.batch_no, stan, at or self.clock)
        self.records[step.label] = Record(*identity, **facts)  # type: ignore[arg-type]  # names checked by Record

    def _next_stan(self) -> int:
        stan = self.stan
        self.stan = 1 if stan == LAST_STAN else stan + 1
        return stan


def tlv_of_certificate(request: str) -> str:
    """F55 of a chip record's upload: the request's data with 9F27 = 40, a transaction certificate."""
    return request.replace("9F270180", "9F270140") if tlv_value(request, "9F27") == "80" else request
