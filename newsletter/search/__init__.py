"""Finding papers: an index over our own terms, in the database that is there. It finds; `score` decides and ranks.

Papers that are new or changed are noted by the database itself (triggers), so no writer can forget one; `index_changed`,
in the writer's transaction, writes their words. What is not yet indexed is still found, only slower. Decision 0008.
"""

from newsletter.search._bylines import slug_of
from newsletter.search._find import POOL, Found, Hit, among, everything, find
from newsletter.search._holdings import Holdings, Told, forget
from newsletter.search._kept import Row
from newsletter.search._rows import heal, index_changed
from newsletter.search._schema import Unsupported, install, is_complete, remove

__all__ = [
    "POOL",
    "Found",
    "Hit",
    "Holdings",
    "Row",
    "Told",
    "Unsupported",
    "among",
    "everything",
    "find",
    "forget",
    "heal",
    "index_changed",
    "install",
    "is_complete",
    "remove",
    "slug_of",
]
