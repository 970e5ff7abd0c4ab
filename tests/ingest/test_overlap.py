"""Two things at once, and what the caller sees of them."""

import subprocess
import sys
import threading

import pytest

from ingest.overlap import abreast


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_what_is_made_comes_in_the_order_of_what_was_given(count: int) -> None:
    """However many there are."""
    assert list(abreast(lambda number: number * number, iter(range(count)))) == [n * n for n in range(count)]


def test_two_are_made_at_once_and_never_a_third() -> None:
    """Each waits until another is in as well; nobody has seen three."""
    met, inside, most = threading.Barrier(2, timeout=10), [], [0]

    def make(number: int) -> int:
        inside.append(number)
        most[0] = max(most[0], len(inside))
        met.wait()
        inside.remove(number)
        return number

    assert list(abreast(make, range(6))) == list(range(6))
    assert most == [2]


def test_what_one_raises_comes_at_its_turn_and_ends_it() -> None:
    """What was made before it is there; nothing behind the one beside it is begun."""
    begun = []

    def make(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("the second")
        return number

    found = abreast(make, range(9))
    assert next(found) == 0
    with pytest.raises(ValueError, match="the second"):
        next(found)
    assert set(begun) <= {0, 1, 2}


def test_arrow_is_loaded_before_its_threads_start():
    """Two threads that load it at once may both fail: in a new process it is there before the first can ask for it."""
    script = (
        "import sys; from ingest.overlap import workers; before = 'pyarrow' in sys.modules\n"
        "with workers(1, 'one') as pool: print(before, pool.submit(lambda: 'pyarrow.compute' in sys.modules).result())"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert told.split() == ["False", "True"]
