"""The shell's language, as far as it is understood: lists of simple commands.

Words with POSIX quoting and `$?`; `;`, newline, `&&`, `|`; `>`, `2>/dev/null`. Anything else
(variables, `$(...)`, `||`, other redirections, jobs) is a syntax error rather than a surprise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPERATOR = re.compile(r"&&|\|(?!\|)|[;\n]")
_REFUSED = re.compile(r"\|\||>>|>&|[0-9]>|&(?!&)|[<()]")
_SILENCED = re.compile(r"2>/dev/null(?![^ \t\n;|&<>()])")
_EXPANSION = re.compile(r"[A-Za-z0-9_({$!#@*-]")
_ENDS_WORD = " \t\n;|&<>()"
_ESCAPED_IN_QUOTES = '$`"\\\n'


class ShellSyntaxError(Exception):
    """In mksh's own words."""


@dataclass(frozen=True)
class Piece:
    """Of a word: text, or the last command's exit status where `text` is None."""

    text: str | None
    quoted: bool


Word = tuple[Piece, ...]


@dataclass(frozen=True)
class Simple:
    """`connector` is what stands before it, `;`, `&&` or `|`; `output` is where `>` leads;
    `is_silenced` is whether its stderr leads nowhere."""

    connector: str
    words: tuple[Word, ...]
    output: Word | None
    is_silenced: bool = False


def parse(text: str) -> list[Simple]:
    """Raises ShellSyntaxError."""
    return _Lexer(text).commands()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def commands(self) -> list[Simple]:
        found: list[Simple] = []
        connector = ";"
        words: list[Word] = []
        output: Word | None = None
        is_silenced = False
        while True:
            self._skip_blanks()
            if silenced := _SILENCED.match(self._text, self._at):
                is_silenced = True
                self._at = silenced.end()
                continue
            if refused := _REFUSED.match(self._text, self._at):
                raise _unexpected(refused[0])
            operator = _OPERATOR.match(self._text, self._at)
            if operator or self._at == len(self._text):
                sign = operator[0].replace("\n", ";") if operator else ""
                if words or output:
                    found.append(Simple(connector, tuple(words), output, is_silenced))
                    words, output, is_silenced = [], None, False
                elif connector != ";" or sign not in ("", ";"):
                    raise _unexpected(sign)
                if not operator:
                    return found
                connector = sign
                self._at = operator.end()
            elif self._peek() == ">":
                if output:
                    raise _unexpected(">")
                self._at += 1
                self._skip_blanks()
                output = self._word()
            else:
                words.append(self._word())

    def _skip_blanks(self) -> None:
        while self._peek() in (" ", "\t"):
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at == len(self._text):
            raise ShellSyntaxError("no closing quote")
        self._at += 1
        return self._text[self._at - 1]

    def _word(self) -> Word:
        pieces: list[Piece] = []
        while self._peek() and self._peek() not in _ENDS_WORD:
            match sign := self._take():
                case "'":
                    pieces.append(Piece(self._until("'"), True))
                case '"':
                    pieces += self._double_quoted()
                case "\\":
                    if (escaped := self._take()) != "\n":
                        pieces.append(Piece(escaped, True))
                case "$" | "`":
                    pieces.append(self._expansion(sign, quoted=False))
                case _:
                    pieces.append(Piece(sign, False))
        if not pieces:
            raise _unexpected(self._peek())
        return tuple(pieces)

    def _until(self, end: str) -> str:
        text = ""
        while (sign := self._take()) != end:
            text += sign
        return text

    def _double_quoted(self) -> list[Piece]:
        pieces = [Piece("", True)]
        while (sign := self._take()) != '"':
            if sign in "$`":
                pieces.append(self._expansion(sign, quoted=True))
            elif sign == "\\" and self._peek() and self._peek() in _ESCAPED_IN_QUOTES:
                pieces.append(Piece(self._take().strip("\n"), True))
            else:
                pieces.append(Piece(sign, True))
        return pieces

    def _expansion(self, sign: str, *, quoted: bool) -> Piece:
        following = self._peek()
        if sign == "`" or _EXPANSION.match(following):
            raise _unexpected("`" if sign == "`" else f"${following}")
        if following == "?":
            self._at += 1
            return Piece(None, quoted)
        return Piece("$", quoted)


def _unexpected(sign: str) -> ShellSyntaxError:
    shown = sign if sign.strip() else "newline"
    return ShellSyntaxError(f"syntax error: unexpected '{shown}'")
