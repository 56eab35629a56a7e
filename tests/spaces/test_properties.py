"""Promises about every space there can be, tried on spaces that Hypothesis makes up."""

import itertools
import json
import logging
import math
import random

import optuna
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ray.tune.experiment import Experiment
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.variant_generator import generate_variants

from hpsearch.search.sampling.belief import Belief
from hpsearch.spaces import Choice, Constant, Float, Int, Space, load_space
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.optuna_space import distributions, suggest
from hpsearch.spaces.parameter import Parameter
from hpsearch.spaces.parameters import parameter_from
from hpsearch.spaces.ray_space import from_ray, to_ray

NAMES = ("learning_rate", "model.dropout", "data.max_length", "optim", "weight_decay", "model.layers")
# A loaded machine is no failure; a temporary folder may be shared by all examples of one test.
TRIED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

words = st.text("abcdefgh_-", max_size=6)
numbers = st.floats(-1e6, 1e6) | st.floats(1e-9, 1e-3)
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | numbers | words


@st.composite
def floats(draw):
    """A Float, log or not, with a default or not; or one with a step."""
    if draw(st.booleans()):
        step, first, count = draw(st.integers(1, 9)), draw(st.integers(-20, 20)), draw(st.integers(1, 12))
        unit = 10.0 ** -draw(st.integers(0, 6))
        low, high = round(first * unit, 9), round((first + step * count) * unit, 9)
        return Float(low, high, step=round(step * unit, 9), default=draw(st.none() | st.sampled_from([low, high])))
    low, high = sorted(draw(st.lists(numbers, min_size=2, max_size=2, unique=True)))
    default, prior = (draw(st.none() | st.floats(low, high)) for _ in range(2))
    return Float(low, high, log=low > 0 and draw(st.booleans()), default=default, prior=prior)


@st.composite
def ints(draw):
    """An Int with few values, log or stepped or plain."""
    low, step, count = draw(st.integers(-20, 20)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    if low > 0 and draw(st.booleans()):
        return Int(low, low + count, log=True, prior=draw(st.none() | st.integers(low, low + count)))
    return Int(low, low + count * step, step=step, default=draw(st.none() | st.just(low)))


@st.composite
def choices(draw):
    """A Choice of mixed kinds, no two of them equal in Python."""
    values = draw(st.lists(scalars, min_size=1, max_size=4))
    distinct = [value for index, value in enumerate(values) if value not in values[:index]]
    return Choice(distinct, prior=draw(st.none() | st.sampled_from(distinct)))


constants = scalars.map(Constant)


@st.composite
def spaces(draw, kinds=floats() | ints() | choices() | constants):  # noqa: B008 - a strategy is a value
    """A space of up to six parameters, each of which may depend on earlier ones."""
    parameters: dict[str, Parameter] = {}
    for name in draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))]:
        parents = [other for other, kind in parameters.items() if not isinstance(kind, Float)]
        chosen = draw(st.lists(st.sampled_from(parents), max_size=2, unique=True)) if parents else []
        when = {parent: draw(some_of(parameters[parent])) for parent in chosen}
        parameters[name] = parameter_from(draw(kinds).to_dict() | ({"when": when} if when else {}))
    try:
        return Space(parameters)
    except BadInput as error:
        assume("can never be active" not in str(error))
        raise


def some_of(parent):
    """One value of a parent, or a list of its values."""
    one = st.sampled_from(list(parent.values))
    return one | st.lists(one, min_size=1, max_size=3, unique_by=repr)


finite_spaces = spaces(kinds=ints() | choices() | constants)


def counts(space, name, values):
    """Say whether `name` counts under a value for *every* name: written anew, top down, as an oracle."""
    return all(
        counts(space, parent, values)
        and any(type(values[parent]) is type(one) and values[parent] == one for one in allowed)
        for parent, allowed in space.parameters[name].conditions.items()
    )


def brute_force(space, values):
    """Return every distinct configuration, from the product of all values of all names."""
    found = {}
    for combination in itertools.product(*(values[name] for name in space.names)):
        full = dict(zip(space.names, combination, strict=True))
        kept = {name: value for name, value in full.items() if counts(space, name, full)}
        found[repr(sorted(kept.items()))] = kept
    return found


def decimal(space, params):
    """Return what Optuna suggested with the numbers that a step leads to in their one form."""
    stepped = {name for name, kind in space.parameters.items() if isinstance(kind, Float) and kind.step}
    return {name: space.parameters[name].exact(value) if name in stepped else value for name, value in params.items()}


def assert_nothing_leaks(space, resolved, drawn):
    """Exactly the active names are in a configuration; `drawn` completes it for the oracle."""
    full = {name: kind.middle() for name, kind in space.parameters.items()} | drawn | resolved
    assert [name for name in space.names if counts(space, name, full)] == list(resolved)


@TRIED
@given(spaces())
def test_a_space_survives_json_and_yaml(space):
    """Whatever a store or a file keeps gives the same space back, to the last bit and type."""
    assert space == Space.from_dict(json.loads(json.dumps(space.to_dict())))
    assert space == Space(yaml.safe_load(yaml.safe_dump(space.to_dict()["parameters"])))
    assert repr(space.to_dict()) == repr(Space.from_dict(space.to_dict()).to_dict())


@TRIED
@given(space=spaces())
def test_a_space_survives_a_file(space, tmp_path):
    """A space written as YAML is found again by the path of its file."""
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(space.to_dict()["parameters"]))

    assert space == load_space(path)


@TRIED
@given(spaces(), st.integers(0, 2**32 - 1))
def test_a8_a9_optuna_suggests_what_the_trial_gets(space, seed):
    """A8, A9: a trial's configuration is what was suggested, in value and type, and constants; no more.

    A number that a step leads to is the decimal one, which Optuna's arithmetic misses by a bit.
    """
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    configuration = suggest(space, trial)

    assert configuration == space.resolve(configuration)
    searched = {name: value for name, value in configuration.items() if name in space.searched}
    assert repr(sorted(decimal(space, trial.params).items())) == repr(sorted(searched.items()))
    assert_nothing_leaks(space, configuration, {})


@TRIED
@given(spaces(), st.integers(0, 2**32 - 1))
def test_a9_no_trial_depends_on_the_one_before(space, seed):
    """A9: no conditional value of one trial is in the next; what a trial has depends on its values alone."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(5):
        trial = study.ask()
        configuration = suggest(space, trial)
        assert configuration == suggest(space, optuna.trial.FixedTrial(trial.params))
        assert_nothing_leaks(space, configuration, {})


@TRIED
@given(spaces(), st.dictionaries(st.sampled_from(NAMES), scalars))
def test_the_baseline_is_in_the_space_and_optuna_can_be_given_it(space, defaults):
    """Trial 0 is enqueued, suggested and resolved unchanged, whatever the library's defaults are."""
    baseline = space.baseline(defaults)
    study = optuna.create_study()
    study.enqueue_trial({name: value for name, value in baseline.items() if name in space.searched})

    assert space.contains(baseline)
    assert repr(baseline) == repr(suggest(space, study.ask()))


@TRIED
@given(spaces())
def test_distributions_are_what_suggest_asks_for(space):
    """Samplers that are told the space beforehand see the one that is suggested later."""
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    suggest(space, trial)
    known = distributions(space)

    assert set(space.searched) == set(known)
    assert trial.distributions == {name: known[name] for name in trial.distributions}


@TRIED
@given(finite_spaces)
def test_configurations_agree_with_brute_force(space):
    """Every configuration is listed, none twice, and they are as many as `size` says."""
    values = {name: list(kind.values) for name, kind in space.parameters.items()}
    expected = brute_force(space, values)
    listed = [repr(sorted(configuration.items())) for configuration in space.configurations()]

    assert sorted(expected) == sorted(listed)
    assert len(expected) == space.size()
    assert all(configuration == space.resolve(configuration) for configuration in space.configurations())


@TRIED
@given(spaces(), st.integers(1, 3))
def test_the_configurations_of_a_grid_agree_with_brute_force(space, points):
    """A grid search tries each distinct configuration of the grid once."""
    constant = {name: list(kind.values) for name, kind in space.parameters.items() if isinstance(kind, Constant)}
    listed = [repr(sorted(configuration.items())) for configuration in space.configurations(points)]

    assert sorted(brute_force(space, constant | space.grid(points))) == sorted(listed)
    assert all(space.contains(configuration) for configuration in space.configurations(points))


@TRIED
@given(spaces(), st.integers(1, 6))
def test_grid_values_are_distinct_and_inside(space, points):
    """Every value of a grid may be had, and none stands twice."""
    for name, values in space.grid(points).items():
        assert all(space.parameters[name].contains(value) for value in values)
        assert len(values) == len({repr(value) for value in values})
        if points > 1 and isinstance(space.parameters[name], Float):
            assert space.parameters[name].ends == (values[0], values[-1])


@TRIED
@given(spaces(), st.integers(0, 2**32 - 1))
def test_ray_draws_inside_the_space(space, seed):
    """Ray's own generator draws resolved configurations, the same for the same seed, and conditions hold."""
    drawn = ray_configurations(to_ray(space), seed)
    shuffled = ray_configurations(dict(reversed(to_ray(space).items())), seed)
    bare = [config for _, config in generate_variants(to_ray(space), random_state=seed)]

    assert drawn == ray_configurations(to_ray(space), seed)
    for config in drawn + shuffled + bare:
        resolved = from_ray(space, config)
        assert resolved == space.resolve(resolved)
        assert all(repr(config[name]) == repr(resolved[name]) for name in resolved)
        assert_nothing_leaks(space, resolved, {})
        inactive = [name for name in space.searched if name not in resolved]
        assert [None] * len(inactive) == [config[name] for name in inactive]


def ray_configurations(domains, seed):
    """Return three configurations as Ray hands them to trials; no cluster is started."""
    generator = BasicVariantGenerator(random_state=seed)
    generator.add_configurations(Experiment("any", lambda config: None, config=domains, num_samples=3))
    return [generator.next_trial().config for _ in range(3)]


def test_every_value_of_a_range_is_drawn_by_both():
    """The upper end belongs to the range on Ray as on Optuna, for every kind of Int and a stepped Float."""
    space = Space(
        {
            "plain": Int(1, 3),
            "stepped": Int(1, 7, step=3),
            "log": Int(1, 3, log=True),
            "decimal": Float(0.1, 0.3, step=0.1),
        }
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    expected = {"plain": {1, 2, 3}, "stepped": {1, 4, 7}, "log": {1, 2, 3}, "decimal": {0.1, 0.2, 0.3}}

    from_optuna = [suggest(space, study.ask()) for _ in range(60)]
    by_ray = [from_ray(space, config) for seed in range(20) for config in ray_configurations(to_ray(space), seed)]
    assert expected == {name: {values[name] for values in from_optuna} for name in space.names}
    assert expected == {name: {values[name] for values in by_ray} for name in space.names}


def test_ray_has_nothing_to_say_about_our_conditions(caplog):
    """`tune.sample_from` is used as Ray wants it today: it logs no deprecation."""
    space = Space({"a": Choice([1, 2]), "b": Int(1, 3, when={"a": 1})})
    logger = logging.getLogger("ray.tune.search.sample")
    logger.addHandler(caplog.handler)

    list(generate_variants(to_ray(space), random_state=1))
    ray_configurations(to_ray(space), 1)
    logger.removeHandler(caplog.handler)
    assert [] == caplog.messages


def test_from_ray_refuses_what_the_space_has_not():
    """A configuration from elsewhere is not taken for one of this space."""
    with pytest.raises(BadInput, match="'learning_rat'"):
        from_ray(Space({"learning_rate": 1e-4}), {"learning_rat": 1e-4})


def test_a_fixed_trial_outside_the_space_is_refused():
    """What Optuna only warns of is an error: nothing outside the space is trained."""
    with pytest.warns(UserWarning, match="out of"), pytest.raises(BadInput, match=r"a=2\.0"):
        suggest(Space({"a": Float(0, 1)}), optuna.trial.FixedTrial({"a": 2.0}))


def test_an_sql_store_keeps_every_kind_of_value(tmp_path):
    """A8: what a trial gets is what Optuna's SQL tables give back, type and all."""
    space = Space({"a": Float(1e-6, 1e-3, log=True), "b": Int(1, 9, step=2), "c": Choice([None, True, 3, 0.1, "x"])})
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/optuna.db", sampler=optuna.samplers.RandomSampler(seed=3)
    )
    asked = [suggest(space, study.ask()) for _ in range(20)]

    stored = [trial.params for trial in study.trials]
    assert [repr(sorted(values.items())) for values in asked] == [repr(sorted(p.items())) for p in stored]
    assert 5 == len({repr(values["c"]) for values in asked})


keys = st.sampled_from(["type", "low", "high", "log", "step", "default", "when", "choices", "value", "float", "int"])
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars | keys, inner, max_size=4),
    max_leaves=8,
)


def outcome(make):
    """Return what was made, if it was, and else the message of the refusal; any other error is the test's."""
    try:
        return make(), ""
    except BadInput as error:
        return None, str(error)


@TRIED
@given(st.dictionaries(keys, json_like | st.sampled_from(["int", "float", "choice", 1, 2])) | json_like)
def test_whatever_is_written_is_a_parameter_or_bad_input(written):
    """No input, however odd, ends in anything but a parameter or one sentence."""
    parameter, message = outcome(lambda: parameter_from(written))

    assert "\n" not in message
    if parameter:
        assert repr(parameter) == repr(parameter_from(json.loads(json.dumps(parameter.to_dict()))))
        assert parameter.contains(parameter.middle())
        assert "\n" not in str(parameter)


@TRIED
@given(content=st.binary(max_size=60) | st.text("ab01:-{}[],&*!|>'\"#?%@ \n\t", max_size=60).map(str.encode))
def test_whatever_is_in_a_file_is_a_space_or_bad_input(content, tmp_path):
    """No file, however damaged, ends in anything but a space or one sentence that names it."""
    path = tmp_path / "space.yaml"
    path.write_bytes(content)
    space, message = outcome(lambda: load_space(path))

    assert "\n" not in message
    assert space or str(path) in message


@TRIED
@given(spaces(), st.integers(0, 2**32 - 1))
def test_a_draw_around_a_prior_is_one_of_the_values(space, seed):
    """Whatever the range, the step and the prior; none is likelier than the prior itself."""
    belief, chance = Belief(space), random.Random(seed)
    for name, prior in space.priors.items():
        drawn = belief.draw(name, chance)
        assert space.parameters[name].contains(drawn)
        assert 0 <= belief.likelihood({name: drawn}) <= belief.likelihood({name: prior}) < math.inf
