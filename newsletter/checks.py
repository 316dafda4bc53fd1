"""A wrong configuration does not start: system checks with codes, each with a remedy.

What the environment says is checked when it is read (config.environment); here is what needs the whole product.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from newsletter import delivery

LOOPBACK = {"localhost"}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


@register()
def webhooks_need_a_secret(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    provider = settings.MAIL_URL.startswith("anymail:") and not settings.MAIL_URL.startswith("anymail:test")
    if provider and not settings.WEBHOOK_SECRET:
        hint = "Set WEBHOOK_SECRET to NAME:PASSWORD and give the provider the address with it."
        return [Error("WEBHOOK_SECRET is empty: bounces and complaints could not be heard.", hint=hint, id="paperround.E001")]
    return []


@register()
def mail_url_names_a_transport(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        delivery.transport_of(settings.MAIL_URL).close()
    except delivery.Configuration as error:
        return [Error(f"{error.reason}.", hint="docs/configure.md lists what MAIL_URL may be.", id="paperround.E003")]
    return []


@register()
def example_addresses_are_for_files(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.MAIL_URL.startswith("file:") or settings.MAIL_URL.startswith("anymail:test"):
        return []
    found = [name for name in ("MAIL_FROM", "SERVICE_FROM") if getattr(settings, name).rstrip(">").endswith("example.org")]
    if "Example Street" in settings.POSTAL_ADDRESS:
        found.append("POSTAL_ADDRESS")
    hint = "Every mail names its sender and a postal address; receivers and laws ask for true ones."
    return [Error(f"{name} is still the example.", hint=hint, id="paperround.E002") for name in found]


@register()
def desk_is_open_to_the_network(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if is_loopback(settings.HOST):
        return []
    scheme = urlsplit(settings.PUBLIC_URL).scheme if hasattr(settings, "PUBLIC_URL") else ""
    hint = "Keep /desk/ behind your own network's login until two-factor login is built, and use https."
    return [Warning(f"The desk listens on {settings.HOST} ({scheme}), beyond this machine.", hint=hint, id="paperround.W001")]
