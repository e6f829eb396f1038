"""Attribution in the catalog: mistakes are told with their line, the rest is SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

PURCHASES = """\
attribution:
  - name: purchases
    conversion: {event: purchase_completed, where: revenue > 0}
    channel: utm_source
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            PURCHASES.replace("purchase_completed", "purchase_complete"),
            "revenue.yml:3: attribution 'purchases': the event 'purchase_complete' is "
            "not declared in events.yml. Did you mean 'purchase_completed'?",
        ),
        (
            PURCHASES.replace("utm_source", "utm_sorce"),
            "revenue.yml:4: attribution 'purchases': `utm_sorce` is not a column of a "
            "session. Did you mean 'utm_source'?",
        ),
        (
            PURCHASES.replace("utm_source", "property('source')"),
            "`property` reads events and persons, and this is said of sessions",
        ),
        (PURCHASES.replace("revenue > 0", "revenue"), "a yes/no condition is needed"),
        (PURCHASES + "    value: country\n", "a number is needed"),
        (PURCHASES + "    models: [frist]\n", "frist"),
        (PURCHASES + "    models: [first, first]\n", "stands in the list twice"),
        (PURCHASES + "    models: []\n", "models"),
        (PURCHASES + "    lookback_days: 0\n", "lookback_days"),
        (PURCHASES + "    half_life_days: 0\n", "half_life_days"),
        (
            PURCHASES + "    position_weights: {first: 40, middle: 40, last: 40}\n",
            "the weights add up to 120, not to 100",
        ),
        (
            PURCHASES + "    position_weights: {first: 0, middle: 100, last: 0}\n",
            "two touches would have no weight",
        ),
        (PURCHASES + "    lookback: 30\n", "lookback"),
        (PURCHASES + PURCHASES.removeprefix("attribution:\n"), "taken already"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"revenue.yml": text})
    assert told in problem
    assert problem.startswith("revenue.yml:")


def compiled(catalog: Path, out: Path) -> dict[str, object]:
    compile_catalog(load_catalog(catalog), CatalogSettings(), out)
    (row,) = pq.read_table(out / "catalog_attribution.parquet").to_pylist()
    return dict(row)


def test_defaults_are_those_of_the_documentation(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    row = compiled(write_catalog(**{"revenue.yml": PURCHASES}), tmp_path / "out")
    assert row["label"] == "Purchases"
    assert (
        row["conversion_filter_sql"]
        == "event_name IN ('purchase_completed') AND (revenue > 0)"
    )
    assert row["channel_sql"] == "utm_source"
    assert (row["lookback_days"], row["half_life_days"]) == (30, 7)
    assert json.loads(str(row["models"])) == [
        *("first", "last", "last_non_direct", "linear", "position", "time_decay")
    ]
    weights = json.loads(str(row["position_weights"]))
    assert weights == {"first": 40, "middle": 20, "last": 40}
    assert json.loads(str(row["direct_channels"])) == ["direct", "(direct)"]


def test_the_hash_follows_what_changes_figures_only(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    def hash_of(text: str, name: str) -> object:
        catalog = write_catalog(**{"revenue.yml": text})
        return compiled(catalog, tmp_path / name)["definition_hash"]

    plain = hash_of(PURCHASES, "plain")
    assert hash_of(PURCHASES + "    owner: growth\n", "owned") == plain
    assert hash_of(PURCHASES + "    lookback_days: 7\n", "shorter") != plain
    # As it stands in every warehouse: a change recomputes all history.
    assert plain == "7e1dff45bd5f3740149f88748214f6b7"
