"""Pages behind signed links. GET and HEAD show, POST acts: scanners follow every link of a mail, and some run scripts.

No CSRF token is asked for here, and no cookie is set: the token in the address is the only authority, whoever lacks it
can forge nothing, and whoever has it needs no forgery. These pages also say `no-referrer`, after which browsers post
with `Origin: null`, which Django's check refuses. RFC 8058 one-click wants the same: no cookie, any origin.

`guard` opens tokens; each other module is the pages of one purpose or two.
"""

from newsletter.web.reader.asking import ask
from newsletter.web.reader.confirming import confirm
from newsletter.web.reader.copies import edition, view
from newsletter.web.reader.data import erase, export, mail_erase, mail_export, saved_file
from newsletter.web.reader.leaving import come_back, mail_preferences, never, unsubscribe
from newsletter.web.reader.moving import ask_move, move, undo
from newsletter.web.reader.preferences_page import drop_saved, own_feed, preferences, preview
from newsletter.web.reader.tuning import tune

__all__ = [
    "ask",
    "ask_move",
    "come_back",
    "confirm",
    "drop_saved",
    "edition",
    "erase",
    "export",
    "mail_erase",
    "mail_export",
    "mail_preferences",
    "move",
    "never",
    "own_feed",
    "preferences",
    "preview",
    "saved_file",
    "tune",
    "undo",
    "unsubscribe",
    "view",
]
