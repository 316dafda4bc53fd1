"""Providers as a local server sees them: what each would deliver of a request, and how it answers.

Source: each provider's reference of its send call; the forms are those of django-anymail 15.2.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from werkzeug import Request


@dataclass(frozen=True)
class Delivered:
    """One mail as its reader would get it. ref: our delivery's id in the metadata; untracked: None where only accounts say."""

    to: str
    headers: dict[str, str]
    text: str
    html: str
    ref: str
    untracked: bool | None


@dataclass(frozen=True)
class Fake:
    name: str
    path: str
    query: str
    read: Callable[[Request], Iterator[Delivered]]
    accept: Callable[[list[Delivered]], Any]

    def url(self, base: str) -> str:
        return f"anymail:{self.name}?{self.query}&api_url={quote(base, safe='')}"


def _low(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _postmark(request: Request) -> Iterator[Delivered]:
    assert request.headers["X-Postmark-Server-Token"] == "k"
    found = json.loads(request.data)
    for one in found if isinstance(found, list) else [found]:
        headers = {header["Name"]: header["Value"] for header in one["Headers"]}
        untracked = one["TrackOpens"] is False and one["TrackLinks"] == "None"
        yield Delivered(one["To"], _low(headers), one["TextBody"], one["HtmlBody"], one["Metadata"]["delivery"], untracked)


def _resend(request: Request) -> Iterator[Delivered]:
    assert request.headers["Authorization"] == "Bearer k"
    found = json.loads(request.data)
    for one in found if isinstance(found, list) else [found]:
        (to,) = one["to"]
        headers = _low(one["headers"])
        ref = json.loads(headers.pop("x-metadata"))["delivery"]
        yield Delivered(to, headers, one["text"], one["html"], ref, None)


def _brevo(request: Request) -> Iterator[Delivered]:
    assert request.headers["api-key"] == "k"
    found = json.loads(request.data)
    for version in found.get("messageVersions", [found]):
        one = {**found, **version, "headers": {**found.get("headers", {}), **version.get("headers", {})}}
        headers = _low(one["headers"])
        ref = json.loads(headers.pop("x-mailin-custom"))["delivery"]
        (to,) = one["to"]
        yield Delivered(to["email"], headers, one["textContent"], one["htmlContent"], ref, None)


def _mailjet(request: Request) -> Iterator[Delivered]:
    assert request.authorization is not None and request.authorization.username == "k"
    found = json.loads(request.data)
    for message in found["Messages"]:
        one = {**found["Globals"], **message}
        headers = _low(one["Headers"])
        assert not headers.keys() & {"message-id", "list-id"}, "Mailjet refuses such a mail"
        (to,) = one["To"]
        untracked = one["TrackOpens"] == one["TrackClicks"] == "disabled"
        yield Delivered(
            to["Email"], headers, one["TextPart"], one["HTMLPart"], json.loads(one["EventPayload"])["delivery"], untracked
        )


def _sendgrid(request: Request) -> Iterator[Delivered]:
    assert request.headers["Authorization"] == "Bearer k"
    found = json.loads(request.data)
    settings = found["tracking_settings"]
    assert settings["subscription_tracking"] == {"enable": False}
    untracked = settings["click_tracking"] == settings["open_tracking"] == {"enable": False}
    for person in found["personalizations"]:
        text, html = (part["value"] for part in found["content"])
        for name, value in person.get("substitutions", {}).items():
            text, html = text.replace(name, value), html.replace(name, value)
        headers = _low({**found.get("headers", {}), **person.get("headers", {})})
        arguments = {**found.get("custom_args", {}), **person["custom_args"]}
        (to,) = person["to"]
        yield Delivered(to["email"], headers, text, html, arguments["delivery"], untracked)


def _mailgun(request: Request) -> Iterator[Delivered]:
    assert request.authorization is not None and request.authorization.password == "k"
    form = request.form
    people = json.loads(form.get("recipient-variables", "{}"))
    untracked = form["o:tracking-clicks"] == form["o:tracking-opens"] == "no"
    recipients = form.getlist("to")
    assert len(recipients) == 1 or people.keys() == set(recipients), "every reader would see all addresses"
    for to in recipients:
        fields = dict(form.items())
        for name, value in people.get(to, {}).items():
            fields = {key: text.replace(f"%recipient.{name}%", value) for key, text in fields.items()}
        headers = _low({key[2:]: value for key, value in fields.items() if key.startswith("h:")})
        yield Delivered(to, headers, fields["text"], fields["html"], fields["v:delivery"], untracked)


FAKES = [
    Fake("brevo", "/smtp/email", "api_key=k", _brevo,
         lambda mails: {"messageId": "id-0"} if len(mails) == 1 else {"messageIds": [f"id-{n}" for n in range(len(mails))]}),
    Fake("mailgun", "/paperround.example.org/messages", "api_key=k", _mailgun,
         lambda mails: {"id": "id-0", "message": "Queued. Thank you."}),
    Fake("mailjet", "/send", "api_key=k&secret_key=s", _mailjet,
         lambda mails: {"Messages": [
             {"Status": "success", "To": [{"Email": mail.to, "MessageID": n}]} for n, mail in enumerate(mails)]}),
    Fake("postmark", "/email", "server_token=k", _postmark,
         lambda mails: _one_or_all([{"ErrorCode": 0, "Message": "OK", "MessageID": f"id-{n}", "To": mail.to}
                                    for n, mail in enumerate(mails)])),
    Fake("resend", "/emails", "api_key=k", _resend,
         lambda mails: {"id": "id-0"} if len(mails) == 1 else {"data": [{"id": f"id-{n}"} for n in range(len(mails))]}),
    Fake("sendgrid", "/mail/send", "api_key=k", _sendgrid, lambda mails: {}),
]  # fmt: skip


def _one_or_all(answers: list[dict[str, Any]]) -> Any:
    return answers[0] if len(answers) == 1 else answers
