"""ISO 3166 codes for the names and codes under which clients send countries.

Belongs here: which text means which country, which text which region of a country. The
data comes with pycountry (Debian's iso-codes). Not here: where an event happened: a
field says it, no address is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

import pycountry

# What people write and no standard holds.
_SPOKEN: Final = {
    "uk": "GB",
    "great britain": "GB",
    "britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "usa": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "america": "US",
    "united states of america": "US",
    "russia": "RU",
    "south korea": "KR",
    "north korea": "KP",
    "vietnam": "VN",
    "czech republic": "CZ",
    "holland": "NL",
    "the netherlands": "NL",
    "turkey": "TR",
    "ivory coast": "CI",
    "uae": "AE",
    "eire": "IE",
    "rsa": "ZA",
    "deutschland": "DE",
    "españa": "ES",
    "italia": "IT",
    "brasil": "BR",
    "österreich": "AT",
    "schweiz": "CH",
    "swaziland": "SZ",
    "macedonia": "MK",
    "cape verde": "CV",
    "macau": "MO",
    "palestine": "PS",
    "kosovo": "XK",
}


def country_data_version() -> str:
    """Name the data that countries are told by."""
    return f"pycountry {version('pycountry')}"


def country_spellings() -> dict[str, str]:
    """Give the alpha-2 code of every known spelling, in lower case."""
    found: dict[str, str] = {}
    for country in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            spelled = getattr(country, field, None)
            if spelled:
                found.setdefault(spelled.lower(), country.alpha_2)
                # "Korea, Republic of" is also "Republic of Korea".
                first, comma, rest = spelled.lower().partition(", ")
                if comma:
                    found.setdefault(f"{rest} {first}", country.alpha_2)
    return {**found, **_SPOKEN}


def region_spellings() -> Iterator[tuple[str, str, str]]:
    """Give country, spelling in lower case and ISO 3166-2 code of every region.

    A region is spelled by its code, by what follows the country in it, or by its name.
    Two regions of one name in one country: the one with the lesser code.
    """
    seen: set[tuple[str, str]] = set()
    regions = sorted(pycountry.subdivisions, key=lambda region: region.code)
    for spelling_of in ("code", "short", "name"):
        for region in regions:
            spelled = {
                "code": region.code,
                "short": region.code.partition("-")[2],
                "name": region.name,
            }[spelling_of].lower()
            if (region.country_code, spelled) not in seen:
                seen.add((region.country_code, spelled))
                yield region.country_code, spelled, region.code
