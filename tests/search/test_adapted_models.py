"""What adapters make of a model: which parts are trained, and that they are merged and kept. No Trainer is needed."""

from __future__ import annotations

import copy

import peft
import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel

from hpsearch.search.model.adapter_check import skeleton
from hpsearch.search.model.adapters import adapted, save_adapter, with_fresh

from .test_models import FAMILIES, SMALL

#: peft asks transformers by a name that it will drop; what this package does about it, it does by itself.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.mark.parametrize("family", FAMILIES)
def test_in_each_family_the_head_is_trained_beside_the_adapters(family):
    """Each model has adapters in its encoder, all of its head is trained, and nothing else."""
    config = getattr(transformers, f"{family}Config")(**FAMILIES[family])
    plain = AutoModelForSequenceClassification.from_config(config)
    encoder = plain.base_model_prefix
    head = {name for name, _ in plain.named_parameters() if not name.startswith(f"{encoder}.")}

    model = adapted(skeleton(plain), {"target_modules": "all-linear"}, low_cpu_mem_usage=True)

    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    bare = {name.removeprefix("base_model.model.").replace("modules_to_save.default.", "") for name in trained}
    assert head == {name for name in bare if "lora_" not in name}
    assert any(name.startswith(f"{encoder}.") for name in bare)


VARIANTS = [
    {"use_dora": True},
    {"use_rslora": True, "lora_alpha": 3},
    {"bias": "all"},
    {"bias": "lora_only"},
    {"init_lora_weights": "pissa"},
    {"init_lora_weights": "olora"},
    {"init_lora_weights": "gaussian"},
    {"init_lora_weights": "orthogonal"},
    {"lora_bias": True},
    {"layers_to_transform": 0, "target_modules": "query"},
    {"exclude_modules": "key", "target_modules": "all-linear"},
]


@pytest.mark.filterwarnings("ignore:Adapter 'default'. 2 LoRA tensor")  # peft takes a bias for half a matrix
@pytest.mark.parametrize("values", VARIANTS, ids=str)
def test_each_variant_of_lora_is_merged_and_kept(values, toy):
    """Trained weights of any kind: merged, and put by peft on the model as it was, they give the same outputs."""
    base = toy.model()
    inputs = {"input_ids": torch.tensor([list(row) for row in toy.rows(8)["input_ids"]])}
    model = adapted(copy.deepcopy(base), {"target_modules": "query,value", "r": 2, **values}).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.add_(torch.randn_like(one), alpha=0.3)
    with torch.inference_mode():
        before, wanted = base.eval()(**inputs).logits, model(**inputs).logits

        save_adapter(model, toy.folder / "adapter")
        again = peft.PeftModel.from_pretrained(copy.deepcopy(base), toy.folder / "adapter").eval()(**inputs).logits
        merged = model.merge_and_unload()(**inputs).logits

    assert not before.allclose(wanted, atol=1e-2)
    assert merged.allclose(wanted, atol=1e-4)
    assert again.allclose(wanted, atol=1e-4)


def test_what_the_weights_lack_is_trained_and_kept_with_the_adapters(toy):
    """A pooler that a pretrained encoder comes without is new, and so is no part of what stays as it is."""
    BertModel(BertConfig(**SMALL), add_pooling_layer=False).save_pretrained(toy.folder / "encoder")
    model, info = AutoModelForSequenceClassification.from_pretrained(toy.folder / "encoder", output_loading_info=True)

    found = adapted(with_fresh(model, info), {"target_modules": "query"})

    trained = {name for name, one in found.named_parameters() if one.requires_grad and "lora_" not in name}
    parts = ("pooler", "classifier")
    assert set(parts) == {next(part for part in parts if part in name) for name in trained}
