"""Values in, bytes out: what a mail says (digest, service), how it looks on the wire (to_wire; Copy in bulk). Pure."""

from newsletter.mail._digest import digest
from newsletter.mail._notes import markdown, plain
from newsletter.mail._press import Copy, Plate, plate
from newsletter.mail._service import service
from newsletter.mail._sign import Signer
from newsletter.mail._templates import fault, locales, moment
from newsletter.mail._values import Card, Digest, Envelope, Message, Personal, Pick
from newsletter.mail._wire import to_wire
from newsletter.mail._words import beginning, shorten

__all__ = [
    "Card",
    "Copy",
    "Digest",
    "Envelope",
    "Message",
    "Personal",
    "Pick",
    "Plate",
    "Signer",
    "beginning",
    "digest",
    "fault",
    "locales",
    "markdown",
    "moment",
    "plain",
    "plate",
    "service",
    "shorten",
    "to_wire",
]
