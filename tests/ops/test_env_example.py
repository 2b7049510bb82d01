"""`.env.example` lists every setting with its default and its meaning, and nothing else."""

import re
from pathlib import Path

from store.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^#UNTEACHABLE_([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    assert listed.keys() == defaults.keys()
    for name, default in defaults.items():
        assert listed[name] == (str(default).lower() if isinstance(default, bool) else str(default)), name


def test_says_what_each_setting_means() -> None:
    text = EXAMPLE.read_text()
    for name, field in Settings.model_fields.items():
        assert f"# {field.description}\n#UNTEACHABLE_{name.upper()}=" in text


def test_with_every_line_uncommented_the_settings_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text(re.sub(r"^#(UNTEACHABLE_)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE))
    assert Settings(_env_file=path) == Settings(_env_file=None)
