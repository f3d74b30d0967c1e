"""The one line of an exception that says what is wrong, for a message of one line."""

from __future__ import annotations

import re

from deploy.support.printable import printable

_RULE = re.compile(r"[\W_]*")
_TRACEBACK = "Traceback (most recent call last):"


def telling_line(error: BaseException) -> str:
    """What `error` says, on one line of bounded length.

    Toolkits wrap: the reason is in the exception that theirs was raised from, below a heading that
    ends with a colon, or behind a whole traceback in the text. Where none says anything, the name
    of the exception's class.
    """
    said = [text for cause in reversed(_wrapped(error)) if (text := _said(cause))]
    whole = [text for text in said if not text.endswith(":")]
    return printable((whole or said or [type(error).__name__])[0])


def _wrapped(error: BaseException) -> list[BaseException]:
    """The error, then what it was raised from, and so on."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _said(error: BaseException) -> str:
    """The first line that is one; a heading together with what is below it."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if not _RULE.fullmatch(line)]
    if _TRACEBACK in lines:
        # The exception itself is what ends it.
        before, after = lines[: lines.index(_TRACEBACK)], lines[lines.index(_TRACEBACK) + 1 :]
        lines = [line for line in before if not line.endswith(":")] or after[-1:]
    text = ""
    for line in lines:
        text = f"{text} {line}".strip()
        if not line.endswith(":"):
            break
    if not text:
        return ""
    # A KeyError says 'conv.weight', and nothing of what was amiss with it.
    return text if re.search(r"\S\s+\S", text) else f"{type(error).__name__}: {text}"
