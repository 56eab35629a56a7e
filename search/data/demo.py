"""The corpus of the task `demo`: acceptable and unacceptable English sentences from a small seeded grammar.

It lets `hpsearch run` work with no file and no network. Each phenomenon breaks in one direction only (a
plural subject with a singular verb, never the reverse): single words are then weak clues, found from a few
hundred sentences, and their combination is the rule, found from a few thousand. So a subset already tells
good configurations from bad ones, and the whole set still improves on it. How the task is declared is in
`tasks`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Row = dict[str, str]
Words = list[str]

TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS = 6000, 600, 600
LABELS = ("unacceptable", "acceptable")
SINGULAR, PLURAL = 0, 1


@dataclass(frozen=True, kw_only=True)
class Noun:
    """A noun: its singular and plural, and the reflexive pronoun of each."""

    forms: tuple[str, str]
    reflexives: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """A verb: its forms for a singular and a plural subject (the second follows `will`), its participle."""

    forms: tuple[str, str]
    participle: str


def _nouns(reflexive: str, *words: str) -> tuple[Noun, ...]:
    return tuple(Noun(forms=(word, word + "s"), reflexives=(reflexive, "themselves")) for word in words)


def _verbs(*words: str) -> tuple[Verb, ...]:
    return tuple(Verb(forms=(word + "s", word), participle=word + "ed") for word in words)


PEOPLE = (
    *_nouns("herself", "girl", "queen", "sister", "mother", "daughter", "aunt"),
    *_nouns("himself", "boy", "king", "brother", "actor", "son", "uncle"),
)
THINGS = _nouns("itself", "robot", "machine", "dog", "bird", "horse", "engine")
PLACES = _nouns("itself", "tree", "table", "river", "house", "window", "garden", "door", "bridge")
NOUNS = PEOPLE + THINGS
RESTING = _verbs("laugh", "jump", "wait", "wander", "work", "appear", "return", "yawn")
ACTING = _verbs("help", "follow", "visit", "paint", "clean", "remember", "protect", "guard")
ADJECTIVES = ("old", "small", "young", "quiet", "red", "clever", "strange", "happy", "tall", "tired")
ADVERBS = ("slowly", "often", "today", "again", "outside", "quietly", "here", "twice")
PREPOSITIONS = ("near", "behind", "beside", "under")
FREE = ("the", "your", "my", "our")  # determiners of either number
FIXED = (("this", "these"), ("that", "those"), ("every", "many"), ("each", "several"))  # singular, plural


def _pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """Choose with `random()` alone, the one method whose results Python promises to keep between versions."""
    return items[int(rng.random() * len(items))]


def _maybe(rng: random.Random, chance: float, words: Sequence[str]) -> Words:
    return [_pick(rng, words)] if rng.random() < chance else []


def _number(rng: random.Random) -> int:
    return _pick(rng, (SINGULAR, PLURAL))


def _phrase(rng: random.Random, noun: Noun, number: int, determiners: Sequence[str] = FREE) -> Words:
    return [_pick(rng, determiners), *_maybe(rng, 0.3, ADJECTIVES), noun.forms[number]]


def _someone(rng: random.Random) -> Words:
    return _phrase(rng, _pick(rng, NOUNS), _number(rng))


def _somewhere(rng: random.Random) -> Words:
    return [_pick(rng, PREPOSITIONS), *_phrase(rng, _pick(rng, PLACES), _number(rng))]


def _ending(rng: random.Random) -> Words:
    return _maybe(rng, 0.5, ADVERBS)


def word_order(rng: random.Random, good: bool) -> Words:
    """`the girl will help my son`, not `girl the will help my son`: a determiner comes first."""
    subject = _someone(rng)
    if not good:
        subject = [*subject[1:], subject[0]]
    return [*subject, "will", _pick(rng, ACTING).forms[1], *_someone(rng), *_ending(rng)]


def verb_form(rng: random.Random, good: bool) -> Words:
    """`the girl will laugh` and `the girl has laughed`, not `the girl will laughs`."""
    verb, number = _pick(rng, RESTING), _number(rng)
    right = _pick(rng, (["will", verb.forms[PLURAL]], [("has", "have")[number], verb.participle]))
    forms = right if good else ["will", verb.forms[SINGULAR]]
    return [*_phrase(rng, _pick(rng, NOUNS), number), *forms, *_ending(rng)]


def reflexive(rng: random.Random, good: bool) -> Words:
    """`the queen will help herself`, not `the queen will help itself`."""
    number, noun = _number(rng), _pick(rng, NOUNS if good else PEOPLE)
    pronoun = noun.reflexives[number] if good else "itself"
    return [*_phrase(rng, noun, number), "will", _pick(rng, ACTING).forms[1], pronoun, *_ending(rng)]


def agreement(rng: random.Random, good: bool) -> Words:
    """`the girls laugh`, not `the girls laughs`."""
    number = _number(rng) if good else PLURAL
    verb = _pick(rng, RESTING).forms[number if good else SINGULAR]
    return [*_phrase(rng, _pick(rng, NOUNS), number), verb, *_ending(rng)]


def distant_agreement(rng: random.Random, good: bool) -> Words:
    """`the girls near the tree laugh`, not `... laughs`: the nearer noun does not count."""
    number = _number(rng) if good else PLURAL
    verb = _pick(rng, RESTING).forms[number if good else SINGULAR]
    return [*_phrase(rng, _pick(rng, NOUNS), number), *_somewhere(rng), verb, *_ending(rng)]


def determiner(rng: random.Random, good: bool) -> Words:
    """`these girls will laugh`, not `these girl will laugh`."""
    number = _number(rng) if good else SINGULAR
    determiners = [pair[number if good else PLURAL] for pair in FIXED]
    subject = _phrase(rng, _pick(rng, NOUNS), number, determiners)
    return [*subject, "will", _pick(rng, RESTING).forms[1], *_ending(rng)]


def verb_frame(rng: random.Random, good: bool) -> Words:
    """`the girl will help my son` and `the girl will laugh`, not `the girl will laugh my son`."""
    acting = good and _pick(rng, (True, False))
    verb = _pick(rng, ACTING if acting else RESTING).forms[1]
    thing = _someone(rng) if acting or not good else []
    return [*_someone(rng), "will", verb, *thing, *_ending(rng)]


#: How often each phenomenon is drawn, in sixteenths.
PHENOMENA: dict[Callable[[random.Random, bool], Words], int] = {
    word_order: 3,
    verb_form: 3,
    reflexive: 3,
    agreement: 3,
    determiner: 2,
    distant_agreement: 1,
    verb_frame: 1,
}
_DRAWS = [phenomenon for phenomenon, weight in PHENOMENA.items() for _ in range(weight)]


def demo_corpus(seed: int = 0) -> tuple[list[Row], list[Row], list[Row]]:
    """Return train, validation and test rows (`sentence`, `label`); no sentence occurs twice in them all.

    The same seed gives the same rows on every machine and Python version.
    """
    rng = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < TRAIN_ROWS + VALIDATION_ROWS + TEST_ROWS:
        good = _pick(rng, (False, True))
        rows.setdefault(" ".join(_pick(rng, _DRAWS)(rng, good)) + " .", LABELS[good])
    corpus = [{"sentence": sentence, "label": label} for sentence, label in rows.items()]
    cut = TRAIN_ROWS + VALIDATION_ROWS
    return corpus[:TRAIN_ROWS], corpus[TRAIN_ROWS:cut], corpus[cut:]
