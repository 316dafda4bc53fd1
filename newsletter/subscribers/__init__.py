"""Readers and their consent. Every sign-up path is `subscribe`; what each kind of mail needs is `refusal`."""

from newsletter.subscribers.addresses import BadAddress, address_key, mask, suggestion
from newsletter.subscribers.addresses import read as read_address
from newsletter.subscribers.allowances import forget_allowances, spend
from newsletter.subscribers.breaker import Breaker
from newsletter.subscribers.breaker import state as breaker_state
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
from newsletter.subscribers.feeds import feed_reader, renew_feed, revoke_feed
from newsletter.subscribers.letters import write
from newsletter.subscribers.needs import paused, refusal
from newsletter.subscribers.networks import TooMany, network_of
from newsletter.subscribers.preferences import BadWish, Preferences, Wish, change, upcoming
from newsletter.subscribers.schedule import next_slot, slot_on, zones
from newsletter.subscribers.stops import leave_as_told, lift, resume
from newsletter.subscribers.topics import PUBLISH, keep_own_query

__all__ = [
    "PUBLISH",
    "BadAddress",
    "BadWish",
    "Breaker",
    "Preferences",
    "TooMany",
    "Wish",
    "address_key",
    "breaker_state",
    "change",
    "confirm",
    "confirmable",
    "consent_text",
    "feed_reader",
    "forget_allowances",
    "forget_unconfirmed",
    "keep_own_query",
    "leave_as_told",
    "lift",
    "mask",
    "network_of",
    "never",
    "next_slot",
    "paused",
    "read_address",
    "refusal",
    "renew_feed",
    "resume",
    "revoke_feed",
    "send_preferences_link",
    "slot_on",
    "spend",
    "subscribe",
    "suggestion",
    "unsubscribe",
    "upcoming",
    "write",
    "zones",
]
