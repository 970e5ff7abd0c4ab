"""The package ecrterm where it is installed; nothing of it is kept here."""

import importlib
from dataclasses import dataclass
from typing import Any

import serial

MISSING = "ecrterm is not here: pip install ecrterm (with packets.fields; the source is wirelane/ecrterm on GitHub)"


class AbsentError(Exception):
    """The package is not installed, or older than its packet classes."""


@dataclass(frozen=True, slots=True)
class Ecrterm:
    """Its modules that are used, and the four commands that it has no classes for, made as it makes its own."""

    ecr: Any
    packets: Any
    bitmaps: dict[int, tuple[Any, str, str]]
    types: Any
    transport: Any
    version: str
    reversal: Any
    refund: Any
    repeat: Any
    totals: Any


class _WithoutModem(serial.Serial):  # type: ignore[misc]  # pyserial has no types
    """A port whose RTS and DTR nobody reads: a pseudo-terminal has no such lines, and says so as an error."""

    def setRTS(self, value: bool = True) -> None:  # noqa: N802  pyserial's name
        del value

    def setDTR(self, value: bool = True) -> None:  # noqa: N802  pyserial's name
        del value


def load() -> Ecrterm:
    """Its modules.

    Raises:
        AbsentError: it is not here, or too old.
    """
    try:
        top = importlib.import_module("ecrterm")
        importlib.import_module("ecrterm.packets.fields")
        packets = importlib.import_module("ecrterm.packets.base_packets")
        found = Ecrterm(
            ecr=importlib.import_module("ecrterm.ecr"),
            packets=packets,
            bitmaps=importlib.import_module("ecrterm.packets.bitmaps").BITMAPS,
            types=importlib.import_module("ecrterm.packets.types"),
            transport=importlib.import_module("ecrterm.transmission.transport_serial"),
            version=getattr(top, "__version__", ""),
            reversal=_command(packets, "Reversal", 0x30),
            refund=_command(packets, "Refund", 0x31),
            repeat=_command(packets, "RepeatReceipt", 0x20),
            totals=_command(packets, "SendTurnoverTotals", 0x10),
        )
    except ImportError:
        raise AbsentError(MISSING) from None
    found.transport.SerialTransport.SerialCls = _WithoutModem
    found.transport.SerialTransport.insert_delays = False
    return found


def _command(packets: Any, name: str, instruction: int) -> Any:
    made = getattr(packets, name, None)
    words = {"CMD_INSTR": instruction, "wait_for_completion": True}
    return made or type(packets.CommandWithPassword)(name, (packets.CommandWithPassword,), words)
