"""The detection benchmark's look at evidence: whole where it is whole, and every way of lacking something is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bench.detection.dossiers import FIELDS, audit
from bench.detection.match import Share
from bench.detection.pipeline import _settings, run
from bench.detection.story import write
from bench.detection.worlds import brands
from expectations.findings import Finding
from ingest.inspection import segment_files
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.plainlaws import PlainBench

pytestmark = pytest.mark.slow  # acts, lands and judges a world


@dataclass(frozen=True, slots=True)
class Played:
    """A world that was judged, and is still there."""

    settings: Settings
    findings: Sequence[Finding]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A small world."""
    folder = tmp_path_factory.mktemp("world") / "it"
    story = write("dev", 4, shops=8, cases=1, profiles=brands())
    return Played(_settings(story, folder), run(story, folder, PlainBench()).findings)


def test_the_fields_are_the_contract_s():
    """The fifteen names of the finding object in the contract that scripts hold on to."""
    assert sorted(FIELDS) == [
        "act_by", "amount_at_risk_fen", "business_date", "certainty", "completeness", "decoder_version", "evidence",
        "finding_id", "merchant_id", "rule", "ruled_out", "rules_version", "severity", "subjects", "terminal_id",
    ]  # fmt: skip


def test_a_world_s_evidence_is_whole(played: Played):
    """Every finding, and three packs."""
    seen = audit(played.settings, played.findings, packs=3)

    count = len(played.findings)
    assert count >= 40
    assert (seen.told, seen.proven, seen.packs) == (Share(count, count), Share(count, count), Share(3, 3))
    assert seen.problems == ()


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"rules_version": ""}, "no rules_version"),
        ({"decoder_version": ""}, "no decoder_version"),
        ({"evidence": {}}, "no evidence"),
        ({"completeness": {}}, "no completeness"),
        ({"severity": "P5"}, "P5 "),
    ],
)
def test_a_field_that_lacks_is_seen(played: Played, changed: dict[str, Any], problem: str):
    """One finding of all, without one of its fields."""
    findings = [replace(played.findings[0], **changed), *played.findings[1:]]

    seen = audit(played.settings, findings, packs=0)

    assert seen.told == Share(len(findings) - 1, len(findings))
    assert seen.proven.value == 1.0
    assert f"{findings[0].rule}: {problem}" in seen.problems[0]


@pytest.mark.parametrize("changed", [{"amount_fen": 1}, {"rrn": "000000000000"}, {"stan": None}, {"pan_masked": "x"}])
def test_a_subject_that_says_what_the_lake_does_not_is_seen(played: Played, changed: dict[str, Any]):
    """One word of one subject is another, or is not there."""
    place = next(n for n, each in enumerate(played.findings) if each.subjects and each.subjects[0].rrn)
    finding = played.findings[place]
    findings = [replace(finding, subjects=(replace(finding.subjects[0], **changed), *finding.subjects[1:]))]

    seen = audit(played.settings, findings, packs=0)

    assert seen.told == Share(0, 1)
    assert seen.problems == (f"{finding.rule}: a subject that the lake tells otherwise",)


def test_a_sale_with_a_tip_says_what_it_was_adjusted_to(played: Played):
    """The adjustment's amount is right of its sale, one fen more is not."""
    lake = Lake.of(played.settings.lake)
    [tip, *_] = lake.read(
        "transactions", filters=[("txn_type", "==", "ADJUST"), ("outcome", "==", "approved")]
    ).to_pylist()
    numbers = [(name, "==", tip[told]) for name, told in (("terminal_id", "terminal_id"), ("stan", "orig_stan"))]
    [sale] = lake.read("transactions", filters=[*numbers, ("txn_type", "==", "SALE")]).to_pylist()
    finding = next(each for each in played.findings if each.subjects and each.subjects[0].transaction_id)
    said = {name: sale[name] for name in ("terminal_id", "batch_no", "stan", "txn_type", "requested_at", "rrn")}
    told = replace(finding.subjects[0], **said, pan_masked=sale["pan_masked"], transaction_id=sale["transaction_id"])

    def seen(amount: int) -> Share:
        subjects = (replace(told, amount_fen=amount),)
        return audit(played.settings, [replace(finding, subjects=subjects)], packs=0).told

    assert tip["amount_fen"] > sale["amount_fen"]
    assert seen(sale["amount_fen"]) == seen(tip["amount_fen"]) == Share(1, 1)
    assert seen(tip["amount_fen"] + 1) == Share(0, 1)


def test_a_subject_that_is_nowhere_is_seen(played: Played):
    """A name that no row has: neither told nor proven."""
    finding = next(each for each in played.findings if each.subjects and each.subjects[0].transaction_id)
    lost = replace(finding, subjects=(replace(finding.subjects[0], transaction_id="f" * 32),))

    seen = audit(played.settings, [lost], packs=0)

    assert (seen.told, seen.proven) == (Share(0, 1), Share(0, 1))
    assert set(seen.problems) == {
        f"{finding.rule}: a subject that the lake does not know",
        f"{finding.rule}: a subject without a record",
    }


def test_a_changed_byte_of_the_spool_is_seen(played: Played):
    """A bit of a finding's record turns: that finding is not proven, and its pack not whole."""
    finding = next(each for each in played.findings if len(each.subjects) == 1 and each.subjects[0].txn_type == "SALE")
    [row] = Lake.of(played.settings.lake).read(
        "transactions", filters=[("transaction_id", "==", finding.subjects[0].transaction_id)]
    ).to_pylist()  # fmt: skip
    [path] = [each for each in segment_files(played.settings.spool.directory) if row["segment_id"] in each.name]
    whole = path.read_bytes()
    [frame] = Lake.of(played.settings.lake).read(
        "raw_frames", filters=[("segment_id", "==", row["segment_id"]), ("seq", "==", row["request_seq"])]
    )["frame"].to_pylist()  # fmt: skip
    place = whole.index(frame)
    path.chmod(0o600)
    try:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        seen = audit(played.settings, [finding], packs=1)
    finally:
        path.write_bytes(whole)

    assert (seen.told, seen.proven, seen.packs) == (Share(1, 1), Share(0, 1), Share(0, 1))
    assert f"{finding.rule}: record {row['request_seq']} is not in the spool as it landed" in seen.problems
    assert f"{finding.rule}: a dossier without a subject's bytes" in seen.problems


def test_a_spool_that_is_gone_proves_nothing(played: Played, tmp_path: Path):
    """Without its segments no record is what it was."""
    spool = played.settings.spool.model_copy(update={"directory": tmp_path})
    settings = played.settings.model_copy(update={"spool": spool})
    finding = next(each for each in played.findings if each.subjects and each.subjects[0].transaction_id)

    assert audit(settings, [finding], packs=0).proven == Share(0, 1)
