"""One shop for all tests of packs: made once, copied for whoever changes a byte of it."""

import shutil
from pathlib import Path

import pytest

from expectations.cases.book import case_book
from expectations.cases.record import CaseRecord
from expectations.findings import Finding, Subject
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.evidence.evidenceshop import SHOP, exchange, record, shop_at


def charged_twice(settings: Settings) -> Finding:
    """The finding about the two sales, as the rule would make it, on the rows that landed."""
    rows = sorted(Lake.of(settings.lake).read("transactions").to_pylist(), key=lambda row: row["stan"])[:2]
    names = ("terminal_id", "batch_no", "stan", "txn_type", "requested_at", "amount_fen", "rrn", "pan_masked",
             "event_at", "response_code", "currency", "transaction_id")  # fmt: skip
    subjects = tuple(Subject(**{name: row[name] for name in names}) for row in reversed(rows))
    return Finding(
        finding_id="f" * 32, rule="dup_card_amount_window", severity="P2", certainty="PROBABLE", merchant_id=SHOP,
        terminal_id=rows[0]["terminal_id"], business_date=rows[0]["business_date"], amount_at_risk_fen=12800,
        subjects=subjects, evidence={"duplicate_score": 80}, ruled_out=("different_orders",),
        completeness={"missing": ["acquirer_file"]}, act_by=None, rules_version="2026.11.1", decoder_version="0.1.0",
    )  # fmt: skip


@pytest.fixture(scope="session")
def landed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop where one card paid twice."""
    root = tmp_path_factory.mktemp("shop")
    settings = shop_at(root)
    record(root, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)])
    Lake.of(settings.lake).append("findings", [charged_twice(settings).as_row()], app_id="test")
    case_book(settings).open_cases([charged_twice(settings)])
    return root


@pytest.fixture
def shop(landed_shop: Path, tmp_path: Path) -> Settings:
    """A copy of it that a test may spoil."""
    shutil.copytree(landed_shop, tmp_path / "shop")
    return load_settings(tmp_path / "shop" / "tillwatch.toml")


@pytest.fixture
def twice(shop: Settings) -> CaseRecord:
    """Its case."""
    return case_book(shop).case("C-1121-0001")
