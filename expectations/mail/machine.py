"""Cases for machines: what operations hand on to an acquirer's systems, one JSON object a case."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from expectations.findings import Subject
from expectations.mail.cases import Case, happened
from expectations.mail.details import Proofs
from expectations.mail.figures import number


def cases_json(cases: Sequence[Case], proofs: Proofs) -> str:
    """One object a case with what an acquirer finds it by, and hashes of its records; no card numbers.

    Amounts are minor units of ``currency``; ``amounts`` has those of every currency in the case.
    """
    return json.dumps([_case(each, proofs) for each in cases], ensure_ascii=False, indent=1) + "\n"


def identifiers(cases: Iterable[Case]) -> Iterator[str]:
    """Our own identifiers and merchants' numbers in it, some as long as a card number."""
    for case in cases:
        for each in case.findings:
            yield from (each.finding_id, each.merchant_id)
            yield from (subject.transaction_id for subject in each.subjects if subject.transaction_id)


def _case(case: Case, proofs: Proofs) -> dict[str, Any]:
    lead = case.lead
    accused = lead.subjects[0] if lead.subjects else None
    return {
        "case": case.number or None,
        "rule": lead.rule,
        "severity": lead.severity,
        "certainty": lead.certainty,
        "merchant_id": lead.merchant_id,
        "settle_date": lead.business_date.isoformat(),
        "amount_fen": case.amount_fen,
        "currency": case.currency,
        "amounts": dict(case.at_risk.parts),
        "act_by": case.act_by.isoformat() if case.act_by else None,
        **_identifiers(accused, lead.terminal_id, proofs),
        "transactions": [_identifiers(each, each.terminal_id, proofs) for each in case.subjects],
        "findings": [each.finding_id for each in case.findings],
        "rules_version": lead.rules_version,
        "decoder_version": lead.decoder_version,
    }


def _identifiers(subject: Subject | None, terminal_id: str, proofs: Proofs) -> dict[str, Any]:
    when = happened(subject) if subject else None
    return {
        "terminal_id": terminal_id,
        "batch_no": number(subject.batch_no) if subject else "",
        "stan": number(subject.stan) if subject else "",
        "rrn": subject.rrn if subject else None,
        "txn_type": subject.txn_type if subject else None,
        "at": when.isoformat() if when else None,
        "evidence_id": subject.transaction_id if subject else None,
        "evidence": list(proofs.get((subject.transaction_id if subject else None) or "", {}).get("frames", ())),
    }
