"""Parts of a web address as SQL: its path, its host, a parameter of its query.

Belongs here: what a path, a host and a query parameter are, as text of SQL over a text
of SQL. Not here: which key of a client holds the address (the adapters), or what a
campaign is called there.

Every expression looks for a cheap sign first (a `://`, the parameter's name), so that
only texts that may hold the part meet a regular expression.
"""

from __future__ import annotations

import re
from typing import Final

from ingestion.sql_text import text

# Scheme, or the two slashes of an address without one, then user, host and port.
_ORIGIN: Final = r"^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//"
_PATH: Final = _ORIGIN + r"[^/?#]*([^?#]*)"
_HOST: Final = _ORIGIN + r"(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:]*)"


def is_address(value: str) -> str:
    """Give the condition that a text is a whole address: it names a host.

    `https://shop.example/cart`, `//shop.example`, `app://home`; neither `/cart` nor
    `cart` nor `/go?to=https://shop.example`. False for null.
    """
    return (
        f"case when contains({value}, '://') or starts_with({value}, '//') "
        f"then regexp_matches({value}, {text(_ORIGIN)}) else false end"
    )


def url_path(value: str) -> str:
    """Give the path of an address, without host, query and fragment, as it was sent.

    The path of an address that names a host only is `/`. A text that starts with `/`
    loses its query and fragment; any other text (a screen's name) is no address and
    stays as it is. Null for null.
    """
    whole = f"regexp_extract({value}, {text(_PATH)}, 1)"
    return (
        f"case when {is_address(value)} then coalesce(nullif({whole}, ''), '/') "
        f"when starts_with({value}, '/') and (contains({value}, '?') "
        f"or contains({value}, '#')) "
        f"then regexp_extract({value}, '^[^?#]*') "
        f"else {value} end"
    )


def url_host(value: str) -> str:
    """Give the host of an address in lower case, without user and port.

    Null where the text is no whole address, or its host is empty.
    """
    return (
        f"case when {is_address(value)} "
        f"then nullif(lower(regexp_extract({value}, {text(_HOST)}, 1)), '') end"
    )


def query_parameter(value: str, parameter: str) -> str:
    """Give the first value of a parameter in the query of an address, decoded.

    `+` is a blank and `%C3%A9` an é; what is no UTF-8 after decoding stays as it was
    sent. The name is matched as it is written, upper and lower case apart. Null where
    the query has no such parameter, or it is empty. A query after `#` is none.
    """
    # `??`, because the first of two equal names counts, not the last.
    pattern = rf"^[^?#]*\?(?:[^#]*?&)??{re.escape(parameter)}=([^&#]*)"
    sent = f"nullif(regexp_extract({value}, {text(pattern)}, 1), '')"
    # A lambda, because the text is needed four times.
    decoded = (
        "case when contains(sent, '%') then coalesce("
        "try(url_decode(replace(sent, '+', ' '))), sent) "
        "when contains(sent, '+') then replace(sent, '+', ' ') else sent end"
    )
    return (
        f"case when contains({value}, {text(parameter + '=')}) "
        f"then nullif(trim(list_transform([{sent}], lambda sent: {decoded})[1]), '') "
        "end"
    )
