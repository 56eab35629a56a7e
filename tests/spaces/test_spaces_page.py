"""docs/spaces.md cannot lie: its YAML and its function are the spaces that it says."""

import re
from pathlib import Path

from hpsearch.spaces import Choice, Float, Space, load_space
from hpsearch.spaces.hp_space import space_of

PAGE = (Path(__file__).parents[2] / "docs" / "spaces.md").read_text(encoding="utf-8")


def blocks(language):
    """Return the blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_yaml_is_a_space(tmp_path):
    """Every line of it, as it stands there; and so is each other block."""
    spaces = []
    for text in blocks("yaml"):
        path = tmp_path / "space.yaml"
        path.write_text(text)
        spaces.append(load_space(path))

    space = spaces[0]
    assert [0.0, 0.05, 0.1, 0.15, 0.2] == list(space.parameters["warmup_steps"].values)
    assert {"optim": ("adamw_torch",)} == space.parameters["adam_beta2"].when


def test_the_function_is_the_space_that_the_page_says():
    """What its comments say is what is read."""
    names = {}
    exec(blocks("python")[0], names)  # noqa: S102 - the page is ours

    assert Space(
        {
            "learning_rate": Float(1e-5, 1e-3, log=True),
            "gradient_accumulation_steps": Choice([1, 2, 4, 8]),
            "optim": Choice(["adamw_torch", "adafactor"]),
            "adam_beta2": Float(0.9, 0.999, when={"optim": "adamw_torch"}),
        }
    ) == space_of(names["hp_space"])
