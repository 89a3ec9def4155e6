"""The program ``egoclean-stream``: its commands, and how every error leaves it."""

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click
from click.shell_completion import add_completion_class

from stream.commands.command import OWN_PROCESS
from stream.commands.groups import ImpliedGroup
from stream.commands.shell import BashWords
from stream.commands.usage import usage_sentence
from stream.commands.variables import warn_of_unknown_variables
from stream.commands.version import PROGRAM, show_version
from stream.errors import ExitCode, UsageError
from stream.runtime.exit import exit_quickly, libav_threads_abandoned
from stream.runtime.signals import exit_at_signal, heeded_signals
from stream.ui import standard_streams
from stream.ui.notes import Note, forward_notes, report_error
from stream.ui.standard_streams import echo

COMMANDS = {
    "run": "stream.commands.run:run",
    "rectify": "stream.commands.rectify:rectify",
    "align": "stream.commands.align:align",
    "annotate": "stream.commands.annotate:annotate",
    "tail": "stream.commands.tail:tail",
    "health": "stream.commands.health:health",
    "doctor": "stream.commands.doctor:doctor",
    "models": "stream.commands.models:models",
    "detect": "stream.commands.detect:detect",
    "eval": "stream.commands.eval:evaluate",
    "bench": "stream.commands.bench:bench",
    "show": "stream.commands.show:show",
    "report": "stream.commands.report:report",
    "serve": "stream.commands.serve:serve",
    "export": "stream.commands.export:export",
    "analyze": "stream.commands.analyze:analyze",
    "calibrate": "stream.commands.calibrate:calibrate",
    "check-rectify": "stream.commands.check_rectify:check_rectify",
    "demo": "stream.commands.demo:demo",
    "completion": "stream.commands.completion:completion",
}
"""The function of each command; a module is imported when its command is used."""


class LazyGroup(ImpliedGroup):
    """Commands by name; arguments without a command belong to ``run``."""

    implied = "run"
    examples = (
        ("A first run, without weights or a camera", "demo"),
        ("Segment a clip", "clip.mp4"),
        ("Follow it from another terminal", "tail runs/clip"),
        ("Check this machine before a long run", "doctor clip.mp4"),
        ("The options of a command", "run --help"),
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is not a command")
        return command


add_completion_class(BashWords)

_SETTINGS = {"help_option_names": ["-h", "--help"]}


@click.group(cls=LazyGroup, context_settings=_SETTINGS)
@click.option(
    "-v",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and the commit, and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Stream first-person video into rectified, segmented, described records while the clip plays.

    `egoclean-stream CLIP` is short for `egoclean-stream run CLIP`.
    """
    warn_of_unknown_variables(ctx)


def _say(note: Note) -> None:
    """Print a note for people."""
    for line in (note.trace or "").splitlines():
        echo(line, err=True)
    echo(f"egoclean-stream: {note.text}" if note.level == "error" else note.text, err=True)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Exit at a signal while nothing runs that has to be drained, and wait for no reader."""
    standard_streams.never_wait()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    exit_at_signal(number, frame)


def _unraisable(ignored: "sys.UnraisableHookArgs") -> None:
    """Exit even if a signal's exception is raised where Python ignores exceptions, as in callbacks of imports."""
    match ignored.exc_value:
        case SystemExit(code=int(code)):
            os._exit(code)
        case KeyboardInterrupt():
            os._exit(ExitCode.SIGINT)
    sys.__unraisablehook__(ignored)


def _run() -> int:
    """Run the command that is named; returns its exit code, a documented one in every case."""
    try:
        code: int = cli.main(prog_name=PROGRAM, standalone_mode=False, obj=OWN_PROCESS)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return report_error(UsageError(usage_sentence(error)))
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.SIGINT
    except Exception as error:  # noqa: BLE001 - the way out of the program: every error gets its sentence and code
        return report_error(error)
    return code


def main() -> None:
    """Run the program; exit with a documented code in every case."""
    exit_quickly()
    for number in heeded_signals():
        signal.signal(number, _end)
    sys.unraisablehook = _unraisable
    standard_streams.install()
    forward_notes(_say)
    with libav_threads_abandoned():
        try:
            sys.exit(_run())
        finally:
            standard_streams.finish()


if __name__ == "__main__":
    main()
