"""Options that documents, messages and docstrings name exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from stream.cli import cli

ROOT: Final = Path(__file__).parents[2]
OF_OTHER_PROGRAMS: Final = {
    "docker": "build-arg cap-drop detach entrypoint env file gpus read-only rm secret shm-size target tmpfs user",
    "docker compose": "file", "pip": "constraint upgrade", "hf": "exclude repo-type",
    "lerobot": "push-to-hub repo-id root", "vllm": "served-model-name structured-outputs-config", "zstd": "long",
    "kalibr and others": "models camera_model output_type",
    "python -m tests.tools": "answers annotated cases clip-minutes hours minutes random rounds segments times windows",
    "python -m tests.tools.detector_cases": "published without",
    "python -m tests.tools.measure_fill": "estimated",
    "python -m stream.bench.baseline": "embeddings",
    "prefixes and examples of what is not an option": "detector encodr no",
}  # fmt: skip
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z0-9_-]*[a-z0-9]")


def own_options(command: click.Command, context: click.Context) -> Iterator[str]:
    """The options of a command and of all commands below it."""
    for parameter in command.get_params(context):
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from own_options(below, click.Context(below, parent=context, info_name=name))


def test_every_option_that_is_named_exists() -> None:
    """In README, map, guide and other documents, and in all modules that are installed."""
    known = {*own_options(cli, click.Context(cli))}
    known |= {f"--{name}" for names in OF_OTHER_PROGRAMS.values() for name in names.split()}
    documents = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]
    modules = [path for folder in ("stream", "models", "exporters") for path in (ROOT / folder).rglob("*.py")]
    assert len(documents) > 10
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (*documents, *modules)
        for name in _OPTION.findall(path.read_text(encoding="utf-8"))
        if name not in known
    }
    assert unknown == set()
