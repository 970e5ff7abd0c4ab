"""Group E on the terminal's side: settlements and numbers. A play here owns its till's evening."""

from bench.detection.scene import Play, Scene, fault


@fault("stan_gap", also=("batch_total_count_mismatch", "batch_total_amount_mismatch"))
def numbers_lost(s: Scene) -> Play:
    """Some messages were sent while nobody listened."""
    s.evening()  # what is settled tonight cannot be told: no other play of settlements there
    for stan in s.device.skip(s.chance.randrange(1, 4)):
        s.mark_number(stan)
    yield from ()


@fault("batch_total_count_mismatch", also=("batch_total_amount_mismatch", "settle_unbalanced_no_upload"))
def count_is_wrong(s: Scene) -> Play:
    """The terminal settled with one debit too many; the host called it unbalanced and got the upload."""
    s.evening(falsify={"rmb_debit_count": 1})
    yield from ()


@fault("batch_total_amount_mismatch", also=("batch_total_count_mismatch", "settle_unbalanced_no_upload"))
def amount_is_wrong(s: Scene) -> Play:
    """The terminal settled with a sum that is 10.00 too high."""
    s.evening(falsify={"rmb_debit_amount": 1000})
    yield from ()


@fault("settle_unbalanced_no_upload", also=("batch_total_count_mismatch", "batch_total_amount_mismatch"))
def upload_was_not_made(s: Scene) -> Play:
    """The host called the batch unbalanced and the terminal did not upload it."""
    s.evening(falsify={"rmb_debit_amount": 700}, upload=False)
    yield from ()


@fault("batch_gap", weight=2)
def batch_number_skipped(s: Scene) -> Play:
    """The terminal skipped a batch number: a batch was settled that nobody saw."""
    if s.device.signs_in_daily:
        s.drop()  # the host gives it its number every morning
        return
    s.evening(skip_batch=True)
    yield from ()


@fault("late_settlement")
def settlement_forgotten(s: Scene) -> Play:
    """The batch was left open overnight and the next day."""
    s.evening(forget=True)
    yield from ()


@fault("offline_unsent_at_settlement", also=("late_settlement",))
def offline_sale_left_behind(s: Scene) -> Play:
    """An offline sale was refused at its upload, and the batch settled without it."""
    sale = s.act("OFFLINE_SALE", s.usual(), s.card(), entry="mag", code="96")
    s.loses(sale.amount)
    yield from ()


@fault("double_settlement", days=2, also=("dup_payout",))
def settled_and_paid_twice(s: Scene) -> Play:
    """The terminal settled its batch, and once more; the host accepted both, and the day was paid out twice."""
    s.evening(again=True)
    yield from ()
