from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.journal import Totals

ENTRIES = st.lists(
    st.tuples(st.sampled_from(("debit", "credit")), st.sampled_from(("CUP", "VIS")), st.integers(1, 10**7)), max_size=50
)


@given(ENTRIES)
def test_totals_survive_the_field(entries):
    """62 digits, and the same totals when read back."""
    totals = Totals.of(entries)
    digits = totals.digits()
    assert len(digits) == 62
    assert Totals.parse(digits) == totals
    assert totals.flags(totals) == ("1", "1")


@given(
    ENTRIES, st.sampled_from(("rmb_debit_count", "rmb_credit_amount", "foreign_debit_amount", "foreign_credit_count"))
)
def test_a_falsified_total_unbalances_its_own_money(entries, name):
    """RMB and foreign have a flag each."""
    totals = Totals.of(entries)
    flags = totals.flags(totals.falsified({name: 1}))
    assert flags == (("2", "1") if name.startswith("rmb") else ("1", "2"))
