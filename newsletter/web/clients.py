"""Whom a request comes from, as far as it can be believed."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The client's IP address as text; behind TRUSTED_PROXIES the nearest one in X-Forwarded-For that is no proxy of ours.

    Read from the right: what stands further left was written by the client, who may write what he likes. Empty on a socket.
    """
    nearest = str(request.META.get("REMOTE_ADDR", ""))
    told = request.headers.get("X-Forwarded-For", "").split(",")
    while _is_ours(nearest) and told:
        said = _bare(told.pop())
        if not said:
            break
        nearest = said
    return nearest


def _is_ours(address: str) -> bool:
    """A proxy of ours. A socket without an address is one too, as soon as any is named: only this machine can reach it."""
    if not address:
        return bool(settings.TRUSTED_PROXIES)
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in settings.TRUSTED_PROXIES if network.version == found.version)


def _bare(text: str) -> str:
    """Some proxies add a port, and brackets around IPv6. Empty for what is no IP address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
