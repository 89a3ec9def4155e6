"""The options about where a clip comes from, the same for every command that reads one."""

import click

download_option = click.option(
    "--download", is_flag=True, help="Fetch a file on the hub whole, instead of reading it where it is."
)
"""Gives a click command ``download``."""
