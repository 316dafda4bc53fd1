"""The provider's door by real HTTP: the recorded payloads are heard as documented, and nothing unproven is."""

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest

from newsletter import events, subscribers
from newsletter.models import Delivery, Event, Subscriber
from newsletter.web import signatures

PROVIDERS = ("amazon_ses", "brevo", "mailgun", "mailjet", "postmark", "resend", "sendgrid", "sparkpost")
SECRET = "hook:a-secret-for-tests"
MAILGUN_KEY = "key-0123456789abcdef"
RESEND_KEY = "whsec_" + base64.b64encode(b"twenty-four random bytes").decode()
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-12345abcde.pem"

Request = tuple[bytes, dict[str, str]]
pytestmark = pytest.mark.django_db


def cases(provider: str) -> list[dict]:
    folder = os.environ.get("PAPERROUND_SAMPLES")
    if not folder:
        pytest.skip("PAPERROUND_SAMPLES is not set")
    return json.loads((Path(folder) / "esp-webhooks" / f"{provider}.json").read_text())["cases"]


@pytest.fixture(scope="module")
def sns_key():
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def sendgrid_key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def door(live_server, settings, monkeypatch, sns_key, sendgrid_key):
    """Sends one request; its status. Amazon's certificate is ours."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = sendgrid_key.public_key().public_bytes(serialization.Encoding.DER, form)
    settings.WEBHOOK_KEYS = {"mailgun": MAILGUN_KEY, "resend": RESEND_KEY, "sendgrid": base64.b64encode(public).decode()}
    monkeypatch.setattr(signatures, "public_key_of", lambda address: sns_key.public_key())
    monkeypatch.setattr("newsletter.tasks.ring", lambda stage: None)

    def ask(provider: str, request: Request, *, secret: str = SECRET) -> int:
        body, headers = request
        if secret:
            headers = {**headers, "Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
        made = urllib.request.Request(f"{live_server.url}/webhooks/{provider}/tracking/", body, headers, method="POST")
        try:
            with urllib.request.urlopen(made, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    return ask


@pytest.fixture
def signed(sns_key, sendgrid_key):
    """A recorded payload as its provider sends it now, signed where the provider signs."""
    makers = {"amazon_ses": lambda payload: sns(payload, sns_key), "mailgun": mailgun, "resend": resend}
    makers["sendgrid"] = lambda payload: sendgrid(payload, sendgrid_key)
    return lambda provider, payload: makers.get(provider, plain)(payload)


def plain(payload: dict) -> Request:
    [data] = payload.values()
    return json.dumps(data).encode(), {"Content-Type": "application/json"}


def mailgun(payload: dict) -> Request:
    raw, token, at = dict(payload["raw_event"]), "0" * 50, str(int(time.time()))
    at, token = raw.get("timestamp", at), raw.get("token", token)
    sign = {
        "token": token,
        "timestamp": at,
        "signature": hmac.digest(MAILGUN_KEY.encode(), f"{at}{token}".encode(), "sha256").hex(),
    }
    if "event-data" in raw:
        return plain({"raw": {**raw, "signature": sign}})
    return urlencode({**raw, **sign}).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def resend(payload: dict, *, at: int | None = None) -> Request:
    body, headers = plain(payload)
    name = "msg_" + hashlib.sha256(body).hexdigest()[:20]
    sent = str(at or int(time.time()))
    secret = base64.b64decode(RESEND_KEY.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(secret, f"{name}.{sent}.".encode() + body, "sha256")).decode()
    return body, {**headers, "svix-id": name, "svix-timestamp": sent, "svix-signature": f"v1,wrong v1,{signature}"}


def sendgrid(payload: dict, key) -> Request:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    body, headers = plain(payload)
    sent = str(int(time.time()))
    signature = base64.b64encode(key.sign(sent.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return body, {**headers, f"{name}-Signature": signature, f"{name}-Timestamp": sent}


def sns(payload: dict, key, **changed: str) -> Request:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    inner = {"Message": json.dumps(payload["raw_ses_event"])} if "raw_ses_event" in payload else {}
    message = {**payload["raw_sns_message"], **inner, "SignatureVersion": "2", "SigningCertURL": CERTIFICATE}
    message = {
        "MessageId": "m-1",
        "Timestamp": "2026-11-22T06:30:00Z",
        "TopicArn": "arn:aws:sns:us-east-1:1:t",
        **message,
        **changed,
    }
    message.setdefault("Type", "Notification")
    text = "".join(f"{name}\n{message[name]}\n" for name in signatures._SNS_SIGNED[message["Type"]] if name in message)
    message["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    headers = {"x-amz-sns-message-type": message["Type"], "x-amz-sns-message-id": message["MessageId"]}
    return json.dumps(message).encode(), {"Content-Type": "text/plain; charset=UTF-8", **headers}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_recorded_payload_is_heard_as_documented_and_once(door, signed, provider):
    for case in cases(provider):
        Event.objects.all().delete()
        request = signed(provider, case["payload"])
        assert door(provider, request) == 200, case["case"]
        assert door(provider, request) == 200
        heard = Event.objects.order_by("pk").values_list("type", "recipient_key")
        assert {kind for kind, _ in heard} >= {case["expect"]["event_type"]}, case["case"]
        assert len(heard) == len(set(heard)), case["case"]
        if recipient := case["expect"].get("recipient"):
            assert heard[0][1] == subscribers.address_key(recipient), case["case"]


HARD = {
    "amazon_ses bounce_event", "brevo hard_bounce", "mailgun failed_permanent_event", "mailgun dropped_bounce",
    "mailgun invalid_mailbox", "mailjet bounce_event", "postmark bounce_event", "resend hard_bounced_event",
    "sendgrid bounce_event", "sendgrid dropped_bounced", "sparkpost bounce_event",
}  # fmt: skip


def test_the_recorded_bounces_are_hard_where_the_provider_says_so_and_only_there(door, signed):
    hard = set()
    for provider in PROVIDERS:
        for case in cases(provider):
            Event.objects.all().delete()
            door(provider, signed(provider, case["payload"]))
            if Event.objects.filter(type__in=["bounced", "rejected"], reject_reason__in=["bounced", "invalid"]).exists():
                hard.add(f"{provider} {case['case']}")
    assert hard == HARD


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_the_secret_or_with_a_wrong_one_nothing_is_heard(door, signed, provider):
    request = signed(provider, cases(provider)[0]["payload"])
    assert door(provider, request, secret="") == (401 if provider == "amazon_ses" else 403)
    assert door(provider, request, secret="hook:another") == 403
    assert not Event.objects.exists()


@pytest.mark.parametrize("provider", ["amazon_ses", "mailgun", "resend", "sendgrid"])
def test_the_secret_alone_does_not_replace_the_signature(door, signed, provider):
    body, headers = signed(provider, cases(provider)[1]["payload"])
    changed = body.replace(b"example.com", b"example.net").replace(b"example.org", b"example.net")
    if provider == "mailgun":  # signs a token and the time, not the payload
        changed = body.replace(b'"signature": "', b'"signature": "0')
    assert door(provider, (changed, headers)) == 403
    unsigned = {name: value for name, value in headers.items() if "ignature" not in name}
    if provider in ("resend", "sendgrid"):
        assert door(provider, (body, unsigned)) == 403
    assert not Event.objects.exists()


@pytest.mark.parametrize("provider", ["mailgun", "resend", "sendgrid"])
def test_a_signing_provider_without_its_key_is_refused(door, signed, settings, provider):
    request = signed(provider, cases(provider)[1]["payload"])
    settings.WEBHOOK_KEYS = {}
    assert door(provider, request) == 403


def test_an_old_request_of_resend_is_refused(door):
    payload = {"raw": {"type": "email.sent", "created_at": "2026-11-22T06:30:00Z", "data": {"to": ["a@example.org"]}}}
    assert door("resend", resend(payload, at=int(time.time()) - 301)) == 403
    assert door("resend", resend(payload, at=int(time.time()) - 290)) == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://sns.us-east-1.amazonaws.com.example.net/a.pem",
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://example.net/a.pem",
    ],
)
def test_amazon_s_certificate_is_taken_from_amazon_alone(door, sns_key, address):
    payload = {"raw_sns_message": {"Message": "{}"}}
    assert door("amazon_ses", sns(payload, sns_key, SigningCertURL=address)) == 403


def test_a_subscription_of_the_topic_is_confirmed_at_amazon_alone(door, sns_key, monkeypatch):
    asked: list[str] = []

    class Answer:
        def raise_for_status(self) -> None:
            pass

    monkeypatch.setattr(signatures.httpx2, "get", lambda address, timeout: asked.append(address) or Answer())
    payload = {"raw_sns_message": {"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "t"}}
    good = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
    assert door("amazon_ses", sns(payload, sns_key, SubscribeURL=good)) == 200
    assert door("amazon_ses", sns(payload, sns_key, SubscribeURL="https://example.net/")) == 200
    assert asked == [good]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a": 1}', b"\xff\xfe", b'[{"msys": {"a": 1, "b": 2}}]'])
@pytest.mark.parametrize("provider", ["brevo", "mailjet", "postmark", "sparkpost"])
def test_what_cannot_be_read_is_400_or_says_nothing_about_anybody(door, provider, body):
    assert door(provider, (body, {"Content-Type": "application/json"})) in (200, 400)
    assert not Event.objects.exclude(recipient_key="").exists()


def test_a_database_that_fails_lets_the_provider_ask_again(client, monkeypatch, settings):
    def fails(*args, **kwargs):
        raise RuntimeError("away")

    monkeypatch.setattr(events, "record", fails)
    client.raise_request_exception = False
    secret = base64.b64encode(SECRET.encode()).decode()
    body = {"RecordType": "Delivery", "MessageID": "m", "Recipient": "a@example.org", "DeliveredAt": "2026-11-22T06:30:00Z"}
    sent = client.post(
        "/webhooks/postmark/tracking/", body, content_type="application/json", HTTP_AUTHORIZATION=f"Basic {secret}"
    )
    assert sent.status_code == 500


def test_the_old_secret_is_taken_while_it_is_being_changed(door, settings):
    settings.WEBHOOK_SECRET = "hook:new-word hook:a-secret-for-tests"
    body = json.dumps({"event": "sent", "time": 1498093527, "email": "a@example.org"}).encode()
    for secret in ("hook:new-word", SECRET):
        assert door("mailjet", (body, {}), secret=secret) == 200
    assert door("mailjet", (body, {}), secret=settings.WEBHOOK_SECRET) == 403


def test_an_unknown_provider_has_no_door(client):
    assert client.post("/webhooks/nobody/tracking/").status_code == 404
    assert client.get("/webhooks/postmark/tracking/").status_code == 405
    assert client.head("/webhooks/postmark/tracking/").status_code == 200
    assert not (Event.objects.exists() or Delivery.objects.exists() or Subscriber.objects.exists())
