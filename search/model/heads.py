"""The head of a classifier that was trained before: whether its labels are the task's, and in which order it has them.

Labels are compared as people compare them: case and separators count for nothing, `neg` is NEGATIVE, `1` is `1 star`.
A head whose labels are the task's is kept, its rows in the order of the task's class numbers; one of other labels is of
another task, and drawn anew, as one of another number of outputs is. What was done is kept with the model, in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...spaces.errors import BadInput
from ..tasks import Task
from .adapters import FRESH, head_of

#: The attribute of a model that says what became of its head.
HEAD = "hpsearch_head"
#: What layers that give the outputs are called, where another layer of a head is as wide.
OUTPUT_NAMES = ("out_proj", "classifier", "score", "logits_proj", "linear_out", "summary", "out")
SEPARATORS = re.compile(r"[\s_.,/'\"-]+")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
MOST_SHOWN = 6


class Outputs(NamedTuple):
    """What a configuration calls the outputs of a model."""

    names: tuple[str, ...] = ()  #: in their order; none where nobody has named them, and they are LABEL_0, LABEL_1
    contradicts: bool = False  #: whether `id2label` and `label2id` say different things


def outputs_of(config: Any) -> Outputs:
    """Return what a configuration calls the outputs of its model."""
    by_number = _in_order(getattr(config, "id2label", None) or {})
    by_name = _in_order({number: name for name, number in (getattr(config, "label2id", None) or {}).items()})
    return Outputs(by_number or by_name, contradicts=bool(by_number and by_name and by_number != by_name))


def _in_order(names: Mapping[Any, Any]) -> tuple[str, ...]:
    numbered = {int(number): str(name) for number, name in names.items() if str(number).isdecimal()}
    listed = tuple(numbered[number] for number in sorted(numbered))
    nameless = all(name.upper() == f"LABEL_{number}" for number, name in enumerate(listed))
    if nameless or sorted(numbered) != list(range(len(names))):
        return ()
    return listed


def order_of(wanted: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """Return for each of the `wanted` labels its place among `names`; None where these are others."""
    numbers = any(all(NUMBER.fullmatch(name.strip()) for name in side) for side in (wanted, names))
    keys: list[Callable[[str], str | None]] = [str, _spelled, _squeezed]
    for key in [*keys, _number] if numbers else keys:
        left, right = [key(name) for name in wanted], [key(name) for name in names]
        if len({*left} - {None}) == len(left) == len(right) and {*left} == {*right}:
            return [right.index(one) for one in left]
    return _order_by_beginning([_squeezed(name) for name in wanted], [_squeezed(name) for name in names])


def _spelled(name: str) -> str:
    return name.strip().casefold()


def _squeezed(name: str) -> str:
    return _spelled(name) if NUMBER.fullmatch(name.strip()) else SEPARATORS.sub("", _spelled(name))


def _number(name: str) -> str | None:
    """Return the one number in a name such as `LABEL_1`, `1 star` or `1`."""
    found = NUMBER.findall(name if NUMBER.fullmatch(name.strip()) else name.replace("-", "_"))
    return repr(float(found[0])) if len(found) == 1 else None


def _order_by_beginning(wanted: Sequence[str], names: Sequence[str]) -> list[int] | None:
    places = [
        [place for place, name in enumerate(names) if one and name and (name.startswith(one) or one.startswith(name))]
        for one in wanted
    ]
    order = [found[0] for found in places if len(found) == 1]
    return order if len(names) == len(wanted) == len(order) == len({*order}) else None


def settled(model: Any, info: Mapping[str, Any], before: Outputs, task: Task) -> Any:
    """Return a model that was loaded, its head as the task needs it, and what was done in `head_words`.

    `info` is what loading has told, and `before` what the weights' own configuration calls the outputs. A head that is
    drawn anew comes from torch's generator. Raises `BadInput` where the rows of a head must change places, and the
    layer that has them cannot be told from others.
    """
    layer = output_layer(model, task.num_labels)
    told = _as_loaded(info, None if layer is None else layer[0], before, task)
    if told is None:
        words, apply = _plan(layer, before, task)
        told = words
        if apply is not None:
            apply(model)
    setattr(model, HEAD, told)
    return model


def head_words(model: Any) -> str:
    """Return what became of the head that a model came with; nothing where it came with none."""
    return getattr(model, HEAD, None) or ""


def _as_loaded(info: Mapping[str, Any], layer: str | None, before: Outputs, task: Task) -> str | None:
    """Return words for a head that loading had no weights for, or of another size; None for one that was loaded."""
    for key, there, _ in info.get("mismatched_keys", ()):
        if layer is not None and key == f"{layer}.weight":
            size = f"{there[0]} output{'s' if there[0] > 1 else ''}"
            return (
                f"the model's head has {size}{_called(before)} and the task needs {task.num_labels}: it is drawn anew"
            )
    missing = info.get("missing_keys", ())
    lacks = f"{layer}.weight" in missing if layer is not None else bool(missing)
    return "" if lacks else None


Apply = Callable[[Any], None]


def _plan(layer: tuple[str, Any] | None, before: Outputs, task: Task) -> tuple[str, Apply | None]:
    """Return what becomes of a head that was loaded, in words, and what does it."""
    labels = list(task.labels or ())
    if not labels:
        return "the model's head of one output is kept", None
    if before.contradicts:
        return _other(layer, "the model's id2label and label2id contradict each other")
    positions = [str(number) for number in range(len(labels))]
    names = before.names or tuple(f"LABEL_{number}" for number in positions)
    order = order_of(labels, names)
    if order is None and not before.names:
        return f"the model's labels have no names: its head is kept, its outputs are {_pairs(positions, labels)}", None
    if order is None and labels == positions:
        return f"the labels are numbers: the model's head is kept, {_pairs(labels, before.names)}", None
    if order is None:
        return _other(layer, f"the model knows other labels{_called(before)} than the task ({_listed(labels)})")
    same = "" if _alike(labels, names, order) else f": {_pairs(labels, [names[at] for at in order])}"
    if order == sorted(order):
        return f"the model knows the labels of the task{same}: its head is kept", None
    words = f"the model knows the task's labels in another order{_called(before)}"
    if layer is None:
        raise BadInput(f"{words}, and the layer that gives its outputs cannot be told from others")
    return f"{words}{same}: the rows of its head are put in the order of the task's ({_listed(labels)})", (
        lambda model: put_in_order(layer[1], order)
    )


def _other(layer: tuple[str, Any] | None, why: str) -> tuple[str, Apply | None]:
    if layer is None:
        return f"{why}: its head is kept, for the layer that gives its outputs cannot be told from others", None
    return f"{why}: its head is drawn anew", lambda model: draw_anew(model, *layer)


def _alike(labels: Sequence[str], names: Sequence[str], order: Sequence[int]) -> bool:
    return all(_squeezed(one) == _squeezed(names[at]) for one, at in zip(labels, order, strict=True))


def _pairs(left: Sequence[str], right: Sequence[str]) -> str:
    pairs = [f"{one} is {other!r}" for one, other in zip(left, right, strict=True)]
    return ", ".join(pairs[:MOST_SHOWN]) + (", ..." if len(pairs) > MOST_SHOWN else "")


def _called(before: Outputs) -> str:
    return f" ({_listed(before.names)})" if before.names else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")


def output_layer(model: Any, outputs: int) -> tuple[str, Any] | None:
    """Return the name and the module of the linear layer that gives a model's outputs; None where several may be it."""
    from torch.nn import Linear

    wide = [
        (name, one) for name, one in model.named_modules() if isinstance(one, Linear) and one.out_features == outputs
    ]
    heads = tuple(head_of(model) or ())
    found = [one for one in wide if one[0] in heads or one[0].startswith(tuple(f"{head}." for head in heads))] or wide
    if len(found) > 1:
        found = [one for one in found if one[0].rpartition(".")[2] in OUTPUT_NAMES]
    return found[0] if len(found) == 1 else None


def put_in_order(layer: Any, order: Sequence[int]) -> None:
    """Let row i of a linear layer be what was row `order[i]`."""
    import torch

    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            if parameter is not None:
                parameter.copy_(parameter[list(order)].clone())


def draw_anew(model: Any, name: str, layer: Any) -> None:
    """Draw a layer as the model's class draws its own, and count it among what is new in the model."""
    import torch

    for parameter in layer.parameters():
        parameter._is_hf_initialized = False  # else transformers leaves what it has loaded as it is
    with torch.no_grad():
        model._init_weights(layer)
    setattr(model, FRESH, sorted({*getattr(model, FRESH, ()), name}))


def settled_own(model: Any, task: Task) -> Any:
    """Return a model that a user's function has made, with the rows of its head in the order of the task's labels.

    Where its configuration names others, or none, it stays as it was made. Raises as `settled` does.
    """
    names = outputs_of(getattr(model, "config", None)).names
    labels = list(task.labels or ())
    order = order_of(labels, names) if names and labels else None
    if order is None:
        if names and labels and len(names) == len(labels):
            setattr(model, HEAD, f"the outputs of the model that --model-init returns are {_pairs(names, labels)}")
        return model
    if order != sorted(order):
        words, apply = _plan(output_layer(model, len(labels)), Outputs(names), task)
        if apply is not None:
            apply(model)
        name_outputs(model.config, labels)
        setattr(model, HEAD, words)
    return model


def name_outputs(config: Any, labels: Sequence[str]) -> None:
    """Let the outputs of a configuration be called so, in this order."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {name: number for number, name in enumerate(labels)}
