"""Values in, bytes out: what a mail says (digest, service) and how it looks on the wire (to_wire). Pure."""

from newsletter.mail._digest import digest
from newsletter.mail._notes import markdown, plain
from newsletter.mail._service import service
from newsletter.mail._values import Card, Digest, Envelope, Message, Pick
from newsletter.mail._wire import to_wire

__all__ = ["Card", "Digest", "Envelope", "Message", "Pick", "digest", "markdown", "plain", "service", "to_wire"]
