"""What a world acts: the whole catalogue, or more of what a merchant or a till has only once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cast:
    """Which plays, how busy the tills are, and how often what.

    Attributes:
        name: what reports call it.
        plays: names of the plays that are acted; None: all.
        sales_a_day: of a merchant, about.
        near_wrap: share of the tills whose trace numbers are near their end.
        wrap_within: so many numbers at most.
        steps: of a merchant's fees how often the rate is raised without a word, for one of each other play; it is in
            the first week, when a quiet merchant has not the fees that a rate is known by.
        days: how long the story is.
        cap: how often a debit fee's cap is forgotten where tickets are small, and where they are large enough for it.
    """

    name: str = "whole"
    plays: frozenset[str] | None = None
    sales_a_day: int = 40
    near_wrap: float = 0.15
    wrap_within: int = 400
    days: int = 8
    steps: int = 5
    cap: tuple[int, int] = (1, 1)


WHOLE = Cast(sales_a_day=50)
"""Two in five of its attempts belong to a case."""
SEASON = Cast("season", days=60, sales_a_day=46)
"""As long as the catalogue wants it, and as busy: some six million attempts of 2,000 merchants."""
CALM = frozenset(("two_zeros_more", "two_zeros_more_and_voided"))
"""What is told by a merchant's usual sales, which packing falsifies."""
ACCOUNTS = Cast("accounts", plays=CALM, sales_a_day=24, steps=1, cap=(0, 28))
"""What befalls a merchant's account once: a change of its fees, a payout, a deposit."""
TILLS = Cast(
    "tills",
    plays=frozenset((
        "numbers_lost", "count_is_wrong", "amount_is_wrong", "upload_was_not_made", "batch_number_skipped",
        "settlement_forgotten", "batch_posted_twice", "void_across_the_cut", "reversal_left_overnight",
        "clock_is_far_off", "numbers_wrap", "batch_number_jumps", "device_replaced", "uploaded_twice_once_posted",
        "dump_read_twice", "settled_and_paid_twice", "settled_again_and_paid_once", "clock_was_set_back",
        "software_left_behind",
    )),
    near_wrap=1.0,
    wrap_within=130,
)  # fmt: skip
"""What a till can have once an evening, or once."""
LONG = Cast(
    "long",
    plays=frozenset((
        "hold_forgotten", "completed_after_a_month", "completed_below", "completed_after_a_top_up", "completed_at_115",
        "completion_voided_next_day", "card_s_refund_stuck", "refunded_in_three", "equal_parts_on_two_days",
    )),
    sales_a_day=8,
    steps=0,
    days=60,
)  # fmt: skip
"""What takes longer than eight days, and what only looks like it."""
