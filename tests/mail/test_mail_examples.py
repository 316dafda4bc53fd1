"""The examples: one of every kind, in every locale, and nothing that exists."""

import pytest

from newsletter.mail import Digest
from newsletter.mail._service import KINDS
from newsletter.mail.examples import BASE_URL, examples

ALL = examples()


def test_there_is_an_example_of_every_kind():
    assert {example.kind for example in ALL.values()} == {"DIGEST", *KINDS}


@pytest.mark.parametrize("name", ALL)
def test_an_example_makes_a_whole_mail_of_the_address_it_is_given(name):
    message = ALL[name].message()
    assert message.subject and message.text and message.html
    moved = examples(base_url="https://other.example.net")[name].message()
    assert BASE_URL not in moved.html + moved.text


def test_the_papers_of_an_example_differ():
    for name, example in ALL.items():
        if isinstance(example.says, Digest):
            titles = [pick.card.title for pick in example.says.picks]
            assert len(titles) == len(set(titles)), name
