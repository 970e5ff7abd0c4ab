"""One target under libFuzzer: ``python -m tests.fuzz.one TARGET [libFuzzer flags] FOLDER…``; ``tests.fuzz`` calls it.

Only ``protocols`` is watched. What numba compiles cannot be, so that the decoder of
pictures is fuzzed as Python; with ``compiled`` before the target's name each picture is
decoded by the compiled loop too, and must be the same.
"""

import sys

import atheris


def main() -> None:
    """Fuzz until libFuzzer has had enough; does not return."""
    words = sys.argv[1:]
    compiled = words[0] == "compiled"
    if compiled:
        words = words[1:]
        from protocols import qm  # before it is watched: numba compiles what it finds

        run = qm.compiled()
        for name in [name for name in sys.modules if name.partition(".")[0] == "protocols"]:
            del sys.modules[name]
    with atheris.instrument_imports(include=["protocols"]):
        from tests.fuzz import targets

    name = words[0]
    if compiled:

        def once(data: bytes) -> None:
            targets.picture(data, compiled=run)
    else:

        def once(data: bytes) -> None:
            targets.run(name, data)

    atheris.Setup([sys.argv[0], *words[1:]], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
