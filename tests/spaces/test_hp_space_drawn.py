"""What is read off a stock `hp_space(trial)` is what Optuna suggests to it: on functions that Hypothesis draws."""

import itertools

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.spaces import Constant, Float
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.hp_space import returned_by, suggested_in
from hpsearch.spaces.optuna_space import distributions, suggest
from hpsearch.spaces.space import Space
from hpsearch.spaces.stock_trial import ReplayedTrial

from .hp_spaces import WRONG, programs

TRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
optuna.logging.set_verbosity(optuna.logging.WARNING)


def exact(space, said):
    """Return a configuration as text, numbers of a range with a step in their one form."""
    return repr(sorted((key, stepped(space.parameters[key], value)) for key, value in said.items()))


def stepped(parameter, value):
    return parameter.exact(value) if isinstance(parameter, Float) and parameter.step else value


def agrees(program, seed):
    """Assert that a function and what was read off it say the same, in both directions."""
    function = program.function()
    parameters = returned_by(function)
    if not parameters:
        assert {} == function(optuna.trial.FixedTrial({}))
        return
    space = Space(parameters)
    study, ours = (optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)) for _ in range(2))
    for _ in range(6):
        assert_what_optuna_suggests_is_in_the_space(program, function, space, study.ask())
    drawn = [suggest(space, ours.ask()) for _ in range(6)]
    for configuration in [*drawn, *itertools.islice(space.configurations(points=2), 12)]:
        assert_what_the_space_has_is_suggested(program, function, space, configuration)


def assert_what_optuna_suggests_is_in_the_space(program, function, space, trial):
    said = function(trial)
    resolved = space.resolve(said)
    known = distributions(space)

    assert exact(space, said) == exact(space, resolved)
    named = {key: program.sources[key] for key in resolved if program.sources[key].name}
    assert set(trial.params) == {source.name for source in named.values()}
    for key, source in named.items():
        theirs = trial.distributions[source.name]
        if isinstance(space.parameters[key], Constant):
            assert theirs.single()
            assert said[key] == space.parameters[key].value
        elif source.made is None:
            assert repr(theirs) == repr(known[key])
        else:
            assert tuple(source.made.values()) == known[key].choices


def assert_what_the_space_has_is_suggested(program, function, space, configuration):
    values = {}
    for key, value in configuration.items():
        source = program.sources[key]
        if source.name:
            raw = {made: option for option, made in (source.made or {}).items()}
            values[source.name] = raw[value] if source.made else value
    for trial in (optuna.trial.FixedTrial(values), ReplayedTrial(values)):
        assert exact(space, configuration) == exact(space, function(trial))
        assert values == trial.params


def suggested(program, seed):
    """Assert that what a function suggests, whatever it returns, is what Optuna is asked for."""
    function = program.function()
    parameters = suggested_in(lambda trial: [function(trial)])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(3):
        trial = study.ask()
        function(trial)
        resolved = Space(parameters).resolve(trial.params) if parameters else {}
        assert resolved.keys() == trial.params.keys()


@settings(max_examples=200, **TRIED)
@given(programs(), st.integers(0, 2**32 - 1))
def test_what_is_read_is_what_optuna_suggests(program, seed):
    """Names, ranges, conditions, constants and what the function returns: in both directions."""
    agrees(program, seed)


@settings(max_examples=25, **TRIED)
@given(programs(), st.integers(0, 2**32 - 1))
def test_what_a_function_suggests_is_read_whatever_it_returns(program, seed):
    """So is a `model_init(trial)`, which returns a model."""
    suggested(program, seed)


@pytest.mark.parametrize("kind", WRONG)
@settings(max_examples=4, **TRIED)
@given(data=st.data())
def test_what_cannot_be_read_is_refused_with_the_reason(kind, data):
    """Whatever else the function does; never read as something else."""
    refuses(kind, data)


def refuses(kind, data):
    program = data.draw(programs(wrong=kind))
    with pytest.raises(BadInput) as refusal:
        returned_by(program.function())

    assert WRONG[kind] in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.slow
@settings(max_examples=10_000, **TRIED)
@given(programs(), st.integers(0, 2**32 - 1))
def test_ten_thousand_functions(program, seed):
    """The same, for many."""
    agrees(program, seed)
    suggested(program, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
@settings(max_examples=400, **TRIED)
@given(data=st.data())
def test_ten_thousand_refusals(kind, data):
    """The same, for many."""
    refuses(kind, data)
