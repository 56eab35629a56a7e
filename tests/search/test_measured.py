"""Numbers of a trial that no evaluation returns: seconds, the parameters of its model, the memory of its GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from hpsearch import BadInput
from hpsearch.search.problem import check_measured
from hpsearch.search.trial.environment import EnvironmentCallback
from hpsearch.studies.constraint import Constraint
from hpsearch.studies.objective import MEMORY, MINIMIZE, PARAMETERS, UNITS, Objective, direction_of, key_of, typed
from hpsearch.studies.records import Trial, TrialState


def sized_model(trial: Any = None) -> BertForSequenceClassification:
    """A BERT as wide as a trial says."""
    width = 16 if trial is None else trial.get("hidden_size", 16)
    sizes = {"hidden_size": width, "intermediate_size": width, "max_position_embeddings": 8, "vocab_size": 40}
    return BertForSequenceClassification(BertConfig(num_hidden_layers=1, num_attention_heads=2, **sizes))


@pytest.mark.parametrize("name", UNITS)
def test_each_is_its_own_key_and_lower_is_better(name):
    """A metric of that name is another number."""
    assert (name, name, MINIMIZE) == (key_of(name), typed(name), direction_of(name))
    assert f"eval_{name}" == key_of(f"eval_{name}") == typed(f"eval_{name}")
    assert Objective(name, MINIMIZE) == Objective.named(name)


def test_people_read_them_in_their_units():
    """Whole parameters, and megabytes; a trial of before that has neither has a dash."""
    about: dict[str, Any] = {"trial_id": 1, "study_id": 1, "number": 0, "objective": "eval_loss"}
    known = Trial(state=TrialState.COMPLETE, environment={PARAMETERS: 66955010, MEMORY: 1234567890}, **about)
    unknown = Trial(state=TrialState.COMPLETE, **about)
    both = [Objective.named(PARAMETERS), Objective.named(MEMORY)]

    assert ["66955010", "1234.6 MB"] == [one.text(known) for one in both]
    assert ["-", "-"] == [one.text(unknown) for one in both]
    assert 1234567890.0 == both[1].value(known)


def test_a_search_weighs_and_bounds_the_size_of_models(toy):
    """Each trial has the parameters of its own model, trained or not, and a model that is too large is infeasible."""
    sizes = {width: sum(one.numel() for one in sized_model({"hidden_size": width}).parameters()) for width in (16, 32)}
    bound = sum(sizes.values()) // 2
    study = toy.search(
        toy.trainer(model_init=sized_model),
        space={"model.hidden_size": {"choices": [16, 32]}},
        objective=["loss", "parameters"],
        constraint={"parameters": {"max": bound}},
        sampler="motpe",
        choose="first",
    )
    found = {trial.params["model.hidden_size"]: trial for trial in study.trials}

    assert sizes == {width: trial.environment[PARAMETERS] for width, trial in found.items()}
    assert (TrialState.COMPLETE, TrialState.INFEASIBLE) == (found[16].state, found[32].state)
    assert f"parameters is {sizes[32]:g}" in found[32].failure_message
    assert [found[16].number] == [one.number for one in study.front]
    assert found[16].number == study.best.number


def test_memory_is_refused_on_a_cpu(toy):
    """With the reason; weighed, steering and bounded alike, before the first trial."""
    for how in ({"objective": ["loss", "memory"]}, {"constraint": "memory<=1e9"}):
        with pytest.raises(BadInput, match="'memory' is measured on a GPU"):
            toy.search(toy.trainer(), **how)
    on_gpu: Any = SimpleNamespace(args=SimpleNamespace(device=torch.device("cuda")))
    check_measured([Constraint(MEMORY, most=1e9)], on_gpu)


def test_memory_is_the_peak_since_the_training_began(monkeypatch):
    """PyTorch's own count, begun anew for each training of a process; it is read when the training has ended."""
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: asked.append("begun"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: asked.append(str(device)) or 123)
    note, args = EnvironmentCallback(), SimpleNamespace(world_size=1, device=torch.device("cuda:0"))
    nothing: Any = None
    note.on_train_begin(args, nothing, nothing, model=sized_model())  # type: ignore[arg-type]
    note.on_train_end(args, nothing, nothing)  # type: ignore[arg-type]

    assert ["begun", "cuda:0"] == asked
    assert 123 == note.found[MEMORY]
