"""Functions `hp_space(trial)` drawn by Hypothesis, as source text: those that are spaces, and those that are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

MIXED = [None, True, False, 0, 1, "1", "True", "None", 1.5, "a", "", 3, -2, 0.25]


@dataclass
class Source:
    """What a key has its value from: the suggested name, and what is made of each of its values."""

    name: str | None = None
    made: dict[Any, Any] | None = None


@dataclass
class Program:
    """A function in the making: its lines, and what they do."""

    lines: list[str] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    forks: int = 0

    @property
    def text(self) -> str:
        body = "\n".join(f"    {line}" for line in ["said = {}", *self.lines, "return said"])
        return f"def hp_space(trial):\n{body}\n"

    def function(self):
        made: dict[str, Any] = {}
        exec(self.text, made)  # noqa: S102 - the text is the test's own
        return made["hp_space"]

    def __repr__(self) -> str:
        return f"\n{self.text}"


@st.composite
def programs(draw, wrong=None):
    """A function that is a space; with a mistake of the kind `wrong`, one that is none."""
    program = Program()
    block(draw, program, "", 0, [], wrong)
    return program


def block(draw, program, indent, depth, scope, wrong=None):
    """Add statements; `scope` are the variables that conditions may be on, with their options."""
    count = draw(st.integers(1, 4 if depth == 0 else 2))
    place = draw(st.integers(0, count)) if wrong else None
    for index in range(count):
        if index == place:
            mistake(draw, program, indent, wrong)
        if scope and depth < 3 and program.forks < 3 and draw(st.booleans()):
            condition(draw, program, indent, depth, scope)
        elif draw(st.integers(0, 4)) == 0:
            key = new_key(program, Source())
            program.lines.append(f"{indent}said[{key!r}] = {draw(st.sampled_from(MIXED))!r}")
        else:
            suggestion(draw, program, indent, scope)
    if place == count:
        mistake(draw, program, indent, wrong)


def condition(draw, program, indent, depth, scope):
    """Add an `if` on a variable, and perhaps an `else`."""
    variable, options = draw(st.sampled_from(scope))
    program.forks += 1
    program.lines.append(f"{indent}if {test(draw, variable, options)}:")
    block(draw, program, indent + "    ", depth + 1, list(scope))
    if draw(st.booleans()):
        program.lines.append(f"{indent}else:")
        block(draw, program, indent + "    ", depth + 1, list(scope))


def test(draw, variable, options):
    """Return a condition that some option meets, and perhaps all."""
    chosen = draw(st.lists(st.sampled_from(options), min_size=1, max_size=len(options), unique_by=repr))
    forms = [f"{variable} in {tuple(chosen)!r}", f"not ({variable} not in {chosen!r})"]
    if len(chosen) == 1:
        forms += [f"{variable} == {chosen[0]!r}"] + ([f"{variable} is None"] if chosen == [None] else [])
    if all(type(one) is int for one in options):
        forms.append(f"{variable} >= {draw(st.sampled_from(options))!r}")
    if options in ([True, False], [False, True]):
        forms.append(variable)
    return draw(st.sampled_from(forms))


test.__test__ = False


def suggestion(draw, program, indent, scope):
    """Add a suggestion under a key, of the same name or another, as it is or with something made of it."""
    number = len(program.sources)
    name = f"k{number}" if draw(st.booleans()) else f"n{number}"
    call, options = draw(st.one_of(floats(name), ints(name), categoricals(name)))
    program.lines.append(f"{indent}v{number} = {call}")
    made = draw(making(options)) if options and draw(st.integers(0, 3)) == 0 else None
    key = new_key(program, Source(name, made))
    program.lines.append(
        f"{indent}said[{key!r}] = v{number}" if made is None else f"{indent}said[{key!r}] = {made!r}[v{number}]"
    )
    if draw(st.integers(0, 9)) == 0:
        program.lines.append(f"{indent}assert {call} == v{number}")
    if options:
        scope.append((f"v{number}", options))


def new_key(program, source):
    key = f"k{len(program.sources)}"
    program.sources[key] = source
    return key


@st.composite
def floats(draw, name):
    low, high = draw(st.sampled_from([(0.0, 1.0), (1e-6, 1e-2), (-2.5, 0.5), (0.5, 0.5), (1, 40)]))
    if low > 0 and draw(st.booleans()):
        return f"trial.suggest_float({name!r}, {low!r}, {high!r}, log=True)", None
    if draw(st.booleans()):
        step, count = draw(st.sampled_from([0.1, 0.05, 0.7, 1e-5])), draw(st.integers(1, 8))
        low = draw(st.sampled_from([0.0, 0.1, -0.7]))
        return f"trial.suggest_float({name!r}, {low!r}, {round(low + step * count, 9)!r}, step={step!r})", None
    return f"trial.suggest_float({name!r}, {low!r}, {high!r})", [low] if low == high else None


@st.composite
def ints(draw, name):
    low, step, count = draw(st.integers(-3, 3)), draw(st.integers(1, 3)), draw(st.sampled_from([0, 1, 2, 4, 60]))
    if low > 0 and draw(st.booleans()):
        values = range(low, low + count + 1)
        return f"trial.suggest_int({name!r}, {low}, {low + count}, log=True)", few(values)
    values = range(low, low + step * count + 1, step)
    return f"trial.suggest_int({name!r}, {low}, {values[-1]}, step={step})", few(values)


def few(values):
    return list(values) if len(values) <= 16 else None


@st.composite
def categoricals(draw, name):
    drawn = draw(st.lists(st.sampled_from(MIXED), min_size=1, max_size=4))
    options = [one for index, one in enumerate(drawn) if one not in drawn[:index]]
    return f"trial.suggest_categorical({name!r}, {options!r})", options


@st.composite
def making(draw, options):
    """What is made of each option: every one another."""
    made = draw(
        st.lists(
            st.integers(100, 999) | st.text("xyz", min_size=1),
            min_size=len(options),
            max_size=len(options),
            unique=True,
        )
    )
    return dict(zip(options, made, strict=True))


#: What is no space, and what the refusal says.
WRONG = {
    "power of a float": "calculates 'z'",
    "sum": "calculates 'z'",
    "many to one": "calculates 'z'",
    "condition on a float": "depends on the value of 'z'",
    "condition on a stepped float": "depends on the value of 'z'",
    "condition on a wide int": "depends on the value of 'z'",
    "other range": "a name has one range",
    "other choices": "a name has one range",
    "other kind": "a name has one range",
    "other name": "calculates 'z'",
    "two keys": "under two names, 'z' and 'z2'",
    "no key": "returns it under no name",
    "hidden condition": "returns it under no name",
    "or": "under conditions that a space cannot say",
    "raises": "fails where",
    "number": "uses `trial.number`",
    "user_attrs": "uses `trial.user_attrs`",
    "swallowed": "uses `trial.params`",
    "equal choices": "which count as equal",
    "a list": "z: each of choices must be",
    "random": "does not do the same twice",
    "not a dictionary": "not a dictionary",
    "inner": "calculates 'z'",
}


def mistake(draw, program, indent, wrong):
    """Add what makes a function no space."""
    low, high = draw(st.sampled_from([(0.0, 1.0), (-3.0, 2.0), (10.0, 11.0)]))
    share = draw(st.floats(0.0, 0.99))
    float_, middle = f"trial.suggest_float('z', {low}, {high})", low + share * (high - low)
    one_of = "trial.suggest_categorical('z', [1, 2, 3])"
    lines = {
        "power of a float": [f"said['z'] = 10 ** {float_}"],
        "sum": [f"said['z'] = {one_of} + trial.suggest_int('z2', 0, 5)"],
        "many to one": [f"said['z'] = min({one_of}, 2)"],
        "condition on a float": [f"said['z'] = {float_}", f"if said['z'] > {middle!r}: said['z2'] = 1"],
        "condition on a stepped float": [
            "said['z'] = trial.suggest_float('z', 0.0, 1.0, step=0.25)",
            f"if said['z'] > {share!r}: said['z2'] = trial.suggest_int('z2', 1, 3)",
        ],
        "condition on a wide int": [
            "said['z'] = trial.suggest_int('z', 0, 99)",
            f"if said['z'] > {int(share * 99)}: said['z2'] = {float_.replace('z', 'z2')}",
        ],
        "other range": [
            f"said['z2'] = {one_of.replace('z', 'z2')}",
            f"said['z'] = {float_} if said['z2'] == 2 else trial.suggest_float('z', {low}, {high + 1})",
        ],
        "other choices": [
            f"said['z2'] = {one_of.replace('z', 'z2')}",
            f"said['z'] = {one_of} if said['z2'] == 2 else trial.suggest_categorical('z', [True, 2, 3])",
        ],
        "other kind": [
            f"said['z2'] = {one_of.replace('z', 'z2')}",
            "said['z'] = trial.suggest_float('z', 1, 3) if said['z2'] == 1 else trial.suggest_int('z', 1, 3)",
        ],
        "other name": [
            f"said['z3'] = {one_of.replace('z', 'z3')}",
            f"said['z'] = {float_} if said['z3'] == 1 else {float_.replace('z', 'z2')}",
        ],
        "two keys": [f"said['z'] = said['z2'] = {one_of}"],
        "no key": [one_of],
        "hidden condition": [f"if {one_of} == 1: said['z2'] = 5"],
        "or": [
            f"said['z'], said['z2'] = {one_of}, {one_of.replace('z', 'z2')}",
            "if said['z'] == 1 or said['z2'] == 3: said['z3'] = trial.suggest_int('z3', 0, 1)",
        ],
        "raises": [f"said['z'] = 1 / ({one_of} - 2)"],
        "number": [f"said['z'] = trial.number and {one_of}"],
        "user_attrs": ["said['z'] = trial.user_attrs.get('z', 3)"],
        "swallowed": ["try: said['z'] = trial.params['z']", "except Exception: said['z'] = 1"],
        "equal choices": ["said['z'] = trial.suggest_categorical('z', [0, 'a', False])"],
        "a list": ["said['z'] = trial.suggest_categorical('z', [[0.9, 0.99], [0.9, 0.999]])"],
        "random": ["import random", "said['z'] = random.random()"],
        "not a dictionary": ["return list(said)"],
        "inner": [f"said['z'] = {{'inner': {float_}}}"],
    }[wrong]
    program.lines += [indent + line for line in lines]
