"""DKIM, the last thing that happens to a mail. Source: RFC 6376; RFC 8058 section 4 wants both unsubscribe headers signed."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.mail._wire import header_names

_SIGNED = (
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-help",
    "auto-submitted",
    "feedback-id",
    "mime-version",
    "content-type",
)
_OVERSIGNED = ("from", "list-unsubscribe", "list-unsubscribe-post")  # a second one put in front breaks the signature


@dataclass(frozen=True, slots=True)
class Signer:
    """key: an RSA private key in PEM. The public half is published at selector._domainkey.domain."""

    key: str
    selector: str
    domain: str

    def signed(self, wire: bytes) -> bytes:
        """The mail with a DKIM-Signature in front: rsa-sha256, relaxed/relaxed, the whole body."""
        import dkim  # it brings a resolver along, which only installations that sign should wait for

        present = header_names(wire)
        names = [name for name in _SIGNED if name in present] + [name for name in _OVERSIGNED if name in present]
        signature: bytes = dkim.sign(
            wire,
            self.selector.encode(),
            self.domain.encode(),
            self.key.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in names],
        )
        return signature + wire
