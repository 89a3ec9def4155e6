"""Warns of variables that were probably meant for this program but set no option."""

import logging
import os
from difflib import get_close_matches

import click

from stream.commands.option import PREFIX

_LOG = logging.getLogger(__name__)


def warn_of_unknown_variables(ctx: click.Context) -> None:
    """Name each ``EGOCLEAN_*`` variable that sets no option, with the nearest one that does.

    They are not refused: Kubernetes, for example, sets ``EGOCLEAN_PORT`` beside a service of the name ``egoclean``.
    """
    present = {name for name in os.environ if name.startswith(PREFIX)}
    unknown = present - _of_every_command() if present else set()
    if not unknown:
        return
    known = _of_every_command() | _of_single_commands(ctx)
    for name in sorted(unknown - known):
        near = get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
        meant = f": did you mean {PREFIX}{near[0]}?" if near else ""
        _LOG.warning("%s sets no option and is ignored%s", name, meant)


def _of_every_command() -> set[str]:
    from models.packages import IMAGE_VARIABLE
    from stream.commands.options import CONFIG_VARIABLE, environment_name
    from stream.config import OPTIONS

    return {CONFIG_VARIABLE, IMAGE_VARIABLE, *(environment_name(each.flag) for each in OPTIONS.values())}


def _of_single_commands(ctx: click.Context) -> set[str]:
    """Every command is imported for it, which takes a moment: it is called only if a name is not known otherwise."""
    from stream.commands.option_file import own_options

    return {option.variable(context) for context, option in own_options(ctx)}
