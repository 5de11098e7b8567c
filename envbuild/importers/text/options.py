"""A command's words → its options and the rest. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set


@dataclass(frozen=True, slots=True)
class Options:
    """given: (option, value) in order, the value "" where it takes none; rest: the other words."""

    given: tuple[tuple[str, str], ...]
    rest: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether the option is there."""
        return any(known == name for known, _ in self.given)

    def values(self, *names: str) -> tuple[str, ...]:
        """All values of options that are there."""
        return tuple(value for known, value in self.given if known in names and value)


def parted(words: tuple[str, ...], with_value: Set[str]) -> Options:
    """Words as options and the rest; options in `with_value` take the next word, or what follows `=`."""
    given: list[tuple[str, str]] = []
    rest: list[str] = []
    waiting = ""
    for at, word in enumerate(words):
        if waiting:
            given.append((waiting, word))
            waiting = ""
        elif word == "--":
            rest.extend(words[at + 1 :])
            break
        elif not word.startswith("-") or word == "-":
            rest.append(word)
        elif word in with_value:
            waiting = word
        elif word.startswith("--"):
            name, _, value = word.partition("=")
            given.append((name, value))
        elif word[:2] in with_value:
            given.append((word[:2], word[2:].removeprefix("=")))
        else:
            given.append((word, ""))
    return Options(tuple(given), tuple(rest))
