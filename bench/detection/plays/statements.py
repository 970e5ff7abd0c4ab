"""Groups E and F on the acquirer's side: what its files and payouts make of good sales."""

from bench.detection.attempt import Attempt
from bench.detection.host import Posting
from bench.detection.scene import Play, Scene, fault


def posting_of(sale: Attempt) -> Posting | None:
    """The host's entry of a sale that the terminal knows of."""
    return sale.posting if sale.approved else None


def _ordinary(s: Scene, **how: object) -> tuple[Attempt, Posting | None]:
    sale = s.sale(s.odd(3_000, 60_000), s.card(), **how)
    return sale, posting_of(sale)


@fault("missing_in_acquirer", weight=2, days=2)
def line_is_missing(s: Scene) -> Play:
    """An approved sale that the acquirer never posted."""
    sale, posting = _ordinary(s)
    if posting:
        posting.skipped = True
    s.loses(sale.amount)
    yield from ()


@fault("missing_in_terminal", days=2)
def ghost_line(s: Scene) -> Play:
    """The acquirer posted a debit that the terminal never made."""
    stan = (s.device.stan + 300_000) % 999_999 + 1
    at, host = s.device.now, s.device.host
    rrn = host.reference(at)
    ghost = Posting("SALE", s.device.merchant, s.device.terminal, s.device.batch, stan, rrn, "123456", s.odd(),
                    s.card().pan, at, at.date())  # fmt: skip
    host.ledger.append(ghost)
    s.mark_number(stan)
    s.loses(ghost.amount)
    yield from ()


@fault("amount_differs", days=2)
def amount_posted_otherwise(s: Scene) -> Play:
    """The acquirer posted another amount than the terminal has."""
    sale, posting = _ordinary(s)
    more = s.chance.choice((1, 100, 1_000, -100))
    if posting:
        posting.settled_as = sale.amount + more
    s.loses(abs(more))
    yield from ()


@fault("settled_but_declined", days=2)
def decline_was_settled(s: Scene) -> Play:
    """The terminal was refused, and the acquirer settled the sale."""
    sale = s.sale(s.odd(), s.card(), code="05")
    ghost = s.device._posting(sale, sale.amount)  # noqa: SLF001 - the host's entry as it would have been
    s.device.host.ledger.append(ghost)
    s.loses(sale.amount)
    yield from ()


@fault("fee_not_returned_on_void", days=2)
def fee_kept_on_void(s: Scene) -> Play:
    """The void's line gives no fee back."""
    sale = s.sale(s.odd(20_000, 90_000), s.card())
    yield 90
    void = s.void(sale)
    if void.posting:
        void.posting.fee = 0
    s.loses(sale.amount * 6 // 1000)


@fault("dup_stan_resent", days=2, also=("dup_batch_upload",))
def posted_twice_under_two_references(s: Scene) -> Play:
    """The host posted one approval twice, under two reference numbers: the terminal knows of one.

    If another play has its batch uploaded twice, nobody can tell that the upload was not the cause.
    """
    sale, posting = _ordinary(s)
    if posting:
        host = s.device.host
        host.ledger.append(_again(posting, host.reference(posting.at)))
    s.loses(sale.amount)
    yield from ()


@fault("dup_batch_upload", days=2, also=("dup_stan_resent",))
def batch_posted_twice(s: Scene) -> Play:
    """The host asked for an upload it did not need, got it twice, and posted a sale of it again."""
    sale, posting = _ordinary(s)
    s.evening(host_errs=True, twice=True)
    if posting:
        host = s.device.host
        host.ledger.append(_again(posting, host.reference(posting.at)))
    s.loses(sale.amount)
    yield from ()


def _again(posting: Posting, rrn: str) -> Posting:
    """The same once more."""
    return Posting(posting.kind, posting.merchant, posting.terminal, posting.batch, posting.stan, rrn, posting.auth,
                   posting.amount, posting.pan, posting.at, posting.day)  # fmt: skip


@fault("dup_rrn_twice", days=2)
def posted_twice(s: Scene) -> Play:
    """The host posted one approval twice under one reference number: the terminal knows of one."""
    sale, posting = _ordinary(s)
    if posting:
        s.device.host.ledger.append(_again(posting, posting.rrn))
    s.loses(sale.amount)
    yield from ()


@fault("settled_but_declined", days=2, also=("retry_after_unknown", "host_approved_terminal_failed"))
def reversal_was_not_heeded(s: Scene) -> Play:
    """A sale was reversed (00) and paid again; the acquirer posted the reversed one all the same."""
    card, amount = s.card(), s.usual()
    s.cut("unheard", "through")
    first = s.sale(amount, card)
    yield s.chance.uniform(15, 60)
    s.cut("through", mti="0400")
    s.sale(amount, card)
    s.stands(first, not_any_more=True)
    if first.posting is not None:
        first.posting.live = True
    s.loses(amount)


@fault("fee_on_dead_txn", days=2)
def fee_of_a_reversed_sale(s: Scene) -> Play:
    """A sale was reversed; the acquirer's file shows it as reversed, and charges its fee."""
    s.cut("unheard")
    sale = s.sale(s.odd(20_000, 90_000), s.card())
    yield 60
    s.cut("through", mti="0400")
    s.mark_number(s.device.echo())
    s.stands(sale, not_any_more=True)
    if sale.posting is not None:
        sale.posting.listed = "reversed"
    s.loses(sale.amount * 6 // 1000)


@fault("fee_on_dead_txn", days=2)
def fee_of_a_declined_sale(s: Scene) -> Play:
    """A sale was refused; the acquirer's file shows it as failed, and charges its fee."""
    sale = s.sale(s.odd(20_000, 90_000), s.card(), code="51")
    failed = s.device._posting(sale, sale.amount)  # noqa: SLF001 - the host's entry as it would have been
    failed.listed, failed.rrn = "failed", sale.rrn
    s.device.host.ledger.append(failed)
    s.loses(sale.amount * 6 // 1000)
    yield from ()


@fault("fee_not_returned_on_refund", days=2, at=lambda merchant: merchant.returns_fee is True)
def fee_kept_on_refund(s: Scene) -> Play:
    """The contract gives the fee of a refund back, and the refund's line does not."""
    sale = s.sale(s.odd(20_000, 90_000), s.card())
    yield s.chance.uniform(600, 5000)
    refund = s.refund(sale, sale.amount - s.chance.choice((0, 1_000)))
    if refund.posting is not None:
        refund.posting.fee = 0
    s.loses(sale.amount * 6 // 1000)
