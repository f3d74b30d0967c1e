"""What the shell can run, by name; a family of commands is one small file."""

from __future__ import annotations

from deploy.virtual_phone.commands import (
    activity,
    app,
    content,
    dumpsys,
    files,
    log,
    packages,
    processes,
    system,
    text,
)
from deploy.virtual_phone.commands.call import Command

COMMANDS: dict[str, Command] = {
    **text.COMMANDS,
    **files.COMMANDS,
    **system.COMMANDS,
    **processes.COMMANDS,
    **dumpsys.COMMANDS,
    **packages.COMMANDS,
    **activity.COMMANDS,
    **app.COMMANDS,
    **content.COMMANDS,
    **log.COMMANDS,
}
