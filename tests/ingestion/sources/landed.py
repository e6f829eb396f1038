"""Land a file of a vendor's format and give the events by id, nulls left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingestion.events import column_names
from tests.ingestion.landing_home import Home, sources_of

FIXTURES = Path(__file__).resolve().parent / "fixtures"
OF_THE_LOAD = ("source", "load_id")


def home_for(home: Home, vendor: str) -> Home:
    """Give the home with a source `vendor` of that format."""
    declared = f"sources: [{{name: {vendor}, format: {vendor}}}]"
    return replace(home, sources=sources_of(declared))


def events(home: Home) -> dict[str, dict[str, Any]]:
    """Give what landed by the id of the event."""
    return {row["event_id"]: row for row in all_events(home)}


def all_events(home: Home) -> list[dict[str, Any]]:
    """Give what landed: times as text, amounts as float, properties as a mapping."""
    names = [name for name in column_names() if name not in OF_THE_LOAD]
    shown = {
        "occurred_at": "occurred_at::varchar",
        "received_at": "received_at::varchar",
        "revenue": "revenue::double",
        "value": "value::double",
    }
    listed = ", ".join(shown.get(name, name) for name in names)
    found = []
    for values in home.query(f"select {listed} from events"):
        row = dict(zip(names, values, strict=True))
        row["properties"] = json.loads(row["properties"])
        found.append({k: v for k, v in row.items() if v is not None})
    return found


def landed_fixture(home: Home, vendor: str, name: str) -> dict[str, dict[str, Any]]:
    """Land a fixture without losing or refusing a line."""
    home = home_for(home, vendor)
    home.write(f"{vendor}/{name}", (FIXTURES / name).read_bytes())
    result = home.land()
    assert home.refused() == []
    assert [report.status for report in result.files] == ["landed"]
    return events(home)


def leaves(value: Any) -> set[str]:
    """Give the plain values inside a JSON value as text; nulls and blanks are none."""
    if isinstance(value, dict):
        return {leaf for one in value.values() for leaf in leaves(one)}
    if isinstance(value, list):
        return {leaf for one in value for leaf in leaves(one)}
    return {str(value)} if value not in (None, "") else set()


def lost(sent: dict[str, Any], row: dict[str, Any], *, mapped: set[str]) -> set[str]:
    """Give the values of a line that are nowhere in its event.

    `mapped` are keys whose values land in another writing (times, the call's type).
    """
    kept = {key: value for key, value in sent.items() if key not in mapped}
    return leaves(kept) - leaves(row)
