"""Attribution: worked cases through landed events, and random logs against a reckoning.

How a case becomes a catalog (one night for all of them): each session is one event with
its own vendor session id, so `sessions: mode` is `vendor`; each conversion is an event
without one. Users bear the case's name before theirs.

| case                               | catalog                       |
|------------------------------------|-------------------------------|
| lookback_days                      | lookback_days                 |
| half_life_days                     | half_life_days                |
| models                             | models                        |
| direct, direct_sources             | direct_channels               |
| position_weights                   | position_weights              |
| utm_source of a session            | channel: utm_source           |
| every conversion, its revenue      | conversion, value: revenue    |
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from dagster_project.analysis.reconciliation.attribution import (
    MODELS,
    Conversion,
    Rules,
    Visit,
)
from tests.dbt_project.attribution_oracle import credited, paths
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

Case = dict[str, Any]
SELECTED = ("+fct_attribution", "+fct_attribution_paths")
BUILT = ("int_attribution_touches", "fct_attribution", "fct_attribution_paths")
TABLES = ("marts.fct_attribution", "marts.fct_attribution_paths")
# The names that peers give to models.
KNOWN_AS = {
    **{name: name for name in MODELS},
    **{f"{name}_touch": name for name in MODELS},
    "last_non_direct_click": "last_non_direct",
    "position_based": "position",
    "u_shaped": "position",
    "forty_twenty_forty": "position",
}


def write_catalog(folder: Path, attributions: list[Any], mode: str = "vendor") -> None:
    names = ("visited", "converted", "refunded")
    files = {
        "metrics.yml": {"metrics": []},
        "events.yml": {
            "policy": "allow",
            "sessions": {"mode": mode},
            "traffic": {"bots": "browser = 'bot'"},
            "events": [{"name": name} for name in names],
        },
        "revenue.yml": {"attribution": attributions},
    }
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))


# --- worked cases ------------------------------------------------------------------


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def rows_of(case: Case, number: int) -> list[Row]:
    sessions = [
        {
            "event_id": f"{number}-s{place}",
            "event_name": "visited",
            "occurred_at": moment(one["started_at"]),
            "user_id": f"{number}/{one['user_id']}",
            "vendor_session_id": f"{number}/{one['session_id']}",
            "utm_source": one.get("utm_source"),
        }
        for place, one in enumerate(case["sessions"])
    ]
    conversions = [
        {
            "event_id": f"{number}-c{place}",
            "event_name": "converted",
            "occurred_at": moment(one["converted_at"]),
            "user_id": f"{number}/{one['user_id']}",
            "revenue": Decimal(str(one["revenue"])),
            "properties": json.dumps({"case": number}),
        }
        for place, one in enumerate(case["conversions"])
    ]
    return sessions + conversions


def declared(case: Case, number: int) -> dict[str, Any]:
    params = case["params"]
    given = {
        "lookback_days": params.get("lookback_days"),
        "half_life_days": params.get("half_life_days"),
        "models": [KNOWN_AS[name] for name in params.get("models") or []],
        "direct_channels": params.get("direct_channels")
        or params.get("direct_sources")
        or params.get("direct"),
        "position_weights": params.get("position_weights"),
    }
    if isinstance(given["direct_channels"], str):
        given["direct_channels"] = [given["direct_channels"]]
    return {
        "name": f"case_{number}",
        "description": case["id"],
        "conversion": {
            "event": "converted",
            "where": f"property_number('case') = {number}",
        },
        "channel": "utm_source",
        **{key: value for key, value in given.items() if value},
    }


def test_worked_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    folder = shared_dir / "cases" / "product_analytics" / "attribution"
    cases = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert cases
    write_catalog(
        tmp_path / "catalog",
        [declared(case, number) for number, case in enumerate(cases)],
    )
    warehouse.declare(tmp_path / "catalog")
    events = [row for number, case in enumerate(cases) for row in rows_of(case, number)]
    warehouse.land(events, load_id="20260105T000000000000")
    warehouse.build(select=SELECTED)
    for number, case in enumerate(cases):
        assert case["kind"] in ("attribution", "attribution_time_decay")
        compare(case, number, warehouse)


def compare(case: Case, number: int, warehouse: WarehouseOfTest) -> None:
    found = {
        (channel, model): float(amount)
        for channel, model, amount in warehouse.rows(
            "select channel, model, sum(amount) from marts.fct_attribution "
            f"where attribution_name = 'case_{number}' group by all"
        )
    }
    sources = set()
    for row in case["expected"]["by_source"]:
        source = row["utm_source"] or "(none)"
        sources.add(source)
        for name, amount in row.items():
            model = KNOWN_AS.get(name.removesuffix("_revenue"))
            if model is not None:
                told = found.get((source, model), 0.0)
                assert told == pytest.approx(amount, abs=1e-6), (case["id"], row)
    # Nobody else is credited with anything.
    assert {source for (source, _), amount in found.items() if amount} <= sources


# --- random logs --------------------------------------------------------------------

START = datetime(2026, 1, 1)
CHANNELS = ("Direct", "ads", "email", "email", "seo", None, " ", "(DIRECT)")
PERSONS = ("ann", "bob", "cy")
moments = st.builds(
    lambda day, second: START + timedelta(days=day, seconds=second),
    st.integers(0, 40),
    # Starts of days make ties and the very edge of a look-back.
    st.sampled_from((0, 0, 0, 1, 43_200, 86_399)),
)
visits = st.tuples(st.sampled_from(PERSONS), moments, st.sampled_from(CHANNELS))
deals = st.tuples(st.sampled_from((*PERSONS, None)), moments, st.integers(-500, 10**8))
rules_of = st.builds(
    Rules,
    lookback_days=st.sampled_from((1, 7, 30)),
    half_life_days=st.sampled_from((0.05, 1, 7, 3.5)),
    weights=st.sampled_from(((40, 20, 40), (30, 40, 30), (10, 20, 70), (0, 50, 50))),
    collapses=st.booleans(),
)


def declaration(name: str, rules: Rules) -> dict[str, Any]:
    first, middle, last = rules.weights
    return {
        "name": name,
        "conversion": {"event": "converted"},
        "channel": "utm_source",
        "lookback_days": rules.lookback_days,
        "half_life_days": rules.half_life_days,
        "position_weights": {"first": first, "middle": middle, "last": last},
        "collapse_repeats": rules.collapses,
    }


def landed(visits: list[Any], deals: list[Any]) -> list[Row]:
    return [
        {
            "event_id": f"s{number}",
            "event_name": "visited",
            "occurred_at": moment,
            "user_id": person,
            "vendor_session_id": f"s{number:03}",
            "utm_source": channel,
        }
        for number, (person, moment, channel) in enumerate(visits)
    ] + [
        {
            "event_id": f"c{number}",
            "event_name": "converted",
            "occurred_at": moment,
            "user_id": person,
            "revenue": Decimal(cents) / 100,
        }
        for number, (person, moment, cents) in enumerate(deals)
    ]


def reckoned_sessions(visits: list[Any]) -> list[Visit]:
    return [
        Visit(f"s{number:03}", person, moment, (channel or "").strip() or None)
        for number, (person, moment, channel) in enumerate(visits)
    ]


def reckoned_conversions(deals: list[Any]) -> list[Conversion]:
    return [
        Conversion(person, moment, Fraction(cents, 100))
        for person, moment, cents in deals
    ]


def hold_against_reckoning(
    warehouse: WarehouseOfTest,
    name: str,
    rules: Rules,
    visits: list[Any],
    deals: list[Any],
) -> None:
    sessions, conversions = reckoned_sessions(visits), reckoned_conversions(deals)
    expected = credited(conversions, sessions, rules)
    found = {
        (model, day, channel): (Fraction(amount), Fraction(count))
        for model, day, channel, amount, count in warehouse.rows(
            "select model, conversion_date, channel, amount, conversion_count "
            f"from marts.fct_attribution where attribution_name = '{name}'"
        )
    }
    assert found.keys() == expected.keys()
    # Each touch is rounded to 10^-9; a weight of time decay is known to 2^-40.
    for key, (amount, count) in expected.items():
        loose = len(deals) * (len(visits) + 1) * Fraction(1, 10**9)
        if key[0] == "time_decay":
            loose += sum(one.amount for one in conversions) * Fraction(1, 10**10)
        assert abs(found[key][0] - amount) <= loose, key
        assert abs(found[key][1] - count) <= loose, key
    whole = sum((one.amount for one in conversions), Fraction(0))
    for model in MODELS:
        parts = [part for key, part in found.items() if key[0] == model]
        assert sum((amount for amount, _ in parts), Fraction(0)) == whole
        assert sum((count for _, count in parts), Fraction(0)) == len(conversions)
    told = {
        (day, path): (length, count, Fraction(amount), touches, seconds)
        for day, path, length, count, amount, touches, seconds in warehouse.rows(
            "select conversion_date, path, path_length, conversion_count, amount, "
            "touch_count, seconds_to_convert from marts.fct_attribution_paths "
            f"where attribution_name = '{name}'"
        )
    }
    expected_paths = paths(conversions, sessions, rules)
    for key, (*_, seconds) in told.items():
        assert seconds == expected_paths[key][-1], key
    assert {key: figures[:-1] for key, figures in told.items()} == {
        key: figures[:-1] for key, figures in expected_paths.items()
    }


def events_of_two_persons() -> list[Row]:
    """A month of two persons, who visit and convert every few days."""
    seen = [
        (person, START + timedelta(days=day), channel)
        for person in ("ann", "bob")
        for day, channel in enumerate(("ads", None, None, "email", None, "seo") * 8)
    ]
    sold = [
        (person, START + timedelta(days=day, hours=1), 10_000)
        for person in ("ann", "bob")
        for day in (5, 12, 20, 40)
    ]
    return landed(seen, sold)


def test_a_late_session_and_a_changed_definition_repair_what_they_touch(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    kept, gone = declaration("kept", Rules()), declaration("gone", Rules())
    moved = declaration("moved", Rules(lookback_days=7))
    write_catalog(catalog, [kept, gone, moved])
    warehouse.declare(catalog)
    warehouse.land(events_of_two_persons(), load_id="20260105T000000000000")
    warehouse.build(select=SELECTED)
    late = {
        "event_id": "late",
        "event_name": "visited",
        "occurred_at": START + timedelta(days=10, hours=23),
        "user_id": "ann",
        "vendor_session_id": "late",
        "utm_source": "tv",
    }
    warehouse.land([late], load_id="20260106T000000000000")
    warehouse.build(select=SELECTED)
    # A night without news computes nothing, and finds the same columns.
    warehouse.build(select=("int_attribution_touches",))
    # Day 5 lies before the visit, and for a week 20 and 40 lie too far after it.
    assert warehouse.rows(
        "select attribution_name, "
        "list_sort(list(distinct conversion_date - date '2026-01-01')) "
        "from intermediate.int_attribution_touches "
        "where built_through_load_id = '20260106T000000000000' group by all order by 1"
    ) == [("gone", [12, 20, 40]), ("kept", [12, 20, 40]), ("moved", [12])]
    # What would be computed again would lose the mark.
    mark = "update intermediate.int_attribution_touches set person_id = {} where {}"
    warehouse.rows(mark.format("'!' || person_id", "attribution_name = 'kept'"))
    write_catalog(catalog, [kept, declaration("moved", Rules(lookback_days=2))])
    warehouse.declare(catalog)
    warehouse.build(select=BUILT)
    assert warehouse.rows(
        "select distinct attribution_name, left(person_id, 1) = '!' "
        "from intermediate.int_attribution_touches order by all"
    ) == [("kept", True), ("moved", False)]
    repaired = [warehouse.table(name) for name in TABLES]
    warehouse.dbt("run", "--full-refresh", "--select", *BUILT)
    assert [warehouse.table(name) for name in TABLES] == repaired
    assert {row[0] for row in repaired[0]} == {"kept", "moved"}
    write_catalog(catalog, [])
    warehouse.declare(catalog)
    warehouse.build(select=BUILT)
    assert [warehouse.table(name) for name in TABLES] == [[], []]


logs = st.lists(
    st.tuples(
        st.lists(visits, max_size=25), st.lists(deals, min_size=1, max_size=8), rules_of
    ),
    min_size=6,
    max_size=6,
)


def check_random_logs(
    warehouse: WarehouseOfTest, folder: Path, drawn: list[Any]
) -> None:
    """Six logs and six definitions in one night: persons of one are not of another."""
    write_catalog(
        folder,
        [
            {
                **declaration(f"log_{number}", rules),
                "conversion": {"event": "converted", "where": f"source = 'n{number}'"},
            }
            for number, (_, _, rules) in enumerate(drawn)
        ],
    )
    warehouse.reset()
    warehouse.declare(folder)
    rows = [
        {
            **row,
            "source": f"n{number}",
            "event_id": f"{number}/{row['event_id']}",
            "user_id": row["user_id"] and f"{number}/{row['user_id']}",
            "vendor_session_id": row.get("vendor_session_id")
            and f"{number}/{row['vendor_session_id']}",
        }
        for number, (seen, sold, _) in enumerate(drawn)
        for row in landed(seen, sold)
    ]
    warehouse.land(rows, load_id="20260105T000000000000")
    warehouse.build(select=SELECTED)
    for number, (seen, sold, rules) in enumerate(drawn):
        hold_against_reckoning(warehouse, f"log_{number}", rules, seen, sold)


@settings(
    max_examples=1,
    deadline=None,
    # A night is too dear to be shrunk.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=logs)
def test_random_logs_give_the_reckoned_credits(
    warehouse: WarehouseOfTest, tmp_path: Path, drawn: list[Any]
) -> None:
    # The first example is the simplest there is: no visits at all.
    assume(sum(len(seen) * len(sold) for seen, sold, _ in drawn) > 200)
    check_random_logs(warehouse, tmp_path / "catalog", drawn)
    warehouse.dbt("test", "--select", *BUILT)


@pytest.mark.campaign
@settings(
    max_examples=60,
    deadline=None,
    # A night is too dear to be shrunk.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=logs)
def test_many_random_logs_give_the_reckoned_credits(
    warehouse: WarehouseOfTest, tmp_path: Path, drawn: list[Any]
) -> None:
    check_random_logs(warehouse, tmp_path / "catalog", drawn)
