"""The argument FORMAT[,FORMAT...] of ``export``."""

import click
from click.shell_completion import CompletionItem


class FormatNames(click.ParamType[str]):
    """Names of formats with commas between them; a shell completes the last one."""

    name = "formats"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        from exporters.table import FORMATS

        before, comma, last = incomplete.rpartition(",")
        unused = [name for name in FORMATS if name not in before.split(",")]
        return [CompletionItem(before + comma + name) for name in unused if name.startswith(last)]
