"""Invented papers for examples: no such paper, author or result exists."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from newsletter.mail._values import Card

LISTED_ON: Final = date(2026, 11, 20)

# category, title, authors (the first three) and how many there are, votes, stars, abstract
_PAPERS: Final = (
    ("cs.CL", "Sparse Attention That Never Forgets: Linear-Time Retrieval over Ten Million Tokens",
     ("Adaeze Okafor", "Lena Lindqvist", "Mai Tanaka"), 7, 214, 1830,
     "Long inputs are expensive, and most of what is stored is never read again. We introduce a learned index of old keys, "
     "so that each new token reads only 64 of them. On recall over ten million tokens it matches full attention with 9.4 "
     "times less memory. The index is trained with the model and needs no change of its weights."),
    ("cs.LG", "Do Reward Models Read? Probing Preference Models with Shuffled Evidence",
     ("Tomás Herrera", "Priya Raman"), 2, 171, None,
     "Preference models are trusted to judge long answers. We shuffle the evidence in 12,000 answers and keep everything "
     "else as it was. Seven of nine models keep their verdict in 83 % of cases, which people do in 11 %. A short second "
     "reading of the evidence alone removes two thirds of the gap."),
    ("cs.CV", "Tiny Vision Encoders Are Enough for Document Layout",
     ("Ingrid Solberg", "Chidi Eze", "Noor Haddad"), 4, 98, 412,
     "Reading the layout of a page is commonly left to encoders with hundreds of millions of weights. This paper shows that "
     "5 million suffice: on four benchmarks the small encoder is within 0.6 points of the best and 31 times faster on a "
     "laptop."),
    ("cs.CL", "A Field Guide to Data Contamination in 2026 Benchmarks",
     ("Oluwaseun Bello", "Marta Kowalska", "Jun Watanabe"), 11, 87, None,
     "We trace 41 benchmarks back to the pages that their questions came from. For 17 of them more than a fifth of the "
     "answers stand on a page that is in common training sets. We publish the list and a test that anyone can run."),
    ("cs.LG", "Low-Rank Optimiser States without the Loss Spike",
     ("Eleni Papadaki", "Rafael Moura", "Sanna Virtanen"), 5, 76, 655,
     "Keeping the optimiser's moments in low rank saves memory, but training often diverges when the subspace is renewed. "
     "We carry the residual over and find that the spikes vanish at every size up to 13B, with 58 % less memory."),
    ("cs.SD", "Speech Tokens at 12 Hz", ("Yara Mansour", "Piotr Zieliński"), 2, 64, 230,
     "We ask how few tokens speech needs. A codec with 12 tokens a second keeps the word error rate within 0.3 points of "
     "the original recording, at a third of the rate of earlier codecs."),
    ("cs.LO", "Proof Repair as Search", ("Amara Nwosu", "Henrik Dahl", "Sofia Greco"), 3, 59, 301,
     "When a library changes, its proofs break in small ways. We treat the repair as a search over edits of the old proof "
     "and mend 71 % of 4,200 broken proofs, most of them within nine seconds."),
    ("cs.RO", "Grasping What You Cannot See: Touch First, Vision Later",
     ("Daniel Osei", "Hana Kobayashi", "Luca Ferri"), 6, 51, None,
     "A hand in a cluttered drawer sees little. Our policy feels its way first and looks afterwards; it takes the right "
     "object in 88 of 100 trials, where a policy led by vision manages 54."),
    ("cs.CR", "Watermarks That Survive Translation", ("Zeynep Arslan", "Mikkel Holm"), 2, 47, 119,
     "Watermarks of text commonly vanish when it is translated and back. We mark meanings instead of words, and the mark is "
     "found in 92 % of texts after two translations, with one false alarm in 10,000."),
    ("stat.ML", "Calibration Curves Lie in Small Samples", ("Bronwyn Pryce", "Kenji Mori"), 2, 42, None,
     "With fewer than 500 examples the usual curve of calibration is biased towards looking good. We derive the bias in "
     "closed form, and a correction that needs one line of code."),
    ("cs.IR", "One Index for Words, Pictures and Tables", ("Fatima Zahra", "Ewan Ross", "Aiko Sato"), 8, 40, 512,
     "We place three kinds of passages in one index by learning what a question would ask of each. Recall at ten rises from "
     "61 to 74 % over separate indexes that are merged afterwards."),
    ("cs.DC", "Training across Four Continents on Spot Machines", ("Nikhil Rao", "Carla Benítez"), 9, 38, 944,
     "Machines that may vanish at any minute cost a fifth. We train a 7B model on 212 of them in four continents and lose "
     "4 % of the time to those that vanish."),
    ("cs.CL", "Small Models Argue Better When They May Concede", ("Liv Andersen", "Omar Farouk"), 2, 35, None,
     "In debates between small models, allowing one side to concede a point raises the share of right verdicts from 62 to "
     "77 %, and shortens the debate by half."),
    ("q-bio.QM", "Folding Forecasts: Predicting Which Structures Will Be Solved Next",
     ("Grace Muthoni", "Ivo Novak"), 4, 31, 88,
     "We predict which protein structures will be determined within a year. Of the 100 that the model ranks first, 63 were."),
    ("cs.SE", "What Reviewers Skip: Eye Tracking over 900 Code Reviews", ("Dorota Wójcik", "Samuel Kipkorir"), 3, 29, None,
     "Reviewers look at tests for nine seconds in the median, and at error handling for four. Defects hide where nobody "
     "looked: 68 % of those found later stand in lines that were read for less than a second."),
    ("cs.AI", "Planning with Maps That Are Wrong on Purpose", ("Alba Ruiz", "Teemu Laine"), 2, 27, 64,
     "A planner that trains with wrong maps learns to check. On real maps it needs 22 % fewer steps."),
    ("cs.CV", "Seeing in the Rain with Two Cheap Cameras", ("Kwame Asante", "Yuki Ono", "Marie Dupont"), 5, 24, 140,
     "Two cameras at 20 euros each, set a hand apart, see through heavy rain as well as one that costs 1,500."),
    ("math.OC", "A Step Size That Needs No Tuning, with Proof", ("Vasil Petrov",), 1, 22, None,
     "We give a step size for stochastic gradient descent that reaches the best known rate without any constant to choose."),
    ("cs.HC", "People Trust Numbers More When They May Change Them", ("Chiara Conti", "Jonas Beck"), 4, 21, None,
     "In a study with 1,048 people, those who could alter a forecast followed it in 71 % of cases, others in 49 %."),
    ("eess.AS", "Birdsong to Species in Forty Kilobytes", ("Tendai Moyo", "Freya Jensen"), 3, 19, 377,
     "A model of 40 kB names 120 birds by their song with 93 % accuracy and runs for a year on one battery."),
    ("cs.LG", "Forgetting on Request, Measured", ("Rosa Lima", "Akira Endo"), 6, 17, None,
     "Of eleven methods that promise to make a model forget, three do: for the others the text comes back after 50 steps."),
    ("cs.PL", "Types That Explain Themselves", ("Hugo Martin", "Niamh Byrne"), 2, 15, 93,
     "Error messages made from the failed step of inference, not its end, help beginners to fix 41 % more programs."),
    ("cs.NE", "Spikes Save Energy Only Below Nine Percent", ("Selin Kaya", "Peter Vogt"), 2, 13, None,
     "We measure eight chips. Spiking networks use less energy than plain ones when under 9 % of their units fire."),
    ("cs.CY", "Who Reads the Model Card?", ("Leah Cohen", "Bayani Cruz"), 3, 11, None,
     "Of 2.1 million downloads of 300 models, 3 % opened the model card first. We say what they looked for."),
    ("physics.ao-ph", "Nowcasting Hail from Phone Pictures", ("Mateo Silva", "Anneli Saar"), 5, 9, 26,
     "Pictures from 4,000 phones, taken in one summer, foretell hail 14 minutes ahead in 7 of 10 storms."),
)  # fmt: skip


def card(n: int, **fields: object) -> Card:
    """The n-th paper, from 1; fields replace its own."""
    category, title, authors, total, votes, stars, abstract = _PAPERS[(n - 1) % len(_PAPERS)]
    number = f"2611.{n:05}"
    shown: dict[str, object] = {
        "ref": f"example{n}",
        "title": title,
        "url": f"https://arxiv.example.org/abs/{number}",
        "pdf_url": f"https://arxiv.example.org/pdf/{number}",
        "code_url": f"https://code.example.org/{number}" if stars else "",
        "authors": authors,
        "authors_total": total,
        "categories": (category,),
        "published_on": LISTED_ON - timedelta(days=n % 3),
        "has_code": bool(stars),
        "upvotes": votes,
        "stars": stars,
        "abstract": abstract,
    }
    return Card(**(shown | fields))  # type: ignore[arg-type]
