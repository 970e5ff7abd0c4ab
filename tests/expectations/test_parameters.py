"""Parameters: defaults, the settings over them, a merchant's own over both; a mistake is said with what is valid."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from expectations.parameters import Parameters, parameters
from expectations.rules import RULES
from expectations.rules.declaration import Rule
from ingest.cli import cli
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings

CAFE = "898290058140001"


def given(rules: object = None, cafe: object = None) -> Parameters:
    merchants = [{"id": CAFE, "name": "Cafe", "rules": cafe}] if cafe else []
    return parameters(Settings.model_validate({"rules": rules or {}, "merchants": merchants}))


def test_a_merchants_own_wins_over_everybodys_over_the_default():
    """Three layers."""
    skew = RULES["clock_skew"]
    assert given().value(skew, "seconds", CAFE) == 120
    assert given({"clock_skew": {"seconds": 180}}).value(skew, "seconds", CAFE) == 180
    both = given({"clock_skew": {"seconds": 180}}, {"clock_skew": {"seconds": 240}})
    assert (both.value(skew, "seconds", CAFE), both.value(skew, "seconds", "other")) == (240, 180)


def test_a_rule_is_judged_where_it_is_enabled_and_has_what_it_needs():
    """A limit that only one shop set is judged there alone."""
    limit = RULES["over_single_limit"]
    assert not given().judges(limit)
    cafe = given(cafe={"over_single_limit": {"limit_fen": 100}})
    assert cafe.judges(limit)
    assert (cafe.is_judged(limit, CAFE), cafe.is_judged(limit, "other")) == (True, False)
    assert not given({"clock_skew": {"enabled": False}}).judges(RULES["clock_skew"])
    assert given().judges(RULES["refund_same_day_should_void"])
    assert not given().judges(RULES["dq_duplicate_record"])
    assert given({"dq_duplicate_record": {"enabled": True}}).judges(RULES["dq_duplicate_record"])


@pytest.mark.parametrize(
    ("rules", "said", "hint"),
    [
        ({"clock_skwe": {}}, "no rule has this name", "did you mean 'clock_skew'"),
        ({"clock_skew": {"second": 1}}, "unknown key second", "valid keys here: enabled, grave_seconds, seconds"),
        ({"clock_skew": {"seconds": "soon"}}, "should be a whole number", "seconds that an answer may take"),
        ({"clock_skew": {"seconds": -1}}, "from 0 to", ""),
        ({"clock_skew": {"seconds": True}}, "should be a whole number", ""),
        ({"void_operator_outlier": {"voids": 1}}, "from 2 to", ""),
        ({"clock_skew": {"enabled": "perhaps"}}, "should be true or false", "whether the rule is judged"),
        ({"refund_supervisor_missing": {"supervisors": "00"}}, "should be a list", ""),
        ({"over_single_limit": {"raised_from": 3}}, "should be a day", ""),
        ({"clock_skew": {"seconds": 10**30}}, "from 0 to 100000000", ""),
        ({"deposit_charged": {"prices_fen": ["99 yuan"]}}, "should be a list of whole numbers", "usual prices"),
        ({"deposit_charged": {"prices_fen": [True]}}, "should be a list of whole numbers", "usual prices"),
        ({"deposit_charged": {"prices_fen": [0]}}, "from 1 to", "usual prices"),
        ({"deposit_charged": {"prices_fen": 9900}}, "should be a list of whole numbers", "usual prices"),
        ({"refund_supervisor_missing": {"supervisors": [0]}}, "should be a list of texts", "operator numbers"),
        ({"over_single_limit": {"raised_from": "2026-11-01"}}, "raised_from without raised_to", "last day on which"),
        ({"over_daily_limit": {"raised_to": "2026-11-01"}}, "raised_to without raised_from", "first day on which"),
        (
            {"over_daily_limit": {"raised_from": "2026-11-02", "raised_to": "2026-11-01"}},
            "raised_to = 2026-11-01 is before raised_from = 2026-11-02",
            "first day on which",
        ),
    ],
)
def test_a_mistake_is_said_with_what_belongs_there(rules: object, said: str, hint: str):
    """One line, and a hint that lists the valid ones."""
    with pytest.raises(UsageError, match=said) as wrong:
        given(rules)
    assert hint in wrong.value.hint
    with pytest.raises(UsageError, match=f"merchants, {CAFE}"):
        given(cafe=rules)


def test_the_environment_says_numbers_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """TILLWATCH_RULES__CLOCK_SKEW__SECONDS=180."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILLWATCH_RULES__CLOCK_SKEW__SECONDS", "180")
    monkeypatch.setenv("TILLWATCH_RULES__CLOCK_SKEW__ENABLED", "false")
    set_by_it = parameters(load_settings())
    assert set_by_it.value(RULES["clock_skew"], "seconds") == 180
    assert not set_by_it.judges(RULES["clock_skew"])


@pytest.mark.parametrize("text", ["rules = 3", "[rules]\nclock_skew = 3"])
def test_rules_that_are_no_tables_are_one_line(text: str, tmp_path: Path):
    """Never a traceback."""
    file = tmp_path / "tillwatch.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match="rules"):
        load_settings(file)


def test_every_parameter_has_a_default_of_its_kind():
    """And a rule of its own name for each."""
    kinds = {"number": int, "numbers": tuple, "switch": bool, "list": tuple, "day": type(None)}
    for rule in RULES.values():
        names = [each.name for each in rule.parameters]
        assert len(names) == len(set(names))
        for each in rule.parameters:
            assert each.default is None or isinstance(each.default, kinds[each.kind]), (rule.id, each.name)
            assert each.name in rule.sql, (rule.id, each.name)


def test_a_list_of_numbers_is_one_and_a_span_may_be_made_of_both_layers():
    """Prices as they are written in docs/rules.md; a merchant's own last day closes everybody's span."""
    deposits = RULES["deposit_charged"]
    assert given({"deposit_charged": {"prices_fen": [9900, 39900]}}).value(deposits, "prices_fen") == (9900, 39900)
    with pytest.raises(UsageError, match="before"):
        given(
            {"over_single_limit": {"raised_from": "2026-11-02", "raised_to": "2026-11-09"}},
            {"over_single_limit": {"raised_to": "2026-11-01"}},
        )


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_whatever_is_accepted_can_be_asked_for(rule: Rule):
    """The least, the most, an empty list, quotes: the view that the rule joins can be made of it."""
    import duckdb

    for each in rule.parameters:
        for value in (
            each.least,
            10**12,
            10**8,
            True,
            [],
            ["it's", ""],
            [10**12],
            ["9900"],
            "2026-11-21",
            -1,
            "x",
            1.5,
        ):
            try:
                set_so = given({rule.id: {each.name: value}}, {rule.id: {each.name: value}})
            except UsageError:
                continue
            with duckdb.connect() as base:
                base.execute(f"CREATE TABLE merchant AS SELECT '{CAFE}' AS merchant")
                base.execute(set_so.sql(rule)).fetchall()


def test_doctor_and_config_show_tell_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not only the check of the next morning."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tillwatch.toml").write_text("[rules.clock_skew]\nsecond = 3\n")
    told = CliRunner().invoke(cli, ["doctor"])
    assert "fail  rules: rules.clock_skew: unknown key second" in told.stdout
    assert "did you mean 'seconds'?" in told.stdout
    assert told.exit_code == 3
    assert isinstance(CliRunner().invoke(cli, ["config", "show"]).exception, UsageError)
    (tmp_path / "tillwatch.toml").write_text("[rules.clock_skew]\nseconds = 3\n")
    assert "ok    rules: parameters of 1 rules" in CliRunner().invoke(cli, ["doctor"]).stdout
