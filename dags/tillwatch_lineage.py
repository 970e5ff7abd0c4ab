"""What a check judged, for whoever keeps lineage: OpenLineage events of the task itself, where that is enabled.

Nothing happens unless the extra ``lineage`` is installed and Airflow's section ``[openlineage]``
names a transport. Then the running task names the tables that were judged as its inputs, each
with the facet ``dataQualityAssertions`` (https://openlineage.io/spec/facets/1-1-0/DataQualityAssertionsDatasetFacet.json):
one assertion a rule, one a law of a table; and ``findings`` as its output.
"""

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from expectations.run import CheckResult


def tell_assertions(result: "CheckResult", lake: str) -> None:
    """Say of each rule and each table's law whether it held: counts alone, nothing of a merchant.

    Args:
        result: what the check found.
        lake: where the tables are, as ``lake.uri`` says.
    """
    try:
        from airflow.providers.openlineage.api import emit_dataset_lineage, is_openlineage_active
        from openlineage.client.event_v2 import InputDataset, OutputDataset
        from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality
    except ImportError:
        return
    if not is_openlineage_active():
        return
    from expectations.rules import RULES
    from expectations.suites.tables import SUITES

    found = Counter(each.rule for each in result.findings)
    crashed = {each.name for each in result.could_not_run}
    assertions = {"transactions": [
        quality.Assertion(
            assertion=RULES[rule].expectation, success=not found[rule], severity="warn", name=rule,
            description=RULES[rule].says, expected="0 findings", actual=f"{found[rule]} findings",
        )
        for rule in result.rules_run
    ]}  # fmt: skip
    broken = {(each.table, each.expectation): each for each in result.quality}
    for table, (_, laws) in SUITES.items():
        for law in laws:
            if f"{table}.{law.name}" in crashed:
                continue
            wrong = broken.get((table, law.name))
            assertions.setdefault(table, []).append(
                quality.Assertion(
                    assertion=law.name, success=wrong is None, severity="warn", name=f"{table}.{law.name}",
                    column=law.law.column, description=law.says, expected="0 rows",
                    actual=f"{wrong.broken if wrong else 0} rows",
                )
            )  # fmt: skip
    inputs = [
        InputDataset(
            *_named(lake, table),
            inputFacets={"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=told)},
        )
        for table, told in assertions.items()
    ]
    emit_dataset_lineage(inputs=inputs, outputs=[OutputDataset(*_named(lake, "findings"))])


def _named(lake: str, table: str) -> tuple[str, str]:
    """Namespace and name of a table's dataset (https://openlineage.io/docs/spec/naming)."""
    parts = urlsplit(lake)
    if parts.scheme in {"", "file"}:
        return "file", f"{parts.path.rstrip('/')}/{table}"
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path.strip('/')}/{table}".lstrip("/")
