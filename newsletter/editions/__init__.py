"""Candidates x readers -> Edition -> copies: plan, choose, write; preview is the same code.

A copy's window is (after, upto] in issue numbers: `upto` the newest closed issue with no held one at or before it,
`after` the `upto` of the reader's last accepted digest. Windows of one reader never overlap, so no paper comes twice,
and the papers of a failed copy come again by themselves.
"""

from newsletter.editions.choose import Choice, Hit, Offer, Pick, choose
from newsletter.editions.kept import Kept
from newsletter.editions.plan import plan, plan_now, reopen_slots
from newsletter.editions.preview import FirstIssue, Mutes, PreviewDay, first_issue, preview, preview_issue
from newsletter.editions.recent import Keep, Recent
from newsletter.editions.retention import prune
from newsletter.editions.write import card, copies_of, digest_of, web_copy, write, write_again, write_many

__all__ = [
    "Choice",
    "FirstIssue",
    "Hit",
    "Keep",
    "Kept",
    "Mutes",
    "Offer",
    "Pick",
    "PreviewDay",
    "Recent",
    "card",
    "choose",
    "copies_of",
    "digest_of",
    "first_issue",
    "plan",
    "plan_now",
    "preview",
    "preview_issue",
    "prune",
    "reopen_slots",
    "web_copy",
    "write",
    "write_again",
    "write_many",
]
