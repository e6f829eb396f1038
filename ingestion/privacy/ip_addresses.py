"""IP addresses inside the properties: truncated to their network, or dropped.

Belongs here: which field names hold an address, and the SQL that replaces its value in
the text of a JSON object, at any depth. Not here: fields a plan declares (`fields`).

In the text itself, because nearly all vendors send an address with every event, and
rewriting the files of a load for it would cost half of the landing again. A name inside
a JSON string has its quotes escaped and never looks like a key.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from ingestion.catalog.privacy_models import IP_NAMES, IpAddresses
from ingestion.sql_text import text

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_H: Final = "[0-9a-fA-F]{1,4}"
_REST: Final = "[0-9a-fA-F:.]*"
_LIST: Final = rf'\[(?:{_STRING}|[^"\[\]{{}}])*\]'
# Every name of `IP_NAMES` has one of the first, and one of the second.
_COMMON_SIGNS: Final = ("ip", 'Ip"')
_SIGNS: Final = ('ip"', 'Ip"', "ip_a", "ipa", "ipA")
_REWRITE_V4: Final = r'\10"'
_OTHER: Final = rf"{_STRING}|-?[0-9][0-9.eE+-]*|{_LIST}"


def masked_addresses(
    value: str, policy: IpAddresses, declared: Collection[str] = ()
) -> str:
    """Give JSON text with the addresses truncated (/24, IPv6 /48), or null.

    `declared` names are left to what their plan says. A text that is no address, such
    as a list of several, becomes empty rather than stay.
    """
    names = [name for name in IP_NAMES if name not in declared]
    if not names:
        return value
    key = f'"(?:{"|".join(map(re.escape, names))})"'
    replaced = _dropped(value, key) if policy == "drop" else _truncated(value, key)
    return f"case when {_may_have(value)} then {replaced} else {value} end"


def _may_have(value: str) -> str:
    """Give a cheap condition; two looks settle it for events without an address."""
    common, rarer = (
        " or ".join(f"contains({value}, {text(sign)})" for sign in signs)
        for signs in (_COMMON_SIGNS, _SIGNS)
    )
    return f"({common}) and ({rarer})"


def _dropped(value: str, key: str) -> str:
    pattern = rf"({key}\s*:\s*)(?:{_OTHER})"
    return f"regexp_replace({value}, {text(pattern)}, '\\1null', 'g')"


def _truncated(value: str, key: str) -> str:
    """Treat plain IPv4 apart: one pattern costs a quarter of the whole treatment."""
    plain = rf'({key}\s*:\s*"[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]{{1,3}}\.)[0-9]{{1,3}}"'
    cut = f"regexp_replace({value}, {text(plain)}, {text(_REWRITE_V4)}, 'g')"
    other = (
        rf'{key}\s*:\s*(?:[\[0-9-]|"(?:[0-9.]*[^0-9."]|(?:[0-9]*\.){{0,2}}[0-9]+"'
        r"|(?:[0-9]*\.){4}))"
    )
    return (
        f"case when regexp_matches({value}, {text(other)}) "
        f"then {_all_truncated(value, key)} else {cut} end"
    )


def _all_truncated(value: str, key: str) -> str:
    """Keep the network of any address; then write what stands for the rest."""
    v4 = r"([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}(?::[0-9]+)?"
    zone = r'(?:%[^"\\]*)?'
    v6 = f"({_H}:{_H}:{_H}:){_REST}{zone}|((?:{_H}:){{1,2}}:){_REST}{zone}|(::){_REST}"
    network = rf'({key}\s*:\s*)(?:"\s*(?:{v4}|{v6})\s*"|{_OTHER})'
    v4_cut = rf'({key}\s*:\s*"[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]{{1,3}})"'
    v6_cut = rf'({key}\s*:\s*"(?:{_H}:){{3}})"'
    for pattern, rewrite in (
        (network, r'\1"\2\3\4\5"'),
        (v4_cut, r'\1.0"'),
        (v6_cut, r'\1:"'),
    ):
        value = f"regexp_replace({value}, {text(pattern)}, {text(rewrite)}, 'g')"
    return value
