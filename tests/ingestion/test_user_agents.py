"""What a user agent says, and that each is parsed once."""

from __future__ import annotations

from pathlib import Path

import crawleruseragents
import pyarrow.parquet as pq
import pytest

from ingestion.user_agents import (
    USER_AGENTS_FILE,
    UserAgent,
    add_user_agents,
    ensure_user_agents,
    parsed_user_agent,
)
from tests.ingestion.landing_home import Home, event

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")
PIXEL = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36"
)
GALAXY_TAB = PIXEL.replace("Pixel 8", "SM-X700").replace(" Mobile", "")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("sent", "browser", "os", "device_type"),
    [
        (WINDOWS, "Chrome", "Windows", "desktop"),
        (IPHONE, "Safari", "iOS", "mobile"),
        (IPAD, "Safari", "iOS", "tablet"),
        (PIXEL, "Chrome", "Android", "mobile"),
        (GALAXY_TAB, "Chrome", "Android", "tablet"),
        ("okhttp/4.12.0", "okhttp", None, None),
        ("no user agent", None, None, None),
    ],
)
def test_a_persons_user_agent(
    sent: str, browser: str | None, os: str | None, device_type: str | None
) -> None:
    expected = UserAgent(sent, browser, os, device_type, False)
    assert parsed_user_agent(sent) == expected


def test_known_crawlers_are_known() -> None:
    listed = [
        example
        for crawler in crawleruseragents.CRAWLER_USER_AGENTS_DATA
        for example in crawler.get("instances", [])[:1]
        if "okhttp" not in example
    ]
    unlisted = "Mozilla/5.0 (compatible; GreedyBot/2.1; +https://bot.example/info)"
    robots = [*listed, unlisted]
    assert all(parsed_user_agent(example).is_known_crawler for example in robots)
    assert len(listed) > 300


def table(directory: Path) -> dict[str, bool]:
    rows = pq.read_table(directory / USER_AGENTS_FILE).to_pylist()
    return {row["user_agent"]: row["is_known_crawler"] for row in rows}


def test_each_load_adds_what_it_is_the_first_to_bring(
    home: Home, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    ensure_user_agents(catalog)
    assert table(catalog) == {}
    first = [
        event(1, user_agent=WINDOWS),
        event(2, properties={"userAgent": GOOGLEBOT}),
        event(3, user_agent=WINDOWS),
        event(4),
        event(5, user_agent=""),
    ]
    home.write("app/1.jsonl", first)
    home.land()
    assert add_user_agents(home.lake, catalog) == 2
    assert table(catalog) == {WINDOWS: False, GOOGLEBOT: True}
    home.write(
        "app/2.jsonl", [event(6, user_agent=PIXEL), event(7, user_agent=WINDOWS)]
    )
    home.land()
    assert add_user_agents(home.lake, catalog) == 3
    before = (catalog / USER_AGENTS_FILE).stat().st_mtime_ns
    assert add_user_agents(home.lake, catalog) == 3
    assert (catalog / USER_AGENTS_FILE).stat().st_mtime_ns == before


def test_a_table_of_an_older_parser_is_made_anew(home: Home, tmp_path: Path) -> None:
    home.write("app/1.jsonl", [event(1, user_agent=GOOGLEBOT)])
    home.land()
    add_user_agents(home.lake, tmp_path)
    path = tmp_path / USER_AGENTS_FILE
    old = pq.read_table(path)
    state = b'{"parser": "older", "through": "99990101T000000000000"}'
    unknown = old.set_column(4, old.schema.field(4), [[False]])
    pq.write_table(unknown.replace_schema_metadata({b"daybreak": state}), path)
    assert table(tmp_path) == {GOOGLEBOT: False}
    assert add_user_agents(home.lake, tmp_path) == 1
    assert table(tmp_path) == {GOOGLEBOT: True}
