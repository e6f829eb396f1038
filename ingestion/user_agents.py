"""User agents that landed events carry, each parsed once: a table beside the lake.

Belongs here: finding the new ones in new loads, and what a user agent says of browser,
operating system, device and robot. Not here: which events are a robot's (the traffic
rules of the catalog, in dbt).

A table of distinct texts beside the events, not columns inside them: what a parser
makes of a text is derived, and changes with its data. A product of ten million events a
night has some thousand texts; a join over them costs an event next to nothing, and a
newer parser is a rebuild of this table, not of the lake. The file is derived: without
it, the next night writes it again.

Measured over 2,134 real texts (one core): ua-parser with its Rust engine 25
microseconds a text, crawler-user-agents 42, device-detector 6,329 and 2.5 s to start.
Of crawler-user-agents' own examples the first knows 62 % as robots, the last 72 %; the
first knows robots by the word too, which a list of names does not: either of them says
robot, and neither did of the browsers tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import crawleruseragents
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from ua_parser import parse

from ingestion.durable import put_in_place
from ingestion.lake import Lake
from ingestion.sql_text import text

USER_AGENTS_FILE: Final = "user_agents.parquet"
USER_AGENT_KEYS: Final = ("user_agent", "userAgent")
_COLUMNS: Final = pa.schema(
    [
        pa.field("user_agent", pa.string()),
        pa.field("browser", pa.string()),
        pa.field("os", pa.string()),
        pa.field("device_type", pa.string()),
        pa.field("is_known_crawler", pa.bool_()),
    ]
)
_STATE: Final = b"daybreak"
# Programs that people use send these too: an app on Android says okhttp.
_NOT_ONLY_CRAWLERS: Final = re.compile(r"okhttp", re.I)
_DESKTOPS: Final = frozenset(
    {
        *("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS"),
        *("FreeBSD", "OpenBSD", "NetBSD", "Solaris"),
    }
)
_TV: Final = re.compile(r"\bTV\b|Smart-?TV|AppleTV|BRAVIA|Roku|Tizen .*TV", re.I)
_TABLET: Final = re.compile(r"iPad|Tablet|PlayBook|Kindle|Silk/")


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What a user agent says; None where it says nothing of it.

    `browser` is named alike on desktop and mobile; `device_type` is desktop, mobile,
    tablet or tv.
    """

    user_agent: str
    browser: str | None
    os: str | None
    device_type: str | None
    is_known_crawler: bool


def parser_version() -> str:
    """Name the data that user agents are parsed with; another parses them anew."""
    names = ("ua-parser-builtins", "crawler-user-agents")
    return ", ".join(f"{name} {version(name)}" for name in names)


def parsed_user_agent(sent: str) -> UserAgent:
    """Read one user agent."""
    found = parse(sent)
    browser = found.user_agent.family if found.user_agent else None
    os_name = found.os.family if found.os else None
    return UserAgent(
        user_agent=sent,
        browser=" ".join(browser.replace("Mobile", "").split()) if browser else None,
        os=os_name,
        device_type=_device_type(sent, os_name),
        is_known_crawler=(found.device is not None and found.device.family == "Spider")
        or _is_crawler(sent),
    )


def add_user_agents(lake_dir: Path, directory: Path) -> int:
    """Parse the user agents of loads not looked into yet; give how many are known.

    The file in `directory` is replaced whole. With a newer parser all texts are parsed
    again.
    """
    lake = Lake(lake_dir)
    target = directory / USER_AGENTS_FILE
    known, through = _known(target)
    loads = [load for load in lake.load_ids() if load > through]
    sent = _sent_in(lake, loads)
    state = _state(target)
    if target.exists() and not loads and state.get("parser") == parser_version():
        return len(known)
    fresh = sorted(sent - known.keys())
    kept = list(known.values())
    if state.get("parser") != parser_version():
        kept = [parsed_user_agent(one) for one in known]
    rows = [*kept, *map(parsed_user_agent, fresh)]
    newest = max((through, *loads))
    _write(target, rows, {"parser": parser_version(), "through": newest})
    return len(rows)


def ensure_user_agents(directory: Path) -> None:
    """Write an empty table where there is none yet, so that dbt can read one."""
    target = directory / USER_AGENTS_FILE
    if not target.exists():
        _write(target, [], {})


def _known(target: Path) -> tuple[dict[str, UserAgent], str]:
    if not target.exists():
        return {}, ""
    rows = pq.read_table(target).to_pylist()
    known = {row["user_agent"]: UserAgent(**row) for row in rows}
    return known, _state(target).get("through", "")


def _state(target: Path) -> dict[str, str]:
    if not target.exists():
        return {}
    metadata = pq.read_schema(target).metadata or {}
    found: dict[str, str] = json.loads(metadata.get(_STATE, b"{}"))
    return found


def _sent_in(lake: Lake, loads: Iterable[str]) -> set[str]:
    globs = [
        str(lake.events / f"load={load}" / "date=*" / "*.parquet")
        for load in loads
        if any((lake.events / f"load={load}").glob("date=*"))
    ]
    if not globs:
        return set()
    pointers = ", ".join(text(f"/{key}") for key in USER_AGENT_KEYS)
    # Looking for the text first spares events without one a parse.
    found = (
        "case when contains(properties, 'ser_agent\"') "
        "or contains(properties, 'serAgent\"') "
        f"then list_any_value(json_extract_string(properties, [{pointers}])) end"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select distinct {found} as sent from read_parquet("
            f"[{', '.join(map(text, globs))}], hive_partitioning = false) "
            "where sent <> '' order by sent"
        ).fetchall()
    return {str(row[0]) for row in rows}


def _write(target: Path, rows: list[UserAgent], state: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = _COLUMNS.with_metadata({_STATE: json.dumps(state).encode()})
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)
    aside = target.with_suffix(".incoming")
    pq.write_table(table, aside)
    put_in_place(aside, target)


def _is_crawler(sent: str) -> bool:
    return bool(crawleruseragents.is_crawler(_NOT_ONLY_CRAWLERS.sub("", sent)))


def _device_type(sent: str, os_name: str | None) -> str | None:
    if _TV.search(sent):
        return "tv"
    if _TABLET.search(sent) or (os_name == "Android" and "Mobile" not in sent):
        # An app's own client on Android says neither: it is no tablet for that.
        return "tablet" if "Mozilla/" in sent else "mobile"
    if os_name in ("Android", "iOS", "Windows Phone") or "Mobi" in sent:
        return "mobile"
    return "desktop" if os_name in _DESKTOPS else None
