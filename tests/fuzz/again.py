"""One input once more, with its traceback: ``python -m tests.fuzz.again var/fuzz/findings/TARGET-crash-…``."""

import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS, run


def main() -> None:
    """Run each file through the target its name, or its folder, begins with."""
    for word in sys.argv[1:]:
        path = Path(word)
        names = [name for name in TARGETS if path.name.startswith(f"{name}-") or path.parent.name == name]
        run(max(names, key=len), path.read_bytes())
        print(f"{path.name}: every law holds")


if __name__ == "__main__":
    main()
