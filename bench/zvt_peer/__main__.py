"""ecrterm against our ZVT, both ways.

    python -m bench.zvt_peer [--count 400] [--seed 1] [--source TEXT]

- its client at a till against our simulated terminal, over a pseudo-terminal and over TCP: what it parsed is
  compared with what the terminal was told to say (`client`); and against `tillwatch simulate pull`, a process of
  its own, with what it wrote as the truth (`simulator`);
- our session and `tillwatch collect` against a terminal of its packet classes and its serial transport (`terminal`);
- messages that its classes build, and the frames of its transport, read by our decoder (`messages`);
- the public messages of tests/vectors/zvt.json and every form of a completion, as both read them (`public`).

ecrterm is LGPL-3 and no dependency; nothing of it is kept here. Exit status: 0 nothing but known disagreements,
1 another one, 3 it is not installed. Writes bench/results/zvt_peer.json.
"""

import json
import platform
import sys
import tempfile
from pathlib import Path

import click

from bench.zvt_peer import client, public, simulator, terminal
from bench.zvt_peer.messages import Messages
from bench.zvt_peer.peer import AbsentError, load
from bench.zvt_peer.tally import Tally

RESULTS = Path(__file__).parents[1] / "results" / "zvt_peer.json"
KNOWN = {
    "06 0F, state: ecrterm reads no state": "a lone F0 to F9: it takes the state for a counter and fails",
    "06 0F, state, container: tillwatch reads no state": (
        "the bytes are a bitmap of two bytes as well (0D 06 00): it reads a state, we a bitmap; "
        "no state of its table has a bitmap's number"
    ),
    "texts: a printed line": "{|}~ in a line of seven bits: it reads CP437, we ZVT's own code (äöüß)",
    "texts: a version": "[\\] in a version: it reads ÄÖÜ, we the signs; no fact at hand says more than {|}~",
    "the public messages: 06D1 text": ("a container behind a printed line (06 04 1F 07 01 01): it takes it for text"),
    "the public messages: it reads nothing of 060F": "a completion that is a text alone: it looks for bitmaps",
    "the public messages: it reads nothing of 0623": (
        "it takes every 06 23 for its enquiry of open reservations and allows that nothing but a receipt number"
    ),
}


@click.command()
@click.option("--count", type=click.IntRange(1), default=400, show_default=True, help="Messages of each class.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of their values.")
@click.option("--source", default="", help="Where the package is from, for the file.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS, help="The results.")
def main(count: int, seed: int, source: str, out: Path) -> None:
    """Compare, and write down what was compared and what disagreed."""
    try:
        peer = load()
    except AbsentError as absent:
        click.echo(str(absent), err=True)
        sys.exit(3)
    tally = Tally(KNOWN)
    for link in ("zvt", "zvt-tcp"):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            client.converse(peer, tally, link, Path(folder))
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            simulator.visit(peer, tally, link, Path(folder))
    terminal.ask(peer, tally)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        terminal.collect(peer, tally, Path(folder))
    Messages(peer, seed).compare(tally, count)
    public.compare(peer, tally)
    public.completions(peer, tally)
    public.texts(peer, tally)

    told = tally.as_dict()
    machine = {"python": platform.python_version()}
    said = {
        "peer": "ecrterm",
        "version": peer.version,
        "source": source,
        "machine": machine,
        "seed": seed,
        "count": count,
    }
    out.write_text(json.dumps(said | told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for group, values in told["agreed"].items():
        click.echo(f"{values:8,} values agree: {group}")
    for each in told["disagreed"]:
        click.echo(f"{each['times']:8,} times {each['what']}: {each['why'] or 'NOT EXPLAINED'}")
    sys.exit(1 if tally.unexplained else 0)


if __name__ == "__main__":
    main()
