"""The simulated product is the same events, whichever vendor's format it comes in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.events import column_names
from ingestion.simulator import Dirt, SimulationSpec, simulate
from tests.ingestion.landing_home import new_home
from tests.ingestion.sources.landed import OF_THE_LOAD, home_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
# What a format does not carry. GA4 has no id of an event, and its parameters are texts
# and numbers, so that `true` is a text there.
NOT_CARRIED = {
    "amplitude": (),
    "ga4": ("event_id",),
    "mixpanel": (),
    "posthog": (),
}


def landed(root: Path, vendor: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Give the events without what no format carries, and the reasons of refusals."""
    home = home_for(new_home(root), vendor).with_options(now=NOW)
    spec = SimulationSpec(
        persons=80, start=date(2026, 1, 1), days=4, vendor=vendor, dirt=Dirt.typical()
    )
    simulate(spec, home.options.landing_dir / vendor)
    home.land()
    names = [name for name in column_names() if name not in OF_THE_LOAD]
    rows = home.query(f"select {', '.join(names)} from events")
    # A clock of 1971 in ms is one of 3554 in s: refused all the same.
    return rows, sorted(
        reason.replace("before_floor", "impossible_timestamp_future")
        for *_, reason in home.refused()
    )


@pytest.mark.parametrize("vendor", sorted(NOT_CARRIED))
def test_the_same_product_is_the_same_events(tmp_path: Path, vendor: str) -> None:
    names = [name for name in column_names() if name not in OF_THE_LOAD]
    at = names.index("properties")
    without = {names.index(name) for name in (*NOT_CARRIED[vendor], "properties")}

    def plain(row: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple(str(v) for i, v in enumerate(row) if i not in without)

    native, reasons = landed(tmp_path / "native", "native")
    theirs, their_reasons = landed(tmp_path / vendor, vendor)
    assert their_reasons == reasons
    assert sorted(map(plain, theirs)) == sorted(map(plain, native))
    assert len({row[0] for row in theirs}) == len({row[0] for row in native})
    if "event_id" in NOT_CARRIED[vendor]:
        return
    of_theirs = {row[0]: json.loads(row[at]) for row in theirs}
    for row in native:
        assert json.loads(row[at]).items() <= of_theirs[row[0]].items()
