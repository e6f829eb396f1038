"""Networks a catalog names, and the condition that an address lies in one.

Belongs here: ranges of IP addresses as text and as a declared expression. Not here:
what becomes of addresses at the door (`ingestion.privacy`).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator

_GROUP_BITS: Final = 16


def _checked(text: str) -> str:
    network = _network(text)
    if isinstance(network, IPv6Network):
        _prefix_of_texts(network)
    return text


Network = Annotated[str, AfterValidator(_checked)]
"""A range of IP addresses in CIDR notation, or a single address."""


def in_networks(texts: tuple[str, ...], address: str) -> str:
    """Give the condition that an address (SQL text) lies in one of the networks.

    IPv4 by the number an address is; IPv6 by the beginning of its canonical text (RFC
    5952), which is why its networks end on a group.
    """
    networks = [_network(text) for text in texts]
    parts = [
        f"starts_with(lower({address}), '{_prefix_of_texts(network)}')"
        for network in networks
        if isinstance(network, IPv6Network)
    ]
    parts_of_number = (
        (f"split_part({address}, '.', {place})", 256 ** (4 - place))
        for place in range(1, 5)
    )
    number = " + ".join(
        f"try_cast({part} as bigint) * {weight}" for part, weight in parts_of_number
    )
    parts += [
        f"({number}) between {int(network[0])} and {int(network[-1])}"
        for network in networks
        if isinstance(network, IPv4Network)
    ]
    return " or ".join(parts)


def is_finer_than_truncated(text: str) -> bool:
    """Say whether a network cannot be told once addresses are cut to /24, IPv6 /48."""
    network = _network(text)
    return network.prefixlen > (24 if network.version == 4 else 48)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"'{text}' is no network ({error}): write one such as 203.0.113.0/24"
        ) from None


def _prefix_of_texts(network: IPv6Network) -> str:
    """Give how the texts of all addresses of a network begin."""
    groups, rest = divmod(network.prefixlen, _GROUP_BITS)
    parts = network.network_address.exploded.split(":")[:groups]
    if rest or not groups or any(int(part, 16) == 0 for part in parts):
        raise ValueError(
            f"'{network}' does not end on a group of four digits, or has a group of "
            "zeros: write an IPv6 network such as 2001:db8:1::/48"
        )
    whole = ":".join(f"{int(part, 16):x}" for part in parts)
    return whole if network.prefixlen == network.max_prefixlen else f"{whole}:"
