"""Frames a second of each step on a frame's way, on the 46 public messages.

    python bench/decode.py [--seconds 2]

Each row is the median of interleaved rounds, so that a noisy machine hits all
alike; ``construct`` is the same declaration parsed by construct itself, the peer
the derived walk is measured against.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import construct

from protocols.facts import facts
from protocols.profile import load_profile
from protocols.sanitise import CardKeys, Sanitiser

ROOT = Path(__file__).parent.parent
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="measuring time of each row")
    seconds = parser.parse_args().seconds
    vectors = json.loads((ROOT / "tests/vectors/unionpay_pos.json").read_text("utf-8"))
    steps = _steps([bytes.fromhex(vector["hex"]) for vector in vectors])
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            rates[name].append(_rate(step, seconds / ROUNDS))
    for name, found in rates.items():
        print(f"{name:<28}{statistics.median(found):>12,.0f} frames/s")


def _rate(step: Callable[[], int], seconds: float) -> float:
    """Frames a second of ``step``, which says how many it did."""
    done = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        done += step()
    return done / spent


def _steps(messages: list[bytes]) -> dict[str, Callable[[], int]]:
    profile, stx = load_profile("unionpay"), load_profile("leshua")
    sanitiser = Sanitiser(profile, CardKeys("bench", b"p" * 32, b"d" * 32))
    decoded = [profile.decode(message) for message in messages]
    bodies = [message[each.body_offset :] for message, each in zip(messages, decoded, strict=True)]
    frames = [profile.link.wrap(body, tpdu="6000030000", header="603100310010") for body in bodies]
    stream = b"".join(frames)
    stx_stream = b"".join(stx.link.wrap(body, tpdu="6000030000", header="603100310010") for body in bodies)
    declaration = profile.grammar.declaration
    compiled = _compiled(declaration, bodies)
    count = len(messages)

    def deframe() -> int:
        return len(profile.deframer().feed(stream))

    def deframe_stx() -> int:
        return len(stx.deframer().feed(stx_stream))

    def deframe_bytewise() -> int:
        deframer = profile.deframer()
        return sum(len(deframer.feed(stream[at : at + 1])) for at in range(len(stream)))

    def decode() -> int:
        for frame in frames:
            profile.decode(frame)
        return count

    def meaning() -> int:
        for message in decoded:
            facts(message)
        return count

    def sanitise() -> int:
        for frame in frames:
            sanitiser.sanitise(frame)
        return count

    def parse() -> int:
        for body in bodies:
            declaration.parse(body)
        return count

    def build() -> int:
        for message in decoded:
            profile.build(message.mti, message.fields)
        return count

    steps: dict[str, Callable[[], int]] = {
        "deframe, length": deframe,
        "deframe, stx": deframe_stx,
        "deframe, a byte at a time": deframe_bytewise,
        "sanitise": sanitise,
        "decode": decode,
        "facts": meaning,
        "construct": parse,
    }
    if compiled is not None:

        def parse_compiled() -> int:
            for body in bodies:
                compiled.parse(body)
            return count

        steps["construct, compiled"] = parse_compiled
    steps["build"] = build
    return steps


def _compiled(declaration: construct.Construct, bodies: list[bytes]) -> construct.Construct | None:
    """The declaration compiled by construct; None where construct cannot compile our adapters."""
    try:
        compiled = declaration.compile()
        for body in bodies:
            compiled.parse(body)
    except (construct.ConstructError, NotImplementedError, AttributeError, NameError) as wrong:
        print(f"construct cannot compile the declaration: {type(wrong).__name__}")
        return None
    return compiled


if __name__ == "__main__":
    main()
