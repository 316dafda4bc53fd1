"""Signed links: one purpose a token, bound, expiring where it must, and nothing stored."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing

from newsletter import links
from newsletter.links import Purpose, Refused
from newsletter.models.readers import leave_id

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
REF = "aB3-_x9Kq0Zz12fG"


def refused(purpose, token, now=NOW):
    with pytest.raises(Refused) as caught:
        links.read(purpose, token, now=now)
    return caught.value.reason


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_reads_back_to_its_reader(purpose):
    assert links.read(purpose, links.token(purpose, REF, now=NOW), now=NOW) == REF


@pytest.mark.parametrize("made", Purpose)
@pytest.mark.parametrize("used", Purpose)
def test_a_token_of_one_purpose_never_reads_as_another(made, used):
    if made != used:
        assert refused(used, links.token(made, REF, now=NOW)) == "FORGED"


@pytest.mark.parametrize("purpose", Purpose)
def test_every_cut_and_every_changed_character_is_refused(purpose):
    token = links.token(purpose, REF, now=NOW)
    for at in range(len(token)):
        assert refused(purpose, token[:at]) == "FORGED"
        assert refused(purpose, token[:at] + ("a" if token[at] != "a" else "b") + token[at + 1 :]) == "FORGED"
    assert refused(purpose, token + "a") == "FORGED"


@pytest.mark.parametrize("nonsense", ["", ".", "..", REF, "x" * 100_000, "\ud800.é", "a.b.c", "\x00", "%2e%2e"])
def test_nonsense_is_forged_and_no_crash(nonsense):
    for purpose in Purpose:
        assert refused(purpose, nonsense) == "FORGED"


@pytest.mark.parametrize("purpose", [Purpose.PREFERENCES, Purpose.VIEW])
def test_preferences_and_views_open_for_thirty_days_to_the_second(purpose):
    token = links.token(purpose, REF, now=NOW)
    end = NOW + timedelta(days=30)
    assert links.read(purpose, token, now=end - timedelta(seconds=1)) == REF
    assert refused(purpose, token, now=end) == "EXPIRED"
    with pytest.raises(ValueError, match="expires"):
        links.token(purpose, REF)


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.NEVER])
def test_leaving_never_expires(purpose):
    assert links.read(purpose, links.token(purpose, REF), now=NOW + timedelta(days=36_500)) == REF


def test_a_token_survives_a_rotated_key_as_long_as_the_old_one_is_listed(settings):
    old = links.token(Purpose.UNSUBSCRIBE, REF)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" + "y" * 40, [settings.SECRET_KEY]
    assert links.read(Purpose.UNSUBSCRIBE, old, now=NOW) == REF
    assert links.token(Purpose.UNSUBSCRIBE, REF) != old
    settings.SECRET_KEY_FALLBACKS = []
    assert refused(Purpose.UNSUBSCRIBE, old) == "FORGED"


def test_a_keyed_hash_survives_a_rotated_key_and_differs_by_scope_and_by_key(settings):
    before = links.keyed_hash("address", "ada@example.org")
    assert len(before) == 64
    assert links.keyed_hash("network", "ada@example.org") != before
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" + "y" * 40, [settings.SECRET_KEY]
    assert links.keyed_hash("address", "ada@example.org") == before
    settings.SECRET_KEY_FALLBACKS = []
    assert links.keyed_hash("address", "ada@example.org") != before


def test_a_confirmation_token_is_the_same_for_a_retry_and_found_after_rotation(settings):
    token = links.confirm_token(REF)
    known = links.confirm_hash(token)
    assert links.confirm_token(REF) == token
    assert links.confirm_token(REF[::-1]) != token
    assert token not in known
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" + "y" * 40, [settings.SECRET_KEY]
    assert links.confirm_token(REF) != token
    assert links.confirm_token(REF, expected_hash=known) == token


def test_links_begin_with_the_public_address(settings):
    settings.PUBLIC_URL = "https://papers.example.org"
    assert links.absolute("/confirm/x") == "https://papers.example.org/confirm/x"


@pytest.mark.parametrize("purpose", Purpose)
def test_the_quick_signature_is_that_of_django(purpose):
    """Links mailed by 0.1 were made by Signer; its way out still opens."""
    value = (
        REF if purpose not in links.LIFETIME else f"{REF}.{signing.b62_encode(int((NOW + links.LIFETIME[purpose]).timestamp()))}"
    )
    mailed = signing.Signer(sep=".", salt=f"newsletter.links.{purpose}", algorithm="sha256").sign(value)
    assert links.read(purpose, mailed, now=NOW) == REF
    assert links.token(purpose, REF, now=NOW) == mailed


def test_the_one_click_line_of_a_host_of_forty_characters_fits_78(settings):
    settings.PUBLIC_URL = "https://" + "papers.department.university.example.org"
    url = links.absolute(links.leave_path(leave_id()))
    assert len(settings.PUBLIC_URL) == 48 and len(f" <{url}>,") <= 78
