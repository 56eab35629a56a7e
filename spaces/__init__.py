"""What may be tried: parameters, conditions, presets, and their binding to whoever consumes them.

Nothing here imports torch, transformers, Optuna, Ray or YAML before it is asked to.
"""

from .loading import load_space
from .parameters import Choice, Constant, Float, Int
from .presets import PRESETS
from .space import Space

__all__ = ["PRESETS", "Choice", "Constant", "Float", "Int", "Space", "load_space"]
