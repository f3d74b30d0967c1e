"""The shell's language, as far as it is understood: lists of simple commands.

Words with POSIX quoting, `$NAME`, `$?`, `$(...)`, backquotes; `;`, newline, `&&`, `||`, `|`;
`<`, `>`, `>>`, `N>`, `N>&M`. Anything else (loops, functions, here-documents, `&`) is a syntax
error rather than a surprise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_OPERATOR = re.compile(r"&&|\|\||[|;\n]")
_REDIRECT = re.compile(r"([0-9]?)(>>|>&|>|<)")
_NAME = re.compile(r"\?|[A-Za-z_][A-Za-z0-9_]*|\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BLANK = " \t"
_ENDS_WORD = " \t\n;|&<>()"
_RESERVED = {"!", "{", "}", "case", "for", "function", "if", "select", "until", "while"}
_ESCAPED_IN_QUOTES = '$`"\\\n'


class ShellSyntaxError(Exception):
    """In mksh's own words."""


@dataclass(frozen=True)
class Part:
    """A piece of a word: literal text, the name of a variable, or a command to substitute."""

    kind: Literal["text", "variable", "command"]
    text: str
    quoted: bool


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Redirect:
    fd: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """`connector` is what stands before it: `;`, `&&`, `||` or `|`."""

    connector: str
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


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
        redirects: list[Redirect] = []
        while True:
            self._skip_blanks()
            operator = _OPERATOR.match(self._text, self._at)
            if operator or self._at == len(self._text):
                if words or redirects:
                    found.append(Simple(connector, tuple(words), tuple(redirects)))
                    words, redirects = [], []
                elif connector != ";" or (operator and operator[0] not in ";\n"):
                    raise ShellSyntaxError(f"syntax error: unexpected '{_shown(operator)}'")
                if not operator:
                    return found
                connector = ";" if operator[0] == "\n" else operator[0]
                self._at = operator.end()
            elif redirect := _REDIRECT.match(self._text, self._at):
                self._at = redirect.end()
                self._skip_blanks()
                default = 0 if redirect[2] == "<" else 1
                redirects.append(Redirect(int(redirect[1] or default), redirect[2], self._word()))
            else:
                words.append(self._word())
                if len(words) == 1 and (text := _unquoted(words[0])) in _RESERVED:
                    raise ShellSyntaxError(f"syntax error: unexpected '{text}'")

    def _skip_blanks(self) -> None:
        while self._peek() and self._peek() in _BLANK:
            self._at += 1
        if self._peek() == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at == len(self._text):
            raise ShellSyntaxError("no closing quote")
        self._at += 1
        return self._text[self._at - 1]

    def _word(self) -> Word:
        parts: list[Part] = []
        while self._peek() and self._peek() not in _ENDS_WORD:
            match sign := self._take():
                case "'":
                    parts.append(Part("text", self._until("'"), True))
                case '"':
                    parts += self._double_quoted()
                case "\\":
                    if (escaped := self._take()) != "\n":
                        parts.append(Part("text", escaped, True))
                case "$" | "`":
                    parts.append(self._expansion(sign, quoted=False))
                case _:
                    parts.append(Part("text", sign, False))
        if not parts:
            raise ShellSyntaxError(f"syntax error: unexpected '{self._peek() or 'newline'}'")
        return tuple(parts)

    def _until(self, end: str) -> str:
        text = ""
        while (sign := self._take()) != end:
            text += sign
        return text

    def _double_quoted(self) -> list[Part]:
        parts = [Part("text", "", True)]
        while (sign := self._take()) != '"':
            if sign in "$`":
                parts.append(self._expansion(sign, quoted=True))
            elif sign == "\\" and self._peek() and self._peek() in _ESCAPED_IN_QUOTES:
                escaped = self._take()
                parts.append(Part("text", escaped.strip("\n"), True))
            else:
                parts.append(Part("text", sign, True))
        return parts

    def _expansion(self, sign: str, *, quoted: bool) -> Part:
        if sign == "`":
            return Part("command", self._until("`"), quoted)
        if self._peek() == "(":
            self._at += 1
            return Part("command", self._parenthesized(), quoted)
        name = _NAME.match(self._text, self._at)
        if name is None:
            return Part("text", "$", quoted)
        self._at = name.end()
        return Part("variable", name[1] or name[0], quoted)

    def _parenthesized(self) -> str:
        """Up to the parenthesis that closes it; quotes within are the inner command's."""
        began, depth = self._at, 1
        while depth:
            match self._take():
                case "(":
                    depth += 1
                case ")":
                    depth -= 1
                case "'":
                    self._until("'")
                case "\\":
                    self._take()
        return self._text[began : self._at - 1]


def _unquoted(word: Word) -> str:
    return "".join(part.text for part in word if part.kind == "text" and not part.quoted)


def _shown(operator: re.Match[str] | None) -> str:
    return "newline" if operator is None or operator[0] == "\n" else operator[0]
