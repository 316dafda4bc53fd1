"""A dump of the database after everything recorded was read: papers only, nobody's account and nobody's address."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection

from newsletter import issues
from newsletter.models import Paper
from newsletter.sources import ingest_files
from tests.sources import samples

pytestmark = [pytest.mark.django_db, samples.needed]
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
ADDRESS = re.compile(r"[\w.+'-]+(?:@|\(at\)|%40)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE)
ACCOUNT = re.compile(
    r"avatars/|avatarUrl|gravatar|\bisPro\b|\bisHf\b|\bisMod\b|followerCount|isUserFollowing|submittedBy|submittedOnDailyBy|fullname"
    r"|discussionId|upvoters|isAuthorParticipating|statusLastChangedAt",
    re.IGNORECASE,
)
# Numbers of accounts and pictures as the recordings have them, beside an author's or a submitter's name.
GIVEN = re.compile(rb"(?:_id|&quot;_id|avatarUrl)\"?(?:&quot;)?\s*:\s*(?:\"|&quot;)([^\"&]{20,200})(?:\"|&quot;)")


def dump() -> str:
    """Every value of every column of every table, as text."""
    with connection.cursor() as cursor:
        parts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            parts += [
                f"{table}.{name}={value}" for row in cursor for name, value in zip(names, row, strict=True) if value is not None
            ]
    return "\n".join(parts)


def test_a_dump_holds_no_avatar_no_user_object_and_no_address():
    ingest_files(samples.ROOT, now=NOW)
    issues.gather(now=NOW)
    everything = dump()
    assert Paper.objects.count() > 200 and Paper.objects.first().title in everything
    assert sorted(set(ADDRESS.findall(everything))) == []
    assert sorted({match[0] for match in ACCOUNT.finditer(everything)}) == []
    given = set()
    for file in (samples.ROOT / "hf").rglob("*.*"):
        given |= {found.decode(errors="replace") for found in GIVEN.findall(file.read_bytes())}
    assert len(given) > 500
    assert [one for one in sorted(given) if one in everything] == []


def test_the_dump_would_show_one():
    Paper.objects.create(title="Ask ann@example.org", listed_on=NOW.date(), seen_at=NOW)
    assert ADDRESS.findall(dump()) == ["ann@example.org"]
