"""Does time grow as the frames do, and memory not at all? Ten thousand to ten million frames, batch by batch.

    python -m bench.growth CORPUS [--most 10000000]

CORPUS is a file that ``bench.corpus`` wrote; its batches are decoded over and over, as a backlog would be, and
nothing is kept. Prints one JSON object: for each count of frames the processor time and the most memory so far.
``make bench`` runs it and draws ``docs/growth.png``.
"""

import argparse
import itertools
import json
import math
import resource
import statistics
import time
from pathlib import Path
from typing import Any

from bench import corpus
from bench.peers import batches
from protocols.columnar import column_decoder
from protocols.profile import load_profile

COUNTS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
REPEATS = 5
"""The median of so many runs counts, below a million frames."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--most", type=int, default=COUNTS[-1])
    given = parser.parse_args()
    decoder = column_decoder(load_profile("unionpay"), compiled=True)
    given_batches = batches(corpus.read(given.corpus)["frame"])
    for batch in given_batches:
        decoder.decode(batch)
    found = []
    for count in (count for count in COUNTS if count <= given.most):
        spent = [_decode(decoder.decode, given_batches, count) for _ in range(REPEATS if count < 10**6 else 1)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found.append({"frames": count, "seconds": statistics.median(spent), "peak_mib": peak / 1024})
    print(json.dumps(found))


def _decode(decode: Any, given: Any, count: int) -> float:
    begin = time.process_time()
    left = count
    for batch in itertools.cycle(given):
        decode(batch if len(batch) <= left else batch.slice(0, left))
        left -= len(batch)
        if left <= 0:
            return time.process_time() - begin
    raise AssertionError(count)


def exponent(found: list[dict[str, float]]) -> float:
    """The power of the count that the time grows with, fitted by least squares to the logarithms: 1 is linear."""
    across = [math.log(each["frames"]) for each in found]
    return statistics.linear_regression(across, [math.log(each["seconds"]) for each in found]).slope


def draw(found: list[dict[str, float]], path: Path) -> None:
    """Time and memory over frames; the line is the fit."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    frames = [each["frames"] for each in found]
    power = exponent(found)
    level = statistics.fmean(math.log(each["seconds"]) - power * math.log(each["frames"]) for each in found)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    left.loglog(frames, [each["seconds"] for each in found], "o", color="#2f6f9f")
    left.loglog(
        frames, [math.exp(level) * count**power for count in frames], color="#b0b7bd", label=f"frames^{power:.3f}"
    )
    left.legend(frameon=False)
    left.set(xlabel="frames", ylabel="processor time, s")
    right.semilogx(frames, [each["peak_mib"] for each in found], "o-", color="#2f6f9f")
    right.set(xlabel="frames", ylabel="most memory so far, MiB", ylim=(0, None))
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
