"""What Django's models cannot say: the index over Terms, and the triggers that note which papers have changed.

Source: https://sqlite.org/fts5.html (external content tables), https://www.postgresql.org/docs/current/textsearch.html
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.utils import OperationalError

INDEXED = ("title", "keywords", "summary", "abstract", "words", "authors", "organizations", "facets")
READ = ("title", "abstract", "summary", "keywords", "authors", "organizations", "categories", "listed_on")
PAPER_TRIGGERS = ("newsletter_paper_new", "newsletter_paper_changed")
TERMS_TRIGGERS = ("newsletter_terms_in", "newsletter_terms_out", "newsletter_terms_change")


class Unsupported(Exception):
    """This database cannot search; the message says what to do."""


def install(connection: BaseDatabaseWrapper) -> None:
    """Make what is missing; then every paper is noted as unindexed, as nobody noted what changed meanwhile. Safe to repeat."""
    with connection.cursor() as cursor:
        if is_complete(connection, cursor):
            return
        for statement in _sqlite() if connection.vendor == "sqlite" else _postgresql():
            try:
                cursor.execute(statement)
            except OperationalError as error:
                if "no such module" not in str(error):
                    raise
                raise Unsupported(
                    "This Python's SQLite has no FTS5: install one that has (Debian's and python.org's do) or set DATABASE_URL."
                ) from error
        cursor.execute(
            "INSERT INTO newsletter_unindexed (paper_id) SELECT id FROM newsletter_paper WHERE true ON CONFLICT DO NOTHING"
        )


def is_complete(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> bool:
    """A migration that makes a table anew, as SQLite's do, takes its triggers away."""
    if connection.vendor == "sqlite":
        names = (*PAPER_TRIGGERS, *TERMS_TRIGGERS, "newsletter_terms_fts")
        marks = ", ".join(["%s"] * len(names))
        cursor.execute(f"SELECT count(*) FROM sqlite_master WHERE name IN ({marks})", names)  # noqa: S608 (marks alone)
        return bool(cursor.fetchone()[0] == len(names))
    cursor.execute(
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname IN (%s, %s) AND tgrelid = 'newsletter_paper'::regclass)"
        " + (SELECT count(*) FROM pg_attribute WHERE attrelid = 'newsletter_terms'::regclass AND attname = 'vector')"
        " + (SELECT count(*) FROM pg_proc WHERE proname = 'newsletter_found')",
        PAPER_TRIGGERS,
    )
    return bool(cursor.fetchone()[0] == 4)


def remove(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "sqlite":
        statements = [f"DROP TRIGGER IF EXISTS {name}" for name in (*PAPER_TRIGGERS, *TERMS_TRIGGERS)]
        statements.append("DROP TABLE IF EXISTS newsletter_terms_fts")
    else:
        statements = [f"DROP TRIGGER IF EXISTS {name} ON newsletter_paper" for name in PAPER_TRIGGERS]
        statements += ["DROP FUNCTION IF EXISTS newsletter_note_paper()", "DROP FUNCTION IF EXISTS newsletter_found(tsquery)"]
        statements += ["ALTER TABLE newsletter_terms DROP COLUMN vector"]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _sqlite() -> list[str]:
    """A token is what stands between two spaces: only separators and control characters part tokens."""
    names = ", ".join(INDEXED)
    new, old = (", ".join(f"{row}.{name}" for name in INDEXED) for row in ("new", "old"))
    enter = f"INSERT INTO newsletter_terms_fts (rowid, {names}) VALUES (new.paper_id, {new});"  # noqa: S608 (our own names)
    leave = f"INSERT INTO newsletter_terms_fts (newsletter_terms_fts, rowid, {names}) VALUES ('delete', old.paper_id, {old});"  # noqa: S608
    note = "INSERT INTO newsletter_unindexed (paper_id) VALUES (new.id) ON CONFLICT DO NOTHING;"
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in READ)
    return [
        f"CREATE VIRTUAL TABLE IF NOT EXISTS newsletter_terms_fts USING fts5({names}, content='newsletter_terms', "
        "content_rowid='paper_id', columnsize=0, "
        "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M* P* S* Co Cn'\")",
        "INSERT INTO newsletter_terms_fts (newsletter_terms_fts) VALUES ('rebuild')",
        f"CREATE TRIGGER IF NOT EXISTS newsletter_terms_in AFTER INSERT ON newsletter_terms BEGIN {enter} END",
        f"CREATE TRIGGER IF NOT EXISTS newsletter_terms_out AFTER DELETE ON newsletter_terms BEGIN {leave} END",
        f"CREATE TRIGGER IF NOT EXISTS newsletter_terms_change AFTER UPDATE ON newsletter_terms BEGIN {leave} {enter} END",
        f"CREATE TRIGGER IF NOT EXISTS newsletter_paper_new AFTER INSERT ON newsletter_paper BEGIN {note} END",
        f"CREATE TRIGGER IF NOT EXISTS newsletter_paper_changed AFTER UPDATE OF {', '.join(READ)} ON newsletter_paper "
        f"WHEN {changed} BEGIN {note} END",
    ]


def _postgresql() -> list[str]:
    """DO UPDATE locks the row: an indexer that would take it away waits for the text that is being written.

    newsletter_found: the planner takes `@@` for cheap, though it unpacks the vector of every row that it is asked of, and
    would read all rows for a common word: 576 ms over 8,000 papers, 5 ms by the index. The setting holds in the function
    alone. toast_tuple_target: words stand outside of the row, so that the index's hits lie on a tenth of the pages.
    """
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in READ)
    return [
        "ALTER TABLE newsletter_terms ADD COLUMN IF NOT EXISTS vector tsvector",
        "ALTER TABLE newsletter_terms SET (toast_tuple_target = 128)",
        "CREATE INDEX IF NOT EXISTS newsletter_terms_vector ON newsletter_terms USING gin (vector)",
        "CREATE OR REPLACE FUNCTION newsletter_found(wanted tsquery) RETURNS SETOF bigint LANGUAGE sql STABLE ROWS 1000 "
        "SET enable_seqscan = off AS $$ SELECT paper_id FROM newsletter_terms WHERE vector @@ wanted $$",
        "CREATE OR REPLACE FUNCTION newsletter_note_paper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO newsletter_unindexed (paper_id) VALUES (NEW.id) "
        "ON CONFLICT (paper_id) DO UPDATE SET paper_id = EXCLUDED.paper_id; RETURN NULL; END $$",
        "CREATE OR REPLACE TRIGGER newsletter_paper_new AFTER INSERT ON newsletter_paper "
        "FOR EACH ROW EXECUTE FUNCTION newsletter_note_paper()",
        f"CREATE OR REPLACE TRIGGER newsletter_paper_changed AFTER UPDATE OF {', '.join(READ)} ON newsletter_paper "
        f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION newsletter_note_paper()",
    ]
