"""Readers and their consent. Every sign-up path is `subscribe`; what each kind of mail needs is `refusal`."""

from newsletter.subscribers.addresses import BadAddress, address_key, mask
from newsletter.subscribers.allowances import forget_allowances
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
from newsletter.subscribers.stops import leave_as_told, lift, resume
from newsletter.subscribers.topics import PUBLISH, keep_own_query

__all__ = [
    "PUBLISH",
    "BadAddress",
    "BadWish",
    "Preferences",
    "Wish",
    "address_key",
    "change",
    "confirm",
    "confirmable",
    "consent_text",
    "forget_allowances",
    "forget_unconfirmed",
    "keep_own_query",
    "leave_as_told",
    "lift",
    "mask",
    "never",
    "next_slot",
    "paused",
    "refusal",
    "resume",
    "send_preferences_link",
    "slot_on",
    "subscribe",
    "unsubscribe",
    "upcoming",
    "write",
    "zones",
]
