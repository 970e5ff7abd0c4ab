"""How long `tillwatch check` takes, on lakes of growing size: python bench/check.py [ROWS…].

Terminals with 200 sales a day over at most 60 days, seeded; every fifth day begins with a
debit taken twice. Each size is judged in its own process, after Great Expectations was
imported (its import is said apart). Reading the lake, storing the findings and building
the Data Docs are in `check`; `link` is the life cycles' SQL alone, `rules` all laws on it.
"""

import datetime as dt
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from expectations.lifecycle import Shop, link
from expectations.run import check, judge, read_tables
from ingest.settings import LakeSettings, Settings
from ingest.tables import Lake

SIZES = ("1000", "100000")
ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = dt.date(2026, 10, 1)
SALES_A_DAY = 200
DAYS = 60
TERMINALS_A_MERCHANT = 3
PRICES = (1500, 1800, 2200, 900, 36840, 12800)
Rows = dict[str, list[dict[str, Any]]]


def shop_rows(attempts: int) -> Rows:
    """Rows of so many attempts, give or take a day of one terminal."""
    chance = random.Random(1)
    rows: Rows = {"transactions": [], "settlements": [], "events": []}
    days = max(1, min(DAYS, attempts // SALES_A_DAY))
    for number in range(max(1, attempts // (SALES_A_DAY * days))):
        terminal_days(rows, number, days, chance)
    return rows


def terminal_days(rows: Rows, number: int, days: int, chance: random.Random) -> None:
    """What one terminal does: it signs in, sells, and settles truly, day after day."""
    merchant = f"8983205{number // TERMINALS_A_MERCHANT:08d}"
    shop = {"profile": "unionpay", "line": "lane", "merchant_id": merchant, "terminal_id": f"{number:08d}"}
    stan = chance.randrange(1, 900_000)
    for day in range(days):
        date = FIRST_DAY + dt.timedelta(days=day)
        moment = dt.datetime.combine(date, dt.time(8), ZONE).astimezone(dt.UTC)
        dated = {**shop, "business_date": date, "seen_date": date, "batch_no": day + 1}
        stan += 1
        event = {"event_id": f"e{number}-{day}", "operation": "SIGN_IN", "stan": stan, "event_at": moment}
        rows["events"].append(dated | event)
        debits: list[int] = []
        for sale in range(SALES_A_DAY):
            stan += 1
            moment += dt.timedelta(seconds=chance.randrange(60, 250))
            row: dict[str, Any] = dated | attempt(moment, stan, chance)
            twice = sale == 0 and day % 5 == 0 and row["outcome"] == "approved"
            for copy in range(2 if twice else 1):
                key = {"transaction_id": f"t{number}-{day}-{sale}-{copy}", "rrn": f"{copy}{stan:011d}"}
                rows["transactions"].append(row | key)
                debits += [row["amount_fen"]] if row["outcome"] == "approved" else []
        stan += 1
        totals = {"rmb_debit_amount_fen": sum(debits), "rmb_debit_count": len(debits)}
        settled = {"settlement_id": f"s{number}-{day}", "stan": stan, "outcome": "approved", "event_at": moment}
        rows["settlements"].append(dated | settled | totals | {"rmb_credit_amount_fen": 0, "rmb_credit_count": 0})


def attempt(moment: dt.datetime, stan: int, chance: random.Random) -> dict[str, Any]:
    """One sale; one in twenty is declined."""
    card, declined = chance.randrange(50_000), chance.random() < 0.05
    clocks = dict.fromkeys(("requested_at", "responded_at", "event_at", "host_dt", "terminal_dt"), moment)
    return {
        **clocks,
        "stan": stan,
        "txn_type": "SALE",
        "amount_fen": chance.choice(PRICES),
        "currency": "156",
        "card_token": f"k:{card:064x}",
        "pan_masked": f"622424******{card % 10000:04d}",
        "operator_no": "01",
        "entry_mode": "051",
        "atc": chance.randrange(60_000),
        "aid": "A000000333010101",
        "attempts": 1,
        "response_code": "51" if declined else "00",
        "outcome": "declined" if declined else "approved",
    }


def measure(attempts: int) -> None:
    """Print one line of figures."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(lake=LakeSettings(uri=f"{folder}/lake"))
        lake = Lake(settings.lake.uri)
        rows = shop_rows(attempts)
        for name, each in rows.items():
            lake.append(name, each, app_id="bench")
        begun = time.perf_counter()
        from expectations.suites.ge import Bench

        bench = Bench()
        imported = time.perf_counter() - begun
        last = FIRST_DAY + dt.timedelta(days=DAYS)
        tables, shop = read_tables(lake, FIRST_DAY), Shop("Asia/Shanghai", dt.time(23))
        begun = time.perf_counter()
        link(tables, shop, FIRST_DAY, last).close()
        linked = time.perf_counter() - begun
        begun = time.perf_counter()
        judge(tables, shop, FIRST_DAY, last, bench=bench)
        ruled = time.perf_counter() - begun - linked
        begun = time.perf_counter()
        result = check(settings)
        checked = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{len(rows['transactions']):>9,} attempts  link {linked:6.2f} s  rules {ruled:6.2f} s  "
            f"check {checked:6.2f} s  (import {imported:.1f} s)  peak {peak} MiB  {len(result.findings)} findings",
            flush=True,
        )
        if result.could_not_run:
            sys.exit(f"could not run: {result.could_not_run}")


def main() -> None:
    words = sys.argv[1:] or list(SIZES)
    if len(words) == 1:
        measure(int(words[0]))
        return
    for word in words:
        subprocess.run([sys.executable, str(Path(__file__)), word], check=True)


if __name__ == "__main__":
    main()
