"""Keys of objects: which a source wants, and where they land.

Belongs here: globs over keys, and safe file names. Not here: fetching (`s3`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

_LONGEST_NAME: Final = 240
# Besides these, a name keeps what it has; a letter is no danger in any alphabet.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\%]|^\.+")

_SIGN: Final = re.compile(r"\[!?[^\]]+\]|.", re.DOTALL)
_WILD: Final = {"*": "[^/]*", "?": "[^/]"}


def is_wanted(path: str, patterns: Sequence[str]) -> bool:
    """Say whether a key below the origin's folder matches one of the source's globs.

    As in the landing folder: `*` stays inside one folder, `**` is any number of them,
    and what starts with a dot is hidden. A key that ends in `/` is a folder's mark.
    """
    parts = path.split("/")
    if path.endswith("/") or any(part.startswith(".") for part in parts):
        return False
    return any(_pattern(pattern).fullmatch(path) for pattern in patterns)


def _pattern(glob: str) -> re.Pattern[str]:
    pieces = []
    parts = glob.split("/")
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            pieces.append(".*" if is_last else "(?:[^/]+/)*")
        else:
            inner = _SIGN.sub(_translated, part)
            pieces.append(inner if is_last else f"{inner}/")
    return re.compile("".join(pieces))


def _translated(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in _WILD:
        return _WILD[sign]
    if len(sign) > 2:
        inside = sign[1:-1].replace("\\", r"\\")
        return f"[^/{inside[1:]}]" if inside[0] == "!" else f"[{inside}]"
    return re.escape(sign)


def landing_path(path: str) -> str | None:
    """Give the file's path below the source's folder, None if no file can be named so.

    Different keys have different paths: what would leave the folder or is no name is
    written as %XX, and so is % itself.
    """
    parts = [_UNSAFE.sub(_hex, part) for part in path.split("/")]
    if any(not part or len(part.encode()) > _LONGEST_NAME for part in parts):
        return None
    return "/".join(parts)


def _hex(found: re.Match[str]) -> str:
    return "".join("%2E" if one == "." else quote(one, safe="") for one in found[0])
