"""funnels.yml: defaults, presets, what is refused and where, and what is compiled."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ingestion.catalog import CatalogError, load_catalog
from ingestion.catalog.funnel_models import FunnelSpec
from ingestion.catalog.funnel_sql import funnel_row
from ingestion.catalog.funnel_ties import reach_conditions

EVENTS = """
events:
  - {name: viewed, description: V.}
  - {name: bought, description: B.}
"""
MINIMAL: dict[str, Any] = {
    "name": "buy",
    "window": "7 days",
    "steps": [
        {"name": "View", "any_of": [{"event": "viewed"}]},
        {"name": "Buy", "any_of": [{"event": "bought"}]},
    ],
}

Declare = Callable[[str], Path]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    def write(funnel: str) -> Path:
        (tmp_path / "events.yml").write_text(EVENTS)
        (tmp_path / "funnels.yml").write_text(f"funnels:\n  - name: buy\n{funnel}")
        return tmp_path

    return write


def spec(**changes: Any) -> FunnelSpec:
    return FunnelSpec.model_validate(MINIMAL | changes)


def test_a_funnel_needs_steps_and_a_window_and_has_a_default_for_the_rest() -> None:
    funnel = spec()
    assert (funnel.order, funnel.entry_mode, funnel.ties) == (
        "ordered",
        "any",
        "in_order",
    )
    assert (funnel.counting, funnel.range_applies_to) == ("uniques", "entry")
    assert funnel.periods == ("day", "week", "month")
    breakdown = spec(breakdowns=["platform"]).breakdowns[0]
    assert (breakdown.name, breakdown.by) == ("platform", ("platform",))
    assert (breakdown.attribution, breakdown.limit) == ("first_touch", 25)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("daybreak", ("any", "entry", "first_touch", None, 25)),
        ("posthog", ("any", "all_events", "first_touch", None, 25)),
        ("mixpanel", ("first", "entry", "first_touch", None, 25)),
        ("amplitude", ("any", "entry", "step", 1, 25)),
        ("ga4", ("any", "all_events", "step", 1, 5)),
    ],
)
def test_a_preset_sets_what_the_funnel_leaves_open(
    preset: str, expected: tuple[Any, ...]
) -> None:
    funnel = spec(semantics=preset, breakdowns=["platform"])
    [breakdown] = funnel.breakdowns
    found = (funnel.entry_mode, funnel.range_applies_to)
    assert (
        *found,
        breakdown.attribution,
        breakdown.step,
        breakdown.limit,
    ) == expected


def test_what_a_funnel_says_itself_comes_before_its_preset() -> None:
    own = {"name": "platform", "by": "platform", "attribution": "last_touch"}
    funnel = spec(
        semantics="ga4", range_applies_to="entry", breakdowns=[own | {"limit": 3}]
    )
    assert funnel.range_applies_to == "entry"
    assert funnel.breakdowns[0].attribution == "last_touch"
    assert (funnel.breakdowns[0].step, funnel.breakdowns[0].limit) == (None, 3)


STEPS = """
    window: 7 days
    steps:
      - {name: View, any_of: [{event: viewed}]}
      - {name: Buy, any_of: [{event: bought}]}
"""


@pytest.mark.parametrize(
    ("funnel", "line", "message"),
    [
        (STEPS.replace("bought", "bougth"), 6, "Did you mean 'bought'?"),
        (STEPS.replace("7 days", "7 dys"), 3, "Did you mean '7 days'?"),
        (STEPS + "    order: orderd\n", 7, "Did you mean 'ordered'?"),
        (STEPS + "    orders: strict\n", 7, "Did you mean 'order'?"),
        (STEPS + "    where: platfrom = 'web'\n", 7, "Did you mean 'platform'?"),
        (STEPS + "    value: platform\n", 7, "a number is needed"),
        (STEPS + "    breakdowns: [event_id]\n", 7, "differs in every event"),
        (STEPS + "    counting: accounts\n", 2, "`account` belongs to counting"),
        (
            STEPS + "    exclusions: [{any_of: [{event: viewed}], to_step: 3}]\n",
            2,
            "steps 1 to 3 are no span of the funnel's 2",
        ),
        (
            STEPS + "    range: {from: 2026-02-01, to: 2026-01-01}\n",
            7,
            "the range ends before it begins",
        ),
        (
            STEPS + "    range: {from: 2026-02-01T00:00:00Z}\n",
            7,
            "leave out the offset",
        ),
        (
            STEPS + "    breakdowns: [{name: p, by: platform, attribution: step}]\n",
            7,
            "`step` belongs to attribution step",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    declare: Declare, funnel: str, line: int, message: str
) -> None:
    with pytest.raises(CatalogError) as refused:
        load_catalog(declare(funnel.lstrip("\n")))
    told = [problem for problem in refused.value.problems if message in str(problem)]
    assert told, refused.value
    assert told[0].file.endswith("funnels.yml")
    assert told[0].line in (line, line + 1), str(told[0])


def test_too_many_filters_on_one_event_are_refused(declare: Declare) -> None:
    steps = "".join(
        f"      - {{name: S{n}, any_of: [{{event: viewed, where: page = 'p{n}'}}]}}\n"
        for n in range(7)
    )
    declaration = f"    window: 1 day\n    steps:\n{steps}"
    with pytest.raises(CatalogError, match="7 steps with different filters share"):
        load_catalog(declare(declaration))
    load_catalog(declare("    ties: total_order\n" + declaration))


def test_what_changes_no_attempt_changes_no_hash() -> None:
    known = funnel_row(spec(breakdowns=["platform"]))["definition_hash"]
    same = spec(
        label="Buying",
        owner="shop",
        time_to_convert={"bins": 5},
        breakdowns=[{"name": "platform", "by": "platform", "limit": 3}],
    )
    assert funnel_row(same)["definition_hash"] == known
    for change in (
        {"window": "8 days"},
        {"ties": "strict_increase"},
        {"where": "true"},
    ):
        other = spec(breakdowns=["platform"], **change)
        assert funnel_row(other)["definition_hash"] != known


def test_only_steps_that_share_a_name_compete_for_events() -> None:
    assert "reach" not in json.loads(funnel_row(spec())["plan"])
    twice = [*MINIMAL["steps"], MINIMAL["steps"][0]]
    assert "reach" in json.loads(funnel_row(spec(steps=twice))["plan"])
    total = funnel_row(spec(steps=twice, ties="total_order"))
    assert "reach" not in json.loads(total["plan"])


masks = st.lists(st.integers(1, 15), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(events=masks, same=st.booleans())
def test_reach_is_what_trying_all_ways_finds(events: list[int], same: bool) -> None:
    """Of events of one instant, each with the steps it matches as a bit mask."""
    filters = ["f", "g", "f", "h"] if same else ["f", "g", "h", "i"]
    if same:
        events = [mask & ~4 | (mask & 1) << 2 for mask in events]
        events = [mask for mask in events if mask] or [5]
    conditions = reach_conditions([(0, 1, 2, 3)], filters)
    flags = ", ".join(f"mask & {1 << n} > 0 as is_step_{n + 1}" for n in range(4))
    rows = ", ".join(f"({mask})" for mask in events)
    found = (
        duckdb.connect()
        .execute(
            f"select {', '.join(conditions)} "
            f"from (select {flags} from (values {rows}) as events (mask))"
        )
        .fetchone()
    )
    assert found == tuple(_earliest(events, last) for last in range(4))


def _earliest(events: list[int], last: int) -> int | None:
    for first in range(last + 1):
        steps = range(first, last + 1)
        for chosen in itertools.permutations(events, len(steps)):
            if all(mask >> step & 1 for mask, step in zip(chosen, steps, strict=True)):
                return first + 1
    return None
