"""A wrong configuration does not start: system checks with codes, each with a remedy.

What the environment says is checked when it is read (config.environment); here is what needs the whole product.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from newsletter import delivery, events

LOOPBACK = {"localhost"}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


@register()
def webhooks_need_a_secret(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    urls = (settings.MAIL_URL, settings.MAIL_URL_2)
    provider = any(url.startswith("anymail:") and not url.startswith("anymail:test") for url in urls)
    if provider and not settings.WEBHOOK_SECRET:
        hint = "Set WEBHOOK_SECRET to NAME:PASSWORD and give the provider the address with it."
        return [Error("WEBHOOK_SECRET is empty: bounces and complaints could not be heard.", hint=hint, id="paperround.E001")]
    return []


@register()
def signing_providers_need_their_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    providers = {urlsplit(url).path for url in (settings.MAIL_URL, settings.MAIL_URL_2) if url.startswith("anymail:")}
    errors: list[CheckMessage] = []
    for provider in sorted(providers & {*events.KEYED} - {*settings.WEBHOOK_KEYS}):
        hint = f"Copy the key from the webhook page of {provider} and set WEBHOOK_KEYS to {provider}=KEY."
        said = f"WEBHOOK_KEYS holds no key of {provider}: all it says would be refused."
        errors.append(Error(said, hint=hint, id="paperround.E004"))
    return errors


@register()
def mailbox_of_bounces_can_be_read(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A Maildir is looked at; a mail server is not asked: it may be away when this starts."""
    if not settings.BOUNCE_MAILBOX.startswith("maildir:"):
        return []
    try:
        with events.box_of(settings.BOUNCE_MAILBOX):
            return []
    except events.Misplaced as error:
        return [Error(f"{error}.", hint="docs/configure.md says what BOUNCE_MAILBOX may be.", id="paperround.E005")]


@register()
def mail_url_names_a_transport(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for name in ("MAIL_URL", "MAIL_URL_2"):
        try:
            if url := getattr(settings, name):
                delivery.transport_of(url).close()
        except delivery.Configuration as error:
            reason = error.reason.replace("MAIL_URL:", f"{name}:", 1)
            errors.append(Error(f"{reason}.", hint="docs/configure.md lists what MAIL_URL may be.", id="paperround.E003"))
    return errors


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
