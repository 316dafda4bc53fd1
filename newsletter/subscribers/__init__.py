"""Readers and their consent. Every sign-up path is `subscribe`; what each kind of mail needs is `refusal`."""

from newsletter.subscribers.addresses import BadAddress, address_key, mask
from newsletter.subscribers.consent import (
    confirm,
    confirmable,
    consent_text,
    forget_unconfirmed,
    never,
    send_preferences_link,
    subscribe,
    unsubscribe,
)
from newsletter.subscribers.letters import write
from newsletter.subscribers.needs import paused, refusal
from newsletter.subscribers.preferences import BadWish, Preferences, Wish, change, upcoming
from newsletter.subscribers.schedule import next_slot, slot_on, zones

__all__ = [
    "BadAddress",
    "BadWish",
    "Preferences",
    "Wish",
    "address_key",
    "change",
    "confirm",
    "confirmable",
    "consent_text",
    "forget_unconfirmed",
    "mask",
    "never",
    "next_slot",
    "paused",
    "refusal",
    "send_preferences_link",
    "slot_on",
    "subscribe",
    "unsubscribe",
    "upcoming",
    "write",
    "zones",
]
