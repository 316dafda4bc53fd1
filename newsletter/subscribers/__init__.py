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
from newsletter.subscribers.erasure import erase, send_erase_link, send_export_link
from newsletter.subscribers.exports import export, told
from newsletter.subscribers.feeds import feed_reader, renew_feed, revoke_feed
from newsletter.subscribers.letters import write
from newsletter.subscribers.moves import (
    Taken,
    ask_move,
    forget_moves,
    keys_mailed_to,
    movable,
    move,
    other_keys,
    undo_move,
    undoable,
)
from newsletter.subscribers.needs import paused, refusal
from newsletter.subscribers.networks import TooMany, network_of
from newsletter.subscribers.preferences import (
    MOST_INTERESTS,
    MOST_MUTED,
    BadWish,
    Preferences,
    Wish,
    change,
    languages,
    muted_form,
    upcoming,
)
from newsletter.subscribers.returning import come_back, returnable
from newsletter.subscribers.schedule import next_slot, slot_on, zones
from newsletter.subscribers.stops import leave_as_told, lift, resume
from newsletter.subscribers.topics import PUBLISH, keep_own_query

__all__ = [
    "MOST_INTERESTS",
    "MOST_MUTED",
    "PUBLISH",
    "BadAddress",
    "BadWish",
    "Breaker",
    "Preferences",
    "Taken",
    "TooMany",
    "Wish",
    "address_key",
    "ask_move",
    "breaker_state",
    "change",
    "come_back",
    "confirm",
    "confirmable",
    "consent_text",
    "erase",
    "export",
    "feed_reader",
    "forget_allowances",
    "forget_moves",
    "forget_unconfirmed",
    "keep_own_query",
    "keys_mailed_to",
    "languages",
    "leave_as_told",
    "lift",
    "mask",
    "movable",
    "move",
    "muted_form",
    "network_of",
    "never",
    "next_slot",
    "other_keys",
    "paused",
    "read_address",
    "refusal",
    "renew_feed",
    "resume",
    "returnable",
    "revoke_feed",
    "send_erase_link",
    "send_export_link",
    "send_preferences_link",
    "slot_on",
    "spend",
    "subscribe",
    "suggestion",
    "told",
    "undo_move",
    "undoable",
    "unsubscribe",
    "upcoming",
    "write",
    "zones",
]
