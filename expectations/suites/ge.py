"""Great Expectations, behind one wall: laws and frames in, verdicts and Data Docs out.

An ephemeral context on pandas: nothing is written but the Data Docs, nothing is sent
anywhere. The library reports an expectation that crashed as one that failed: here every
result's ``exception_info`` is looked at, and the two are kept apart.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.laws import KEY, Equal, Law, Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique, Verdict
from expectations.suites.deferred import deferred
from ingest.spark.session import ignore_pandas_warning

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHOWN = 20
"""How many violations a Data Docs page lists."""
UNUSED = ("altair", "scipy.stats", "rfc3987_syntax:is_valid_syntax")
"""What the library imports for laws on distributions and on JSON texts, none of ours: half of its import's time."""
Told = Callable[[str, str], tuple[str, str | None]]
"""What a name's row that broke its law is called, and where it is told of: from the name and the row's ``key``."""


class Bench:
    """One run's context: judge frames against laws, then build the Data Docs."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        ignore_pandas_warning()  # it imports pyspark where that is installed
        with deferred(*UNUSED):
            import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        self._context: Any = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        for site in list(self._context.get_site_names()):
            self._context.delete_data_docs_site(site)
        self._rows = self._context.data_sources.add_pandas("tillwatch").add_dataframe_asset("rows")
        self._whole = self._rows.add_batch_definition_whole_dataframe("all")
        self._told: Told = lambda _, key: (key, None)

    def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
        """Hold every law against the rows.

        Args:
            name: what the rows are, as the Data Docs name them.
            rows: the laws' columns and ``key``; no card data.
            laws: what must hold.
        """
        return self._judged(self._whole, name, _frame(rows), rows.num_rows, laws)

    def _judged(self, batch: Any, name: str, frame: Any, count: int, laws: Sequence[Stated]) -> list[Verdict]:
        suite = self._gx.ExpectationSuite(name=name, expectations=[self._expectation(name, each) for each in laws])
        definition = self._gx.ValidationDefinition(
            name=name,
            data=batch,
            suite=self._context.suites.add(suite),
        )
        checkpoint = self._gx.Checkpoint(
            name=name,
            validation_definitions=[self._context.validation_definitions.add(definition)],
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [KEY],
                "include_unexpected_rows": False,
                "partial_unexpected_count": SHOWN,
            },
        )
        run = self._context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
        results = [result for each in run.run_results.values() for result in each.results]
        return [_verdict(stated, results, count) for stated in laws]

    def build_data_docs(self, folder: Path, told: Told | None = None) -> Path:
        """Build the pages of everything judged and put them in the place of ``folder``; its first page.

        Args:
            folder: where they go.
            told: names, and links, each row that broke a law; its ``key`` stands there by default.
        """
        self._told = told or self._told
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            site = {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(fresh)},
            }
            self._context.add_data_docs_site("tillwatch", site)
            self._context.build_data_docs()
            fresh.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.replace(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder / "index.html"

    def _expectation(self, name: str, stated: Stated) -> Any:
        """An instance of a class of the law's own name, on the core expectation that judges such laws.

        Its page lists what broke the law by what it is called, with a link to where it is told of.
        """
        import great_expectations.expectations as core
        from great_expectations.render import LegacyDiagnosticRendererType
        from great_expectations.render.renderer.renderer import renderer

        def broken(_: Any, configuration: Any = None, result: Any = None, runtime_configuration: Any = None) -> Any:
            del configuration, runtime_configuration
            return _offenders(result, lambda key: self._told(name, key))

        base, values = _on_core(stated.law, core)
        body = {
            "__module__": __name__,
            "__doc__": stated.says,
            "__annotations__": {"description": str},
            "description": stated.says,
            "_diagnostic_unexpected_table_renderer": classmethod(
                renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)(broken)
            ),
        }
        expectation = type(base)(stated.name, (base,), body)
        return expectation(severity=stated.weight, **values)


def _offenders(result: Any, told: "Callable[[str], tuple[str, str | None]]") -> Any:
    """A page's table of the first rows that broke a law; None where none did."""
    from great_expectations.render import RenderedStringTemplateContent, RenderedTableContent

    rows = (result.result.get("unexpected_index_list") or [])[:SHOWN]
    if not rows:
        return None
    columns = [column for column in rows[0] if column != KEY]

    def cell(key: str) -> Any:
        text, link = told(key)
        style = {"tag": "a", "attributes": {"href": link}} if link else {"tag": "span"}
        said = {"template": "$row", "params": {"row": text}, "styling": {"params": {"row": style}}}
        return RenderedStringTemplateContent(content_block_type="string_template", string_template=said)

    return [
        RenderedTableContent(
            content_block_type="table",
            header_row=["Finding", *columns],
            table=[[cell(str(row[KEY])), *(str(row[column]) for column in columns)] for row in rows],
            styling={"body": {"classes": ["table-bordered", "table-sm", "mt-3"]}},
        )
    ]


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    """The rows on pandas; integers that may be null stay integers."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    frame: pd.DataFrame = rows.to_pandas(types_mapper=nullable.get, date_as_object=True)
    return frame


def _on_core(law: Law, core: Any) -> tuple[Any, dict[str, Any]]:
    match law:
        case NotAbove(column, str(limit)):
            pair = {"column_A": limit, "column_B": column, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
            return core.ExpectColumnPairValuesAToBeGreaterThanB, pair
        case NotAbove(column, limit):
            return core.ExpectColumnValuesToBeBetween, {"column": column, "max_value": limit}
        case NotBelow(column, limit):
            return core.ExpectColumnValuesToBeBetween, {"column": column, "min_value": limit}
        case Equal(column, other):
            pair = {"column_A": column, "column_B": other, "ignore_row_if": "either_value_is_missing"}
            return core.ExpectColumnPairValuesToBeEqual, pair
        case Present(column):
            return core.ExpectColumnValuesToNotBeNull, {"column": column}
        case Unique(column):
            return core.ExpectColumnValuesToBeUnique, {"column": column}
        case Length(column, characters):
            return core.ExpectColumnValueLengthsToEqual, {"column": column, "value": characters}
        case OneOf(column, values):
            return core.ExpectColumnValuesToBeInSet, {"column": column, "value_set": list(values)}


def _verdict(stated: Stated, results: Sequence[Any], rows: int) -> Verdict:
    """The law's own result among the run's; a law without one was not judged."""
    own = [result for result in results if _class_name(result) == stated.name]
    if len(own) != 1:
        return Verdict(stated, 0, error=f"{len(own)} results instead of one")
    result = own[0]
    if errors := sorted(set(_exceptions(result.exception_info or {}))):
        return Verdict(stated, 0, error="; ".join(errors))
    found = result.result.get("unexpected_index_list")
    if found is None and not result.success:
        return Verdict(stated, 0, error="failed without naming a row")
    offenders = tuple(dict.fromkeys(str(row[KEY]) for row in found or []))
    return Verdict(stated, int(result.result.get("element_count", rows)), offenders)


def _class_name(result: Any) -> str:
    return "".join(part.capitalize() for part in result.expectation_config.type.split("_"))


def _exceptions(info: dict[str, Any]) -> Iterator[str]:
    """First lines of every exception in ``exception_info``, which is flat, or nested by metric."""
    if "raised_exception" in info:
        if info["raised_exception"]:
            yield str(info.get("exception_message") or "exception without a message").splitlines()[0]
        return
    for nested in info.values():
        yield from _exceptions(nested)
