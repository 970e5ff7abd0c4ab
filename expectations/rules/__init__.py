"""The rules: each a small view and the law that holds on it.

A rule's SQL (``<id>.sql`` beside this file) makes one row for each judged thing from the
linked life cycles; its law is stated on that view by Great Expectations; what breaks the
law becomes a finding. The view's ``grade`` picks severity and certainty. Rules run in
this order: a view may leave out what an earlier rule has already accused (``accused``).

A new rule is one value in its group's module, one SQL file, and its texts in the mail's catalogue.
"""

from expectations.rules import (
    batches,
    debits,
    fees,
    preauths,
    reconciliation,
    refunds,
    shops,
    signatures,
    terminals,
    voids,
)
from expectations.rules.declaration import Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for group in (debits, voids, refunds, preauths, batches, reconciliation, fees, shops, signatures, terminals)
    for rule in group.RULES
}
