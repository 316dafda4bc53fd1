"""Signatures that django-anymail does not check: Resend's (Svix) and those of Amazon SNS."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64decode, b64encode
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.http import HttpRequest

_SVIX_TOLERANCE_S = 300
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?")
_SNS_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SNS_SIGNED["UnsubscribeConfirmation"] = _SNS_SIGNED["SubscriptionConfirmation"]
_TIMEOUT_S = 5.0


def is_of_svix(request: HttpRequest, secret: str, *, now: datetime) -> bool:
    """Source: Svix's documentation of manual verification: HMAC-SHA-256 over id, timestamp and body; several may be given."""
    sent_id, sent_at = request.headers.get("svix-id", ""), request.headers.get("svix-timestamp", "")
    if not sent_at.isdecimal() or abs(now.timestamp() - int(sent_at[:12])) > _SVIX_TOLERANCE_S:
        return False
    signed = f"{sent_id}.{sent_at}.".encode() + request.body
    expected = b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256"))
    given = request.headers.get("svix-signature", "").encode().split()
    return any(hmac.compare_digest(b"v1," + expected, each) for each in given)


def is_of_sns(request: HttpRequest) -> bool:
    """Amazon signed it, for whatever topic: that the topic is ours is proven by WEBHOOK_SECRET alone.

    Source: Amazon SNS, "Verifying the signatures of Amazon SNS messages".
    """
    from cryptography.exceptions import InvalidSignature  # slow to load, and only for Amazon SES
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    message = json.loads(request.body)
    names = _SNS_SIGNED.get(message.get("Type"), ())
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None).encode()
    algorithm = hashes.SHA256() if message.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303 (version 1 is SHA-1)
    address = str(message.get("SigningCertURL", ""))
    if not names or not _is_amazons(address) or not urlsplit(address).path.endswith(".pem"):
        return False
    try:
        signature = b64decode(message.get("Signature", ""), validate=True)
        public_key_of(address).verify(signature, signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=4)
def public_key_of(address: str) -> Any:
    """The key in Amazon's certificate, fetched once a process. Raises httpx2.HTTPError: SNS asks again."""
    from cryptography import x509

    answer = httpx2.get(address, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    return x509.load_pem_x509_certificate(answer.content).public_key()


def confirm_subscription(request: HttpRequest) -> None:
    """Answer SNS's question whether this address wants the topic; the message must be proven before."""
    message = json.loads(request.body)
    address = str(message.get("SubscribeURL", ""))
    if message.get("Type") == "SubscriptionConfirmation" and _is_amazons(address):
        httpx2.get(address, timeout=_TIMEOUT_S).raise_for_status()


def _is_amazons(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" and parts.port in (None, 443) and bool(_SNS_HOST.fullmatch(parts.hostname or ""))
