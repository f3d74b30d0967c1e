"""mobile-deploy virtual-phone"""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext

import click

from deploy.cli.options import Number, shared_options
from deploy.cli.output import echo, print_json, print_table
from deploy.support.quiet import hidden_output


@click.command("virtual-phone", epilog="Example: mobile-deploy virtual-phone --profile budget")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), metavar="P", help="0 is any that is free."
)
@click.option(
    "--profile", default="pixel", show_default=True, metavar="pixel|flagship|budget|tablet"
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:N]",
    help="Something that goes wrong, always or the first N times; repeatable.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    metavar="N",
    help="Of the noise in times and of its serial number: two phones need two.",
)
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=Number(0.1, 10_000),
    metavar="X",
    help="Seconds that pass on the phone in one of ours.",
)
@click.option("--list-faults", is_flag=True, help="List the faults and exit.")
@shared_options
def virtual_phone(
    *,
    port: int,
    profile: str,
    faults: tuple[str, ...],
    seed: int,
    speed: float,
    list_faults: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Be a phone that adb connects to, until Ctrl-C.

    It takes files, runs commands and benchmarks as a phone does, all within this process. Its
    times are made up: never take them for a real phone's.
    """
    from deploy.virtual_phone.faults import FAULTS

    if list_faults:
        if as_json:
            print_json({"faults": [{"name": n, "effect": text} for n, text in FAULTS.items()]})
        else:
            print_table(["fault", "a phone that"], [[name, text] for name, text in FAULTS.items()])
        return
    from deploy.virtual_phone.phone import VirtualPhone

    with VirtualPhone(profile=profile, faults=faults, seed=seed, speed=speed, port=port) as phone:
        if as_json:
            # One line: whoever started us reads it and goes on while we run.
            echo(json.dumps({"port": phone.port, "serial": phone.serial}))
        else:
            echo(f"{phone.state.model_name} is at {phone.serial}; Ctrl-C ends it\n")
            echo(f"    adb connect {phone.serial}")
        # Its runtimes are talkative when they load what they are to run.
        with nullcontext() if debug else hidden_output():
            threading.Event().wait()
