"""How a user's own network is named on the command line. Imports no torch."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from deploy.support.errors import UserError

_DOTTED = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`location` is a dotted module, or the path of a .py file; `factory` a name in it.

    The factory takes nothing and returns a torch.nn.Module, or is one. Of an exported program
    `location` is the .pt2, and there is no factory.
    """

    location: str
    factory: str
    is_file: bool

    def __str__(self) -> str:
        return self.location if self.is_program else f"{self.location}:{self.factory}"

    @property
    def is_program(self) -> bool:
        return self.is_file and not self.factory

    @property
    def name(self) -> str:
        """For names of files: ASCII letters, digits and `_ . -`, at most 100.

        >>> Reference(location="my_pkg/größe 2.py", factory="make", is_file=True).name
        'gr__e_2.make'
        """
        module = Path(self.location).stem if self.is_file else self.location
        named = module if self.is_program else f"{module}.{self.factory}"
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", named)
        return re.sub(r"^[.-]", "_", plain)[:_LONGEST_NAME]

    def beside(self, suffix: str) -> Path:
        """The path of the file beside the network's own that is named like it.

        >>> Reference(location="my_pkg.nets", factory="make", is_file=False).beside(".toml")
        PosixPath('my_pkg/nets.toml')
        """
        path = Path(self.location) if self.is_file else Path(*self.location.split("."))
        return path.with_suffix(suffix)

    def check_file(self) -> None:
        """Raise UserError, naming those that are alike, where a file is meant and is not there."""
        path = Path(self.location)
        if not self.is_file or path.is_file():
            return
        files = [str(f) for f in path.parent.glob(f"*{path.suffix}")]
        near = difflib.get_close_matches(str(path), files, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "check the path"
        raise UserError(f"{path} is not a file: {hint}")


def parse_reference(network: str) -> Reference | None:
    """What `network` refers to; None where it is a plain name, such as one of ours.

    Raises UserError for what is neither.

    >>> parse_reference("nets.py:make_net")
    Reference(location='nets.py', factory='make_net', is_file=True)
    >>> str(parse_reference("exported/net.pt2"))
    'exported/net.pt2'
    >>> parse_reference("mobilenet_v2") is None
    True
    """
    if network.endswith(".pt2") and network.isprintable():
        return Reference(location=network, factory="", is_file=True)
    location, colon, factory = network.rpartition(":")
    if not colon:
        if network.endswith(".py"):
            raise UserError(
                f"{network!r} names no factory: give {network}:FACTORY, a function in it that "
                "returns the network"
            )
        return None
    if not network.isprintable() or not re.fullmatch(_DOTTED, factory):
        raise UserError(
            f"{network!r} is no network: after the colon give the name of the function that "
            "makes it, such as nets.py:make_net"
        )
    is_file = location.endswith(".py")
    if not is_file and not re.fullmatch(_DOTTED, location):
        raise UserError(
            f"{network!r} is no network: before the colon give a module such as my_pkg.nets, "
            "or a file such as my_pkg/nets.py"
        )
    return Reference(location=location, factory=factory, is_file=is_file)
