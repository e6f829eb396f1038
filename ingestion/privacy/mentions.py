"""Where an id stands in a text: its spellings, and patterns that find and replace it.

Belongs here: what counts as a mention. Not here: which files are searched (`erasure`).

An id counts where it stands as a word: not inside a longer one. Ids that are short,
or short numbers, stand for other things too (`"quantity": 7`); they count only as the
value of a JSON key that speaks of a person, and as a whole field of a CSV line.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import quote

REPLACEMENT: Final = "erased"
# More alternatives than this overflow RE2's automaton: 2,000 took 14 us a text, 200
# take under 1.
_AT_ONCE: Final = 200
_WEAK_CHARACTERS: Final = 4
_WEAK_DIGITS: Final = 8
_PERSON_KEY: Final = (
    r'"[^"\n]{0,40}(?:[iI][dD]|[uU]ser|USER|[pP]erson|[vV]isitor|[dD]evice|[mM]ember)'
    r'[^"\n]{0,20}"\s*:\s*'
)
_BEFORE: Final = rb"(?:(?<![A-Za-z0-9_\x80-\xff-])|(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2}))"
_AFTER: Final = rb"(?![A-Za-z0-9_\x80-\xff-])"
# RE2 cannot look around: what stands beside an id is part of the match.
_BESIDE_BEFORE: Final = r"(^|[^\p{L}\p{N}_-]|\\[bfnrt]|%[0-9A-Fa-f]{2})"
_BESIDE_AFTER: Final = r"($|[^\p{L}\p{N}_-])"


def is_weak(one: str) -> bool:
    """Say whether an id is too common a text to be looked for by itself."""
    return len(one) < _WEAK_CHARACTERS or (one.isdigit() and len(one) <= _WEAK_DIGITS)


def spellings(one: str) -> set[str]:
    """Give an id as JSON, CSV, HTML and addresses write it, unquoted."""
    ascii_json = json.dumps(one)[1:-1]
    found = {one, ascii_json, json.dumps(one, ensure_ascii=False)[1:-1]}
    found |= {ascii_json.replace("/", "\\/"), html.escape(one), quote(one, safe="")}
    found.add(one.replace('"', '""'))
    return found | {json.dumps(text)[1:-1] for text in (ascii_json, html.escape(one))}


@dataclass(frozen=True)
class Mentions:
    """The ids of persons, as patterns over texts."""

    ids: tuple[str, ...]

    @cached_property
    def strong(self) -> list[str]:
        """Spellings of the ids that count wherever they stand as a word."""
        kept = [one for one in self.ids if not is_weak(one)]
        return sorted({text for one in kept for text in spellings(one)})

    @cached_property
    def weak(self) -> list[str]:
        """The ids that count only under a key that speaks of a person."""
        return sorted({one for one in self.ids if is_weak(one)})

    @cached_property
    def sql_patterns(self) -> list[tuple[str, str]]:
        """Patterns of RE2 with their replacements; apply each twice.

        Two mentions may share the character between them.
        """
        strong = [
            (f"{_BESIDE_BEFORE}(?:{one}){_BESIDE_AFTER}", rf"\1{REPLACEMENT}\2")
            for one in _alternatives(self.strong)
        ]
        weak = [
            (rf'({_PERSON_KEY})"?(?:{one})"?(\s*[,}}\]]|$)', rf'\1"{REPLACEMENT}"\2')
            for one in _alternatives(self.weak)
        ]
        return strong + weak

    @cached_property
    def pattern(self) -> re.Pattern[bytes] | None:
        """One pattern over bytes for everything but CSV fields; None without ids."""
        parts = []
        if self.strong:
            parts.append(
                _BEFORE + b"(?:" + b"|".join(_bytes(self.strong)) + b")" + _AFTER
            )
        if self.weak:
            parts.append(
                rb"(?P<key>"
                + _PERSON_KEY.encode()
                + rb')"?(?:'
                + b"|".join(_bytes(self.weak))
                + rb')"?(?=\s*[,}\]\r\n]|\Z)'
            )
        if not parts:
            return None
        # E-mail addresses are one person's in any case of letters.
        return re.compile(b"|".join(parts), re.IGNORECASE if self._has_mail else 0)

    @cached_property
    def field_pattern(self) -> re.Pattern[bytes] | None:
        """The pattern of a line of CSV: short ids count as whole fields."""
        if not self.weak:
            return self.pattern
        fields = b"|".join(_bytes(self.weak))
        field = rb'(?:(?<=[,;\t|"])|(?<![^\n]))(?:' + fields + rb')(?=[,;\t|"\r\n]|\Z)'
        strong = Mentions(tuple(one for one in self.ids if not is_weak(one))).pattern
        whole = field if strong is None else strong.pattern + b"|" + field
        return re.compile(whole, re.IGNORECASE if self._has_mail else 0)

    @property
    def _has_mail(self) -> bool:
        return any("@" in one for one in self.ids)

    def stand_in(self, content: bytes, *, fields: bool = False) -> bool:
        """Say whether an id is mentioned."""
        pattern = self.field_pattern if fields else self.pattern
        return pattern is not None and pattern.search(content) is not None

    def replaced(self, content: bytes) -> tuple[bytes, int]:
        """Give the content with every mention replaced, and how many there were."""
        if self.pattern is None:
            return content, 0
        word = REPLACEMENT.encode()

        def stand_in(found: re.Match[bytes]) -> bytes:
            key = found.groupdict().get("key")
            return word if key is None else key + b'"' + word + b'"'

        return self.pattern.subn(stand_in, content)

    def without_lines(self, content: bytes, *, fields: bool) -> tuple[bytes, int]:
        """Give the content without the lines that mention an id, and how many.

        With `fields` a line of CSV ends at a line break that stands in no quotes.
        """
        pattern = self.field_pattern if fields else self.pattern
        kept, position, count = [], 0, 0
        found = pattern.search(content) if pattern else None
        while pattern and found:
            start, end = _line_around(content, found.span(), position, fields=fields)
            kept.append(content[position:start])
            position, count = end, count + 1
            found = pattern.search(content, end)
        return b"".join((*kept, content[position:])), count


def end_of_lines(content: bytes, *, fields: bool) -> int:
    """Give where the last whole line of some content ends; 0 if none does."""
    end = content.rfind(b"\n") + 1
    while fields and end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end


def _line_around(
    content: bytes, span: tuple[int, int], base: int, *, fields: bool
) -> tuple[int, int]:
    """Give the line that holds a span; `base` is where an earlier line ended."""
    start = content.rfind(b"\n", base, span[0]) + 1 or base
    while fields and start > base and content.count(b'"', base, start) % 2:
        start = content.rfind(b"\n", base, start - 1) + 1 or base
    end = content.find(b"\n", span[1]) + 1 or len(content)
    while fields and end < len(content) and content.count(b'"', start, end) % 2:
        end = content.find(b"\n", end) + 1 or len(content)
    return start, end


def _bytes(texts: Iterable[str]) -> list[bytes]:
    return [re.escape(text.encode("utf-8", "surrogatepass")) for text in texts]


def _alternatives(texts: list[str]) -> Iterator[str]:
    for start in range(0, len(texts), _AT_ONCE):
        part = texts[start : start + _AT_ONCE]
        yield "|".join(
            f"(?i:{re.escape(one)})" if "@" in one else re.escape(one) for one in part
        )
