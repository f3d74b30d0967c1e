"""The one place where errors become a line on stderr and an exit code.

0; 1 a gate or the run failed; 2 the user's mistake; 130 Ctrl-C. A traceback is for --debug alone.
"""

from __future__ import annotations

import signal
import sys
import traceback
import warnings
from collections.abc import Sequence

import click

from deploy.cli.output import echo, not_written
from deploy.support.errors import DeployError
from deploy.support.lacking import lacking
from deploy.support.printable import one_line
from deploy.support.streams import give_up, prepare_streams
from deploy.support.telling import telling_line

PROGRAM = "mobile-deploy"
INTERRUPTED = 130


def run(commands: click.Group, arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name, and return the exit code."""
    # --debug must be known before anything is parsed, since parsing may be what fails.
    debug = "--debug" in arguments
    prepare_streams()
    _calm_warnings(debug)
    try:
        commands.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        # Here rather than at Python's end, where a failure could not be told.
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort) as error:
        return _fail("interrupted", INTERRUPTED, error, debug)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message(), sys.stderr)
        return error.exit_code
    except click.UsageError as error:
        return _fail(f"error: {_usage(error)}", error.exit_code, error, debug)
    except DeployError as error:
        return _fail(f"error: {error}", error.exit_code, error, debug)
    except Exception as error:  # The last resort: no user is shown a traceback.
        lack = not_written(error) if _stdout_refuses() else lacking(error)
        if lack:
            return _fail(f"error: {lack}", lack.exit_code, error, debug)
        return _fail(_internal(error, debug), 1, error, debug)
    finally:
        # What stdout has not taken by now it never will: Python would try once more, and complain.
        if _stdout_refuses():
            give_up(sys.stdout)
    return 0


def _stdout_refuses() -> bool:
    """Whether it holds what it could not write: of click's own words, such as the help."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _calm_warnings(debug: bool) -> None:
    """Toolkits' warnings are for their developers. PYTHONWARNINGS=error would make them failures of
    the network's."""
    warnings.resetwarnings()
    warnings.simplefilter("default" if debug else "ignore")


def _fail(line: str, code: int, error: BaseException, debug: bool) -> int:
    if debug:
        echo("".join(traceback.format_exception(error)).rstrip(), sys.stderr)
    head, colon, rest = one_line(line).partition(":")
    echo(click.style(head + colon, fg="red", bold=True) + rest, sys.stderr)
    return code


def _usage(error: click.UsageError) -> str:
    """click's message as one of ours, with a hint.

    "No such option '--photo'. (Did you mean '--photos'?)" becomes "no such option: --photo (did
    you mean --photos?)".
    """
    program = error.ctx.command_path if error.ctx else PROGRAM
    remedy = f"try {program} --help"
    match error:
        case click.NoSuchOption():
            what, near = f"no such option: {error.option_name}", error.possibilities
        case click.exceptions.NoSuchCommand():
            what, near = f"no such command: {error.command_name}", error.possibilities
        case click.MissingParameter():
            name = error.param.make_metavar(error.ctx) if error.param and error.ctx else "argument"
            if isinstance(error.param, click.Option):
                name = f"{error.param.opts[0]} {name}"
            return f"{name} is missing: {remedy}"
        case click.BadParameter():
            name = error.param.opts[0] if error.param else "argument"
            return f"{name}: {error.message.rstrip('.')}"
        case _:
            message = error.format_message().rstrip(".")
            return f"{message[:1].lower()}{message[1:]}: {remedy}"
    return f"{what} (did you mean {' or '.join(near)}?)" if near else f"{what}: {remedy}"


def _internal(error: Exception, debug: bool) -> str:
    remedy = "report it with the above" if debug else "run again with --debug and report it"
    return f"internal error: {type(error).__name__}: {telling_line(error)}: {remedy}"


def unwind_when_terminated() -> None:
    """End by an exception, which cleans up, where the default is to vanish. nohup stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
