"""The model card, `README.md` of a model folder: what the model is for, how it was found, how far to trust it.

What programs read of it is `card_metadata`, what is known `card_facts`; every word that comes from data goes through
`markdown.text`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any

from ...studies.records import Failure, Phase, Trial
from ..markdown import bullets, code, table, text
from ..model.adapters import ADAPTER
from ..model.models import TINY
from ..reproduce import SPACE_FILE, recipe
from ..strategy import Strategy
from ..talk import as_typed
from ..tasks import Task
from ..understood import understood_in
from ..verdict.words import summary_lines
from ..words import short, short_values, shown_params
from .card_facts import Facts, is_known
from .card_metadata import PIPELINE, TAGS, metadata

if TYPE_CHECKING:
    from ..study_run import StudyRun

CARD = "README.md"
#: What stands for the model in the card's example until it has a name on the hub; see `push`.
PLACE = "path/to/this/folder"
#: Labels that are listed.
MOST_LABELS = 20
STREAMED = "This model was trained on a stream of rows, of which nobody knows the number."


def write_card(folder: Path, run: StudyRun, trial: Trial, record: Mapping[str, Any]) -> None:
    """Write the card of a model, whose `hpsearch.json` is `record`, into its folder."""
    from huggingface_hub import ModelCard

    facts = Facts.of(run, trial, record, folder)
    own = own_card(folder)
    if own is None:
        ModelCard(f"---\n{metadata(facts).to_yaml()}\n---\n{body(facts)}").save(folder / CARD)
        return
    own.data.tags = [*dict.fromkeys([*(own.data.tags or []), *TAGS])]
    own.text = f"{own.text.rstrip()}\n\n{one_level_down(body(facts))}"
    own.save(folder / CARD)


def own_card(folder: Path) -> Any:
    """Return the card that the model's own library has written, such as that of sentence-transformers; None if none."""
    from huggingface_hub import ModelCard

    if not (folder / CARD).is_file():
        return None
    card = ModelCard.load(folder / CARD)
    return None if card.data.library_name in (None, "peft", "transformers") else card


def one_level_down(text_: str) -> str:
    """Return Markdown whose headings are those of a section of another page; lines in code stay as they are."""
    lines, in_code = [], False
    for line in text_.split("\n"):
        in_code ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not in_code else line)
    return "\n".join(lines)


def body(facts: Facts) -> str:
    """Return what people read."""
    parts = (
        (
            "",
            [
                f"# {text(facts.study.name)}",
                what_it_is(facts),
                what_was_trained(facts),
                scores(facts),
                test_scores(facts),
            ],
        ),
        ("How to use it", [example(facts), adapter_example(facts)]),
        ("How it was found", [bullets(search_lines(facts))]),
        ("Hyperparameters", [hyperparameters(facts)]),
        ("Finalists", [finalists(facts)]),
        ("Data", [bullets(data_lines(facts))]),
        ("Limits", [bullets(limits(facts))]),
        ("The same again", [again(facts)]),
    )
    blocks = []
    for title, content in parts:
        there = [block for block in content if block]
        blocks += [f"## {title}", *there] if title and there else there
    return "\n\n".join(blocks) + "\n"


def what_it_is(facts: Facts) -> str:
    """Return what the model does, and for which labels."""
    task, began = facts.task, began_as(facts)
    if task is None:
        kind = text(facts.architecture or facts.study.model)
        own = facts.options.get("trainer") or facts.options.get("script")
        of_whom = "of the author's own" if own else "made in Python"
        return f"A fine-tuned {kind}, whose hyperparameters hpsearch searched for a Trainer {of_whom}."
    reads = " and ".join(text(column) for column in task.text_columns)
    from_where = f"task {text(task.name)}, columns: {reads}"
    if task.is_regression:
        return f"{began}, fine-tuned to predict the number {text(task.label_column)} for a text ({from_where})."
    names = list(task.labels or ())
    more = f" and {len(names) - MOST_LABELS} more" if len(names) > MOST_LABELS else ""
    listed = ", ".join(text(name, 60) for name in names[:MOST_LABELS])
    if task.is_several:
        chosen = facts.record.get("threshold", 0.5)
        return (
            f"{began}, fine-tuned to give texts any number of labels ({from_where}), each from a probability of "
            f"{chosen:g} on, which was chosen on the selection split. {len(names)} labels: {listed}{more}."
        )
    return f"{began}, fine-tuned to classify texts ({from_where}). {len(names)} labels: {listed}{more}."


def began_as(facts: Facts) -> str:
    """Return which model was fine-tuned."""
    if facts.base_model:
        return text(facts.base_model)
    if facts.options.get("model_init"):
        return f"A {text(facts.architecture or 'model')} of the author's own"
    if facts.options.get("model") == TINY:
        return f"The small BERT `{TINY}` of hpsearch"
    return f"A model from a folder, {text(facts.study.model)}"


def scores(facts: Facts) -> str:
    """Return the model's metrics."""
    rows = facts.record.get("rows", {}).get("evaluated", "?")
    split = f"{text(facts.record.get('evaluated_on', 'held-out'))} split, {rows} rows"
    return table(("metric", split), [(text(name), f"{value:.4f}") for name, value in facts.metrics.items()])


def test_scores(facts: Facts) -> str:
    """Return the model's metrics on the author's test file; nothing where it was not scored on one."""
    found = facts.record.get("test")
    if not found:
        return ""
    rows = []
    for name, one in found["metrics"].items():
        value = "-" if one["score"] is None else f"{one['score']:.4f}"
        interval = "-" if one["interval"] is None else "{:.4f} to {:.4f}".format(*one["interval"])
        rows.append((text(name), value, interval))
    about = f"On the author's test file {text(found['file'])}, {found['rows']} rows:"
    remark = f" {text(found['remark'])}" if found["remark"] else ""
    return f"{about}\n\n{table(('metric', 'score', '95% interval'), rows)}\n\n{text(found['method'])}.{remark}"


def example(facts: Facts) -> str:
    """Return a program that uses the model; nothing where it is not known how."""
    task = facts.task
    if task is not None and is_known(facts.architecture):
        one = "'a text'" if len(task.text_columns) == 1 else "{'text': 'a text', 'text_pair': 'another text'}"
        most = facts.record["configuration"]["data"].get("max_length") or facts.record["max_length"]
        call = f"model({one}, truncation=True, max_length={most}{', top_k=None' if task.is_several else ''})"
        program = f"from transformers import pipeline\n\nmodel = pipeline('{PIPELINE}', model='{PLACE}')\nprint({call})"
        return code(program.replace("'", '"'), "python")
    if not is_known(facts.architecture):
        return ""
    return code(
        f'from transformers import {facts.architecture}\n\nmodel = {facts.architecture}.from_pretrained("{PLACE}")',
        "python",
    )


def what_was_trained(facts: Facts) -> str:
    """Return how much of the model was trained; nothing where it was trained as a whole."""
    if not facts.adapter:
        return ""
    trained, parameters = facts.adapter["trained_parameters"], facts.adapter["parameters"]
    share = f"{trained:,} of {parameters:,} parameters ({trained / parameters:.1%})"
    kind = text(facts.adapter.get("kind", "LoRA"))
    if not facts.adapter.get("merged", True):
        return f"Trained with adapters ({kind}): {share} were. This folder has them alone, as `peft` reads them."
    return (
        f"Trained with adapters ({kind}): {share} were, the adapters and the head. "
        "They are merged into the weights here, which need nothing but transformers."
    )


def adapter_example(facts: Facts) -> str:
    """Return how to use the adapters alone, where there is a model to use them on."""
    if not facts.adapter or not facts.adapter.get("merged", True):
        return ""
    about = f"The folder `{ADAPTER}` has the adapters and the head alone, as `peft` reads them"
    base, task = facts.adapter.get("base_model"), facts.task
    if base is None or task is None or not text(base):
        return f"{about}; the weights that they were trained beside were made for it, and are in no other place."
    program = (
        "from peft import PeftModel\nfrom transformers import AutoModelForSequenceClassification\n\n"
        f"base = AutoModelForSequenceClassification.from_pretrained({json.dumps(base)}, num_labels={task.num_labels})\n"
        f'model = PeftModel.from_pretrained(base, "{PLACE}", subfolder="{ADAPTER}")'
    )
    return f"{about}:\n\n{code(program, 'python')}"


def search_lines(facts: Facts) -> list[str]:
    """Return how the configuration was found: what was tried, and what came out."""
    study, identity = facts.study, facts.study.spec["identity"]
    strategy = Strategy.of(study)
    counts = [f"{count(facts, Phase.SEARCH)} of {study.trials} trials"]
    counts += [f"{found} on more data" for found in [count(facts, Phase.PROMOTION)] if found]
    counts += [f"{found} on all of it" for found in [count(facts, Phase.FINAL)] if found]
    origin = f", forked from {text(study.forked_from)}" if study.forked_from else ""
    return [
        f"Study {text(study.name)}{origin}, by hpsearch {version('hpsearch')}: {', '.join(counts)}.",
        f"Trials saw {short(identity['fraction'])} of the training data and were scored on the selection split by "
        f"{text(study.objective)} ({study.direction}), each by its {identity['score']} evaluation.",
        f"Sampler {identity['sampler']}, pruner {identity['pruner']}, strategy {strategy.name}, "
        f"finals {strategy.confirm}, seed {identity['seed']}.",
        *(sentence(line) for line in summary_lines(study, facts.trials, otherwise="")),
    ]


def count(facts: Facts, phase: Phase) -> int:
    """Return how many trials of a phase came to an end other than a failure."""
    return sum(one.phase is phase and one.state.is_done for one in facts.trials)


def sentence(line: str) -> str:
    """Return a line of the verdict, which is words of ours and numbers, as a sentence."""
    return f"{line[:1].upper()}{line[1:]}."


def hyperparameters(facts: Facts) -> str:
    """Return the values of this model beside the defaults; all others are in `hpsearch.json`."""
    own = shown_params(facts.trial) | {
        name: value
        for name, value in (facts.record.get("params") or {}).items()
        if value != (facts.trial.params or {}).get(name)
    }
    baseline = next((one.params for one in facts.trials if one.number == 0 and one.params), {})
    rows = [(text(name), text(short(value)), text(short(baseline.get(name, "-")))) for name, value in own.items()]
    seed = facts.record["configuration"]["seed"]
    return table(("name", "this model", "default"), [*rows, ("seed", str(seed), str(seed))])


def finalists(facts: Facts) -> str:
    """Return what was compared on all the data; nothing where nothing was."""
    found = (facts.study.verdict or {}).get("finalists") or []
    named = {one.number: one for one in facts.trials}
    rows = []
    for one in found:
        spread = f"{stdev(one['scores']):.4f}" if len(one["scores"]) > 1 else "-"
        number, tied = one["configuration"], "yes" if one["tied"] else "no"
        values = text(short_values(shown_params(named[number]))) if number in named else "-"
        who = "baseline" if one["baseline"] else f"trial {number}"
        rows.append((who, f"{one['mean']:.4f}", spread, str(len(one["scores"])), tied, values))
    if not rows:
        return ""
    head = ("configuration", "mean", "standard deviation", "seeds", "tied with the best", "values")
    about = f"{text(facts.study.objective)} on the selection split, after training on all the other training data:"
    return f"{about}\n\n{table(head, rows)}"


def data_lines(facts: Facts) -> list[str]:
    """Return what the model learnt from and what it was scored on."""
    rows, parts = facts.record.get("rows", {}), facts.study.spec["notes"].get("rows") or {}
    where = facts.data_set
    name = f" of {text(where.repository)}{f' ({text(where.config)})' if where.config else ''}" if where else ""
    streamed = bool(rows) and "train" not in rows
    lines = [STREAMED if streamed else f"This model was trained on {rows.get('train', '?')} rows{name}."]
    if facts.record.get("budget"):
        lines.append(f"Its training ended at {facts.record['budget']:.0%} of the steps, where its trial ended itself.")
    if "selection" in parts:
        lines.append(f"Selection split, by which configurations were chosen: {parts['selection']} rows.")
    if parts.get("report"):
        kept = report_origin(facts)
        lines.append(f"Report split, by which nothing was chosen: {parts['report']} rows, {kept}.")
    return lines


def report_origin(facts: Facts) -> str:
    """Return which rows the report split is made of."""
    if facts.is_validation:
        return "the validation part of the data"
    return str(facts.study.spec["identity"].get("report") or "cut from the training data")


def limits(facts: Facts) -> list[str]:
    """Return what the numbers do not say."""
    lines = [looks(facts)]
    gain = (facts.study.verdict or {}).get("gain") or {}
    if gain.get("interval") and gain.get("seeds") == 1:
        lines.append("The interval above holds the noise of the report split's rows, not that of another seed.")
    if not facts.record.get("final"):
        lines.append("The model was trained anew, once: other seeds give other scores.")
        winner = (facts.study.verdict or {}).get("winner")
        if winner is not None and winner != facts.trial.first_number:
            lines.append(f"The study's winner is another configuration, that of trial {winner}.")
    if facts.trial.failure is Failure.COLLAPSED:
        lines.append("In its trial this configuration gave a model that predicts the same for every row.")
    task = facts.task
    if task is not None:
        lines += task_limits(facts, task)
    lines.append("Nobody has looked at other data, at fairness, or at what the data should not have taught.")
    return lines


def looks(facts: Facts) -> str:
    """Return how often the rows were looked at that the model was scored on."""
    if not facts.on_report:
        return "The score is of rows that the configuration was chosen by: it is optimistic."
    compared = ((facts.study.verdict or {}).get("looks") or {}).get("report", 0)
    retrained = [one for one in facts.models if one.spec.get("evaluated_on") == "report" and not one.spec.get("final")]
    anew = len(retrained) + (not facts.record.get("final"))
    parts = [f"{compared} times to compare the winner with the baseline"] if compared else []
    parts += [f"{anew} time{'s'[: anew > 1]} for a retrained model"] if anew else []
    seen = f" They were scored {' and '.join(parts)}." if parts else ""
    return f"The rows of the report split took no part in the search.{seen}"


def task_limits(facts: Facts, task: Task) -> list[str]:
    """Return what is limited by the data and the model that it began as."""
    lines = []
    if task.generated:
        lines.append("The data was made by a grammar, to try hpsearch out: the model is of no other use.")
    elif facts.options.get("model") == TINY:
        lines.append("The model knows nothing but this data: it was not pretrained.")
    found = understood_in(facts.study.spec.get("notes") or {})
    if found is not None and found.largest is not None:
        name, share = text(found.largest[0], 60), found.largest_share
        lines.append(f"Of the training rows {share:.1%} are {name}: who always says so has that accuracy.")
    if found is not None and found.leaks.remark:
        lines.append(f"{text(found.leaks.remark, 300)}.")
    most = facts.record["configuration"]["data"].get("max_length") or facts.record["max_length"]
    return [*lines, f"Of longer texts the first {most} tokens count."]


def again(facts: Facts) -> str:
    """Return how to search and train the same again, and with which versions."""
    made, number = recipe(facts.study, to_publish=True), facts.trial.number
    if made.command is None:
        blocks = ["The study was made in Python, with a program that is not part of this."]
    else:
        is_final = facts.record.get("final")
        retrain = [] if is_final else [f"hpsearch retrain --trial {number} {as_typed(facts.study.name)}"]
        blocks = [code("\n".join([made.command, *retrain]), "bash")]
        blocks += [f"with this as `{SPACE_FILE}`:", code(made.space, "yaml")] if made.space else []
    libraries = [f"{name} {text(number)}" for name, number in facts.record["versions"].items()]
    blocks.append(f"hpsearch {version('hpsearch')}, {', '.join(libraries)}. All values are in `hpsearch.json`.")
    return "\n\n".join(blocks)
