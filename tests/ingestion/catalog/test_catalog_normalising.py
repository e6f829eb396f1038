"""Countries, currencies and traffic rules: from the catalog to what dbt joins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog import (
    CatalogError,
    CatalogSettings,
    compile_catalog,
    load_catalog,
)
from ingestion.catalog.countries import country_spellings, region_spellings
from ingestion.catalog.event_models import TrafficRules
from ingestion.catalog.networks import in_networks
from ingestion.catalog.traffic_sql import bot_filter, internal_filter

RATES = """date,currency,rate
2024-01-01,EUR,1.10
2024-01-05,EUR,1.2
2024-01-03,JPY,0.0067
"""


def write(folder: Path, rates: str, events: str = "reporting_currency: USD\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "events.yml").write_text(events)
    (folder / "exchange_rates.csv").write_text(rates)
    return folder


def test_rates_hold_from_their_day_to_the_next(tmp_path: Path) -> None:
    rates = load_catalog(write(tmp_path / "c", RATES)).exchange_rates
    found = [(one.currency, one.valid_from, one.valid_to, one.rate) for one in rates]
    assert found == [
        ("EUR", date(2024, 1, 1), date(2024, 1, 5), Decimal("1.1")),
        ("EUR", date(2024, 1, 5), None, Decimal("1.2")),
        ("JPY", date(2024, 1, 3), None, Decimal("0.0067")),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2024-01-32,EUR,1", "'2024-01-32' is no day"),
        ("2024-01-02,eur,1", "'eur' is no currency"),
        ("2024-01-02,EUR,x", "'x' is no number"),
        ("2024-01-02,EUR,0", "'0' is no rate"),
        ("2024-01-02,EUR,-1", "'-1' is no rate"),
        ("2024-01-02,EUR,NaN", "'NaN' is no rate"),
        ("2024-01-02,EUR", "a line has 3 cells"),
        ("2024-01-05,EUR,1.3", "EUR has a rate on 2024-01-05 already"),
    ],
)
def test_a_bad_rate_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    folder = write(tmp_path / "c", f"{RATES}{line}\n")
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    (problem,) = caught.value.problems
    assert told in problem.message
    assert problem.line == 5


def test_rates_need_a_reporting_currency_and_a_head(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="names no `reporting_currency`"):
        load_catalog(write(tmp_path / "a", RATES, "policy: warn\n"))
    with pytest.raises(CatalogError, match="the first line is to be date"):
        load_catalog(write(tmp_path / "b", "currency,rate\n"))
    with pytest.raises(CatalogError, match=r"'usd' is no currency.*did you mean 'USD'"):
        load_catalog(write(tmp_path / "c", RATES, "reporting_currency: usd\n"))


METRICS = """
metrics:
  - {name: net, label: Net, type: sum, event: sale, value: revenue, unit: %s}
  - {name: sales, label: Sales, type: count, event: sale, unit: sales}
  - name: per_sale
    label: Per sale
    type: ratio
    unit: USD
    numerator: {metric: net}
    denominator: {metric: sales}
  - name: listed
    label: Listed price
    type: sum
    event: sale
    value: property_number('price')
    unit: USD
"""


def test_converted_revenue_is_not_said_to_be_in_another_currency(
    tmp_path: Path,
) -> None:
    """A ratio over revenue is meant too; amounts in the properties stay as sent."""
    folder = write(tmp_path, "date,currency,rate\n", "reporting_currency: EUR\n")
    events = "reporting_currency: EUR\nevents: [{name: sale}]\n"
    (folder / "events.yml").write_text(events)
    (folder / "metrics.yml").write_text(METRICS % "USD")
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    told = [(one.line, one.message) for one in caught.value.problems]
    assert [line for line, _ in told] == [3, 8]
    assert all("write `unit: EUR`" in message for _, message in told)
    agreeing = (METRICS % "EUR").replace("type: ratio\n    unit: USD", "type: ratio")
    (folder / "metrics.yml").write_text(agreeing)
    assert len(load_catalog(folder).metrics) == 4


def revision(folder: Path, target: Path, newest: date) -> str:
    settings = CatalogSettings(newest_event_day=newest)
    compile_catalog(load_catalog(folder), settings, target)
    rows = pq.read_table(target / "catalog_settings.parquet").to_pylist()
    values = {row["key"]: row["value"] for row in rows}
    return values["rates_revision"] + values["event_rules_hash"]


def test_only_a_rate_that_an_event_may_use_rebuilds_the_events(tmp_path: Path) -> None:
    target, newest = tmp_path / "compiled", date(2024, 1, 9)
    first = revision(write(tmp_path / "c", RATES), target, newest)
    later = RATES + "2024-01-10,EUR,1.3\n"
    assert revision(write(tmp_path / "c", later), target, newest) == first
    assert revision(tmp_path / "c", target, date(2024, 1, 10)) == first
    within = later.replace("2024-01-05,EUR,1.2", "2024-01-05,EUR,1.25")
    changed = revision(write(tmp_path / "c", within), target, date(2024, 1, 10))
    assert changed != first
    assert revision(tmp_path / "c", target, date(2024, 1, 10)) == changed


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ("de", "DE"),
        ("deu", "DE"),
        ("germany", "DE"),
        ("federal republic of germany", "DE"),
        ("united kingdom", "GB"),
        ("uk", "GB"),
        ("usa", "US"),
        ("united states", "US"),
        ("south korea", "KR"),
        ("korea, republic of", "KR"),
        ("republic of korea", "KR"),
        ("türkiye", "TR"),
        ("turkey", "TR"),
        ("viet nam", "VN"),
        ("eire", "IE"),
    ],
)
def test_spellings_of_countries(spelled: str, code: str) -> None:
    assert country_spellings()[spelled] == code


def test_regions_are_spelled_once_in_their_country() -> None:
    found = {(country, text): code for country, text, code in region_spellings()}
    assert found["US", "california"] == found["US", "ca"] == "US-CA"
    assert found["GB", "gb-sct"] == found["GB", "scotland"] == "GB-SCT"
    assert found["DE", "bayern"] == "DE-BY"
    assert len(found) == len(list(region_spellings()))


NETWORKS = ("203.0.113.0/24", "10.0.0.0/8", "198.51.100.64/26", "2001:db8:1::/48")


def inside(addresses: list[str | None], networks: tuple[str, ...]) -> list[bool | None]:
    condition = in_networks(networks, "ip")
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {condition} from (select unnest($1::varchar[]) as ip)", [addresses]
        ).fetchall()
    return [row[0] for row in rows]


def test_addresses_in_networks() -> None:
    sent = ["203.0.113.255", "203.0.114.0", "10.9.8.7", "198.51.100.63", "::1"]
    sent += ["198.51.100.127", "2001:DB8:1:2::9", "2001:db8:10::9", "not an address"]
    found = [value is True for value in inside([*sent, None], NETWORKS)]
    assert found == [True, False, True, False, False, True, True, False, False, False]


@given(st.ip_addresses(v=4).map(str), st.integers(0, 32), st.ip_addresses(v=4))
def test_any_ipv4_network_is_judged_as_the_library_does(
    address: str, length: int, base: object
) -> None:
    network = ip_network(f"{base}/{length}", strict=False)
    expected = ip_address(address) in network
    assert inside([address], (str(network),)) == [expected]


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "example.com", "2001:db8::/33", "::/0"])
def test_a_network_that_cannot_be_judged_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="network"):
        TrafficRules(internal_networks=(bad,))


@pytest.mark.parametrize("bad", ["@acme.com", "ann@acme.com", "acme", "a b.com"])
def test_what_is_no_email_domain_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="behind the @, such as"):
        TrafficRules(internal_email_domains=(bad,))


@pytest.mark.parametrize(
    ("network", "addresses", "told"),
    [
        ("198.51.100.64/26", "truncate", "is finer than /24"),
        ("2001:db8:1:2::/64", "truncate", "is finer than /24"),
        ("10.0.0.0/8", "drop", "leaves no address"),
        ("10.0.0.0/8", "truncate", None),
    ],
)
def test_a_network_that_landing_leaves_untellable_is_told(
    tmp_path: Path, network: str, addresses: str, told: str | None
) -> None:
    (tmp_path / "events.yml").write_text(
        f"ip_addresses: {addresses}\ntraffic:\n  internal_networks:\n    - {network}\n"
    )
    if told is None:
        assert load_catalog(tmp_path).events.traffic.internal_networks == (network,)
        return
    with pytest.raises(CatalogError, match=told) as caught:
        load_catalog(tmp_path)
    assert caught.value.problems[0].line == 4


def judged(condition: str, **columns: str | None) -> bool | None:
    row = {"user_id": None, "properties": "{}", "platform": "web", **columns}
    names = ", ".join(f"${name}::varchar as {name}" for name in row)
    with duckdb.connect() as connection:
        ((found,),) = connection.execute(
            f"select {condition} from (select {names}, false as is_known_crawler)", row
        ).fetchall()
    assert found is None or isinstance(found, bool)
    return found


def test_internal_traffic_by_lists() -> None:
    rules = TrafficRules(
        internal="platform = 'internal'",
        internal_networks=("203.0.113.0/24",),
        internal_email_domains=("Acme.com",),
        internal_user_ids=("o'brien",),
    )
    sql = internal_filter(rules, "duckdb")
    assert judged(sql, platform="internal")
    assert judged(sql, user_id="o'brien")
    assert judged(sql, user_id="ann@ACME.com")
    assert judged(sql, properties='{"email": "ann@acme.com"}')
    assert judged(sql, properties='{"$set": {"email": "ann@acme.com"}}')
    assert judged(sql, properties='{"ip": "203.0.113.7"}')
    assert judged(sql, properties='{"ip": "203.0.112.7"}') is False
    assert judged(sql, user_id="ann@notacme.com") is False
    assert judged(internal_filter(TrafficRules(), "duckdb")) is False


def test_robots_by_expression_and_by_user_agent() -> None:
    rules = TrafficRules(bots="property('user_agent') like '%mybot%'")
    sql = bot_filter(rules, "duckdb")
    assert judged(sql, properties='{"user_agent": "mybot/1"}')
    assert judged(sql) is False
    assert judged(sql.replace("is_known_crawler", "true"))
    only = rules.model_copy(update={"known_crawlers": False})
    assert "is_known_crawler" not in bot_filter(only, "duckdb")
