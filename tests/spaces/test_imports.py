"""What importing `hpsearch.spaces` costs."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "optuna", "ray", "yaml", "numpy", "datasets")
MODULES = ("", ".binding", ".optuna_space", ".ray_space", ".hp_space", ".loading", ".yaml_file", ".presets")


def test_spaces_imports_nothing_heavy(tmp_path):
    """`hpsearch --help` must not wait for torch: everything heavy is imported when it is used."""
    imports = "; ".join(f"import hpsearch.spaces{module}" for module in MODULES)
    code = f"import sys; {imports}; print(sorted(set({HEAVY}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout


def test_the_public_face_is_what_it_says():
    """`from hpsearch.spaces import *` gives exactly the documented names."""
    import hpsearch.spaces

    assert ["PRESETS", "Choice", "Constant", "Float", "Int", "Space", "load_space"] == hpsearch.spaces.__all__
    assert [] == [name for name in hpsearch.spaces.__all__ if not hasattr(hpsearch.spaces, name)]
