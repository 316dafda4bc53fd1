"""What the world says about mails that left -> Event; what follows for the delivery and its reader.

`record` (webhooks) and `read_mailbox` (mails that machines answer with) only insert. `apply` draws the conclusions
later. All are safe to repeat, and the end does not depend on the order of the notices.
"""

from newsletter.events.mailbox import Misplaced, box_of
from newsletter.events.notices import KEYED, Told, prune, record
from newsletter.events.returned import read_mailbox
from newsletter.events.verdicts import apply

__all__ = ["KEYED", "Misplaced", "Told", "apply", "box_of", "prune", "read_mailbox", "record"]
