"""The networks that sign-ups come from: how many one may ask for in an hour, whoever they are for."""

from __future__ import annotations

import ipaddress
from datetime import datetime

from django.conf import settings

from newsletter import links
from newsletter.subscribers.allowances import Hour

_PREFIX = {4: 24, 6: 48}  # what one customer is usually given; a single machine changes its address within it at will


class TooMany(Exception):
    """This network has asked too often; nothing was stored. seconds: when it may ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many sign-ups from this network; again in {seconds} s")
        self.seconds = seconds


def network_of(address: str) -> str:
    """The /24 or /48 around an IP address, as text; an IPv4 address in IPv6's clothes is IPv4. What is none stays as it is."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, _PREFIX[found.version]), strict=False))


def key_of(address: str) -> str:
    """Keyed hash of the network around an IP address."""
    return links.keyed_hash("network", network_of(address))


def enter(address: str, *, now: datetime) -> None:
    """Count one request of this network, whatever it asks for. Raises TooMany. Call first in the transaction: what comes
    from one network waits here, in one order with everything else that is locked.

    An empty address is nobody's network and not counted: whoever came by a signed link, or over a socket without a proxy
    that is believed. The limits of the address and of the hour hold all the same.
    """
    if not address:
        return
    hour = Hour("network", settings.SIGN_UPS_A_NETWORK)
    key = key_of(address)
    if not hour.take(key, now=now):
        raise TooMany(hour.wait_seconds(key, now=now))
