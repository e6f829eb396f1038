"""Lines of a vendor, damaged as files get damaged and clients get wrong.

Belongs here: what is done to a line. Not here: what must hold afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

# What a client may send where something else is expected.
VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 5, 1.5, -0.0, 1e308, 10**40, 253402300800, -(10**17)),
    *(
        "",
        " ",
        "null",
        "undefined",
        "NaN",
        "-infinity",
        "{}",
        "[1",
        '{"a":1}',
        "é\u0000",
    ),
    *("1" * 400, "12.7", "1e5", "0x1F", "2024-02-30T25:61:00Z", "yesterday", "'; --"),
    *("https://a.example?utm_source=%ff%C3", "//", "%", "\ud7ff\U0001f600", "$device:"),
    *([], [1, None, "a"], [[[[]]]], {}, {"a": {"b": [1, {"c": None}]}}, {"": ""}),
    *(
        [{"key": "a", "value": {"int_value": "x"}}, None, 5],
        {"key": 1},
        [{"key": None}],
    ),
)
KEYS: Sequence[str] = (
    *("", " ", "$set", "$ids", "$event_name", "page_url", "a.b", 'q"uote', "it's", "é"),
    *("event", "EVENT", "properties", "$event.$set", "__e", "__raw", "x/y~z", "\\"),
)
BYTES: Sequence[bytes] = (
    *(b"", b"\x00", b"\xff", b"\xc3", b"\n", b"\r", b"\r\n", b"\t", b'"', b"\\", b"{"),
    *(
        b"}",
        b"[",
        b",",
        b":",
        b" ",
        b"null",
        b"\xef\xbb\xbf",
        b"\x1f",
        b"\x01",
        b"1e999",
    ),
)

Mutation = Callable[[bytes, Random], bytes]


def byte_changed(line: bytes, random: Random) -> bytes:
    at = random.randrange(len(line) + 1)
    gone = random.choice((0, 1, 1, 2, 40))
    return line[:at] + random.choice(BYTES) + line[at + gone :]


def cut_off(line: bytes, random: Random) -> bytes:
    return line[: random.randrange(len(line) + 1)]


def doubled(line: bytes, random: Random) -> bytes:
    at = random.randrange(len(line) + 1)
    return line + line[at:]


def reshaped(line: bytes, random: Random) -> bytes:
    """Change values, keys and shape of a line of JSON; other lines lose a field."""
    try:
        row = json.loads(line)
    except ValueError:
        fields = line.split(b"\t")
        fields[random.randrange(len(fields))] = json.dumps(
            random.choice(VALUES)
        ).encode()
        return b"\t".join(fields)
    for _ in range(random.choice((1, 1, 2, 5))):
        row = changed(row, random)
    text = json.dumps(row, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1:
        # A key twice, which JSON allows and a mapping cannot hold.
        text = text.replace("{", '{"event":"twice","event":2,', 1)
    return text.encode("utf-8", "replace")


def changed(value: Any, random: Random) -> Any:
    """Change something inside a value, deeper as a rule."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        return _changed_object(dict(value), random)
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        inside = changed(value[at], random)
        return random.choice(
            ([*value[:at], inside, *value[at + 1 :]], value[:at], [*value, inside])
        )
    return random.choice(VALUES)


def _changed_object(row: dict[str, Any], random: Random) -> dict[str, Any]:
    key = random.choice(list(row))
    kind = random.randrange(6)
    if kind == 0:
        del row[key]
    elif kind == 1:
        row[random.choice((*KEYS, key.upper(), key + " "))] = row.pop(key)
    elif kind == 2:
        row[random.choice(KEYS)] = random.choice(VALUES)
    elif kind == 3:
        row[key] = json.dumps(row[key])
    else:
        row[key] = changed(row[key], random)
    return row


MUTATIONS: Sequence[Mutation] = (
    *(reshaped, reshaped, reshaped, reshaped, byte_changed, cut_off, doubled),
)


def mutated(line: bytes, random: Random) -> bytes:
    """Damage a line once or twice; one in eight stays as it was."""
    for _ in range(random.choice((0, 1, 1, 1, 1, 1, 2, 2))):
        line = random.choice(MUTATIONS)(line, random)
    return line
