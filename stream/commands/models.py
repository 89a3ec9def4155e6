"""``egoclean-stream models``: what can be done with models beside running them."""

import click

from stream.commands.export_onnx import export_onnx


@click.group()
def models() -> None:
    """Export models for other runtimes."""


models.add_command(export_onnx)
