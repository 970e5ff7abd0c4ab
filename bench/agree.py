"""A million messages, and a million broken ones: do the decoders agree, and are both right?

    python -m bench.agree [--count 1000000] [--seed 1]

Every message is written by a writer of its own (``tests/protocols/columnar/written.py``), read by the
row decoder, by the columns in numpy and by the compiled columns. Values and errors must be equal; those
of whole messages must be what the writer put in. Ends with 1 at the first difference.
"""

import argparse
import sys
import time

from protocols.columnar import column_decoder
from protocols.profile import load_profile
from tests.protocols.columnar.agreement import arrow, by_column, differences, untruths
from tests.protocols.columnar.written import messages, mutated

BATCH = 10_000
ENVELOPES = {"unionpay": "length", "leshua": "stx"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="messages, and as many broken ones")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begin = time.monotonic()
    wrong, errors, compared = 0, 0, 0
    stream = messages(given.seed)
    for start in range(0, given.count, BATCH):
        name = ("unionpay", "leshua")[start // BATCH % 2]
        profile = load_profile(name)
        machine, plain = column_decoder(profile, compiled=True), column_decoder(profile, compiled=False)
        written = [stream.frame(ENVELOPES[name]) for _ in range(min(BATCH, given.count - start))]
        whole = [frame for frame, _ in written]
        broken = [mutated(stream.chance, frame) for frame in whole]
        found = []
        for frames in (whole, broken):
            rows, bad = by_column(machine, frames)
            found += differences(machine, frames, rows, bad)
            found += untruths(rows, [truth for _, truth in written]) if frames is whole else []
            one, other = machine.decode(arrow(frames)), plain.decode(arrow(frames))
            if not (one.batch.equals(other.batch) and one.errors.equals(other.errors)):
                found.append("numpy and the compiled loops differ")
            errors += one.errors.num_rows
            compared += len(frames)
        for difference in found[:5]:
            print(f"batch {start}, {name}: {difference}")
        wrong += len(found)
        print(
            f"\r{compared:,} compared, {errors:,} of them with an error, {wrong} differences", end="", file=sys.stderr
        )
    print(file=sys.stderr)
    print(f"{compared:,} messages, {errors:,} errors, {wrong} differences, {time.monotonic() - begin:,.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
