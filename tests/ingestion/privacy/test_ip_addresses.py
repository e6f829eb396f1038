"""IP addresses: truncated or dropped wherever they stand, everything else untouched."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.catalog.privacy_models import IP_NAMES, IpAddresses
from ingestion.privacy.ip_addresses import masked_addresses
from tests.ingestion.landing_home import Home, event, new_home
from tests.ingestion.privacy.conftest import files_with, with_plan


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """Give one connection to all: opening one costs more than a mask."""
    return duckdb.connect()


def masked(sent: object, policy: IpAddresses = "truncate", **options: Any) -> Any:
    sql = masked_addresses("sent", policy, **options)
    text = json.dumps(sent, separators=(",", ":"))
    statement = f"select {sql} from (select ? as sent)"
    found = connection().execute(statement, [text]).fetchone()
    assert found is not None
    return json.loads(found[0])


@pytest.mark.parametrize("name", IP_NAMES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_name_at_every_depth(name: str, depth: int) -> None:
    sent: Any = {name: "203.0.113.77", "plan": "203.0.113.77"}
    for _ in range(depth):
        sent = {"context": [sent], "zip": "1.2.3.4"}
    kept: Any = {name: "203.0.113.0", "plan": "203.0.113.77"}
    dropped: Any = {name: None, "plan": "203.0.113.77"}
    for _ in range(depth):
        kept = {"context": [kept], "zip": "1.2.3.4"}
        dropped = {"context": [dropped], "zip": "1.2.3.4"}
    assert masked(sent) == kept
    assert masked(sent, "drop") == dropped
    assert masked(sent, declared=[name]) == sent


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("203.0.113.77:443", "203.0.113.0"),
        ("2001:db8:1:2::5", "2001:db8:1::"),
        ("2001:db8::5", "2001:db8::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("::ffff:203.0.113.77", "::"),
        ("203.0.113.77, 198.51.100.9", ""),
        ("unknown", ""),
        ('a "quoted" 203.0.113.77', ""),
        (3405803853, ""),
        (["203.0.113.77", "]"], ""),
        (None, None),
        (True, True),
        ({"city": "Oslo"}, {"city": "Oslo"}),
    ],
)
def test_what_is_no_plain_address(sent: object, kept: object) -> None:
    assert masked({"ip": sent, "x": 1}) == {"ip": kept, "x": 1}


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
@settings(deadline=None, max_examples=60)
def test_only_the_network_stays(address: Any) -> None:
    bits = 24 if address.version == 4 else 48
    network = ipaddress.ip_network((address, bits), strict=False).network_address
    kept = ipaddress.ip_address(masked({"ip": str(address)})["ip"])
    # Compressed zeros may hide how long the prefix is; then less of it stays.
    assert kept == network or int(kept) & ~int(network) == 0
    again = masked({"ip": str(kept)})["ip"]
    assert ipaddress.ip_address(again) == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["zip", "ip_", "a", '"ip"', "é"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(deadline=None, max_examples=60)
def test_nothing_else_changes(sent: object) -> None:
    assert masked({"ip": "1.2.3.4", "sent": sent}) == {"ip": "1.2.3.0", "sent": sent}


@pytest.mark.parametrize("key_is_there", [True, False])
def test_by_default_the_lake_holds_no_whole_address(
    tmp_path: Any, key_is_there: bool
) -> None:
    home = new_home(tmp_path)
    if key_is_there:
        home = with_plan(home, "personal: {email: hash}")
    home.write(
        "native/a.jsonl",
        [event(1, ip="203.0.113.77", event_id=None), {"ip": "203.0.113.78", "x": 1}],
    )
    home.land()
    assert files_with(home.lake, ["203.0.113.77", "203.0.113.78"]) == []
    assert len(home.refused()) == 1


def test_the_id_of_an_event_does_not_know_the_address(
    private_home: Callable[..., Home],
) -> None:
    home = private_home("{}", None)
    rows = [event(0, event_id=None, ip=f"203.0.113.{i}") for i in (7, 8)]
    home.write("native/a.jsonl", rows)
    home.land()
    assert home.query("select count(distinct event_id) from events") == [(1,)]
