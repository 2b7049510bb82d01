"""What the recipes import before they need it: a worker's first job waits for all of it."""

import subprocess
import sys


def test_the_recipes_do_not_import_torchvision() -> None:
    code = "import sys, core.recipes.trial; print([m for m in ('torchvision', 'torch._dynamo') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
