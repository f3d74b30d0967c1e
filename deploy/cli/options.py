"""Options that several commands share, and the kinds of values that options take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from deploy.benchmark.defaults import ITERATIONS, ROUNDS

if TYPE_CHECKING:
    from deploy.android.devices import Server

# Whether it exists and is of use is the library's to say: it says it better.
PATH = click.Path(path_type=Path)

Command = Callable[..., None]

MOST_THREADS = 64
# Processes side by side: more is a slip of the finger.
MOST_JOBS = 1024


def shared_options(command: Command) -> Command:
    """Add --json and --debug, which every command has."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object instead of text."
    )
    debug = click.option(
        "--debug", is_flag=True, help="Show tracebacks and what the toolkits print."
    )
    return as_json(debug(command))


def server_options(command: Command) -> Command:
    """Add --connect and --adb-server, of the commands that talk to phones; see `server_named`."""
    connect = click.option(
        "--connect",
        multiple=True,
        metavar="HOST:PORT",
        callback=lambda _, __, values: tuple(
            ":".join(map(str, address(value))) for value in values
        ),
        help="Connect to a phone over the network first; may be given several times.",
    )
    adb_server = click.option(
        "--adb-server",
        metavar="HOST:PORT",
        callback=lambda _, __, value: address(value) if value else None,
        help="A lab's adb server.  [default: this computer's]",
    )
    return connect(adb_server(command))


def session_options(command: Command) -> Command:
    """Add --rounds and --iterations, of the commands that measure latency."""
    rounds = click.option(
        "--rounds", type=click.IntRange(1, 10_000), default=ROUNDS, show_default=True
    )
    iterations = click.option(
        "--iterations",
        type=click.IntRange(1, 100_000),
        default=ITERATIONS,
        show_default=True,
        help="Timed inferences of a block.",
    )
    return rounds(iterations(command))


def threads_option(help: str) -> Callable[[Command], Command]:
    """Add --threads, of the commands of which the fastest number counts."""
    return click.option(
        "--threads",
        default="1",
        show_default=True,
        metavar="N,...",
        callback=lambda _, __, value: number_list(value),
        help=help,
    )


def check_one_form(*, markdown: bool, as_json: bool) -> None:
    """Raise UsageError where both are asked for."""
    if markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other: give one")


def server_named(adb_server: tuple[str, int] | None, connect: tuple[str, ...]) -> Server:
    """What the two options say."""
    from deploy.android.devices import Server

    if adb_server is None:
        return Server(connect=connect)
    return Server(host=adb_server[0], port=adb_server[1], connect=connect)


def name_list(value: str) -> tuple[str, ...]:
    """`a,b,c` as a tuple of names; what names there are is the library's to say.

    >>> name_list("onnx, coreml")
    ('onnx', 'coreml')
    """
    names = tuple(name.strip() for name in value.split(","))
    if "" in names:
        raise click.BadParameter(f"{value!r} has an empty name: put one comma between names")
    return names


class Number(click.FloatRange):
    """A float within bounds. Python reads "nan" and "inf" as floats too, which are no limits."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def refuse_given(names: Iterable[str], reason: str) -> None:
    """Raise UserError where the user gave one of these options (by parameter), which would have
    no effect."""
    from deploy.support.errors import UserError

    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UserError(f"{parameter.opts[0]} has no effect {reason}: leave it out")


def names_given(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A callback: the names of an option, none where it is left out."""
    return name_list(value) if value else ()


def height_and_width(value: str) -> tuple[int, int]:
    """A resolution in pixels, of a square or height x width.

    >>> height_and_width("224"), height_and_width("160x224")
    ((224, 224), (160, 224))
    """
    from deploy.photos.preprocessing import parse_size

    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no size: give pixels such as 224, or height x width such as 160x224"
        ) from error


def number_list(value: str) -> tuple[int, ...]:
    """Numbers of threads, each once.

    >>> number_list("1,2,4")
    (1, 2, 4)
    """
    names = name_list(value)
    for name in names:
        if not re.fullmatch("[0-9]{1,2}", name) or int(name) > MOST_THREADS:
            raise click.BadParameter(
                f"{name!r} is no number of threads: give some of 0 to {MOST_THREADS}, such as 1,2,4"
            )
    return tuple(dict.fromkeys(map(int, names)))


def address(value: str) -> tuple[str, int]:
    """The host and the port of HOST:PORT.

    >>> address("192.168.1.7:5555")
    ('192.168.1.7', 5555)
    """
    parts = re.fullmatch(r"([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", value)
    if parts is None or not 0 < int(parts[2]) < 65536:
        raise click.BadParameter(f"{value!r} is no address: give HOST:PORT, such as 10.0.0.7:5555")
    return parts[1], int(parts[2])
