"""The parts of a web address against Python's own parser and worked cases."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.web_address import query_parameter, url_host, url_path

_TEXTS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=12
)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def computed(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[str | None]
) -> list[str | None]:
    """Compute an expression over the column `v`, in the order of the values."""
    rows = connection.execute(
        f"select {sql} from (select unnest($1::varchar[]) as v)", [values]
    ).fetchall()
    return [value for (value,) in rows]


@pytest.mark.parametrize(
    ("sent", "path", "host"),
    [
        ("https://shop.example/cart?a=1#top", "/cart", "shop.example"),
        ("https://Shop.Example", "/", "shop.example"),
        ("https://shop.example?x=/no", "/", "shop.example"),
        ("https://shop.example/#/route?a=1", "/", "shop.example"),
        ("http://me:secret@shop.example:8080/a//b/", "/a//b/", "shop.example"),
        ("http://[2001:db8::1]:80/a", "/a", "[2001:db8::1]"),
        ("//cdn.example/a", "/a", "cdn.example"),
        ("app://home/tab", "/tab", "home"),
        ("android-app://com.example", "/", "com.example"),
        ("/cart?a=1", "/cart", None),
        ("/cart#top", "/cart", None),
        ("/cart", "/cart", None),
        ("/go?to=https://other.example/x", "/go", None),
        ("Sign up?", "Sign up?", None),
        ("home", "home", None),
        ("about:blank", "about:blank", None),
        ("file:///a/b", "/a/b", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_path_and_host(
    connection: duckdb.DuckDBPyConnection,
    sent: str | None,
    path: str | None,
    host: str | None,
) -> None:
    assert computed(connection, url_path("v"), [sent]) == [path]
    assert computed(connection, url_host("v"), [sent]) == [host]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("utm_source=news", "news"),
        ("a=1&utm_source=news&b=2", "news"),
        ("utm_source=first&utm_source=second", "first"),
        ("my_utm_source=no", None),
        ("utm_source=", None),
        ("utm_source=+", None),
        ("utm_source", None),
        ("UTM_SOURCE=no", None),
        ("utm_source=a+b%20c", "a b c"),
        ("utm_source=%C3%A9t%C3%A9", "été"),
        ("utm_source=1%2B1", "1+1"),
        ("utm_source=100%", "100%"),
        ("utm_source=%FF+x", "%FF+x"),
        ("a=1#utm_source=no", None),
    ],
)
def test_a_parameter_of_the_query(
    connection: duckdb.DuckDBPyConnection, query: str, expected: str | None
) -> None:
    sent = [f"https://shop.example/a?{query}", f"/a?{query}"]
    found = computed(connection, query_parameter("v", "utm_source"), sent)
    assert found == [expected, expected]


def test_no_query_no_parameter(connection: duckdb.DuckDBPyConnection) -> None:
    sent = [None, "", "/a&utm_source=x", "utm_source=x", "a#?utm_source=x"]
    sql = query_parameter("v", "utm_source")
    assert computed(connection, sql, list(sent)) == [None] * 5


@given(_TEXTS, st.lists(st.tuples(_TEXTS, _TEXTS), max_size=4), _TEXTS)
def test_the_parts_are_what_pythons_parser_finds(
    connection: duckdb.DuckDBPyConnection,
    path: str,
    others: list[tuple[str, str]],
    campaign: str,
) -> None:
    query = urlencode([*others, ("utm_campaign", campaign)])
    address = f"https://h.example/{quote(path)}?{query}#{quote_plus(campaign)}"
    split = urlsplit(address)
    (wanted, *_) = [v for k, v in parse_qsl(split.query) if k == "utm_campaign"] or [""]
    assert computed(connection, url_path("v"), [address]) == [split.path]
    assert computed(connection, url_host("v"), [address]) == [split.hostname]
    found = computed(connection, query_parameter("v", "utm_campaign"), [address])
    assert found == [wanted or None]
