"""How a run ends that did not end well: an exception → text or JSON on standard error, and the exit code."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import TYPE_CHECKING, cast

import typer

from envbuild.cli import errors as shown
from envbuild.errors import EnvbuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The base of all that the parser raises: click's ClickException, or that of the copy in newer typers.
_ParserError = cast("type[Exception]", typer.BadParameter.__mro__[2])


def conclude(error: BaseException, arguments: Sequence[str]) -> int:
    """Show what ended the run of `arguments`; returns its exit code. Never raises."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, BrokenPipeError) and _reader_left():
        return shown.OK
    as_json = "--json" in arguments
    if isinstance(error, KeyboardInterrupt | typer.Abort | EOFError):
        return _show(
            "interrupted", {"kind": "Interrupted", "message": "interrupted"}, shown.INTERRUPTED, as_json
        )
    known = _known(error)
    redact = _redactor()
    if known is None:
        from envbuild.cli.crash import report_bug

        line = report_bug(error, arguments, redact)
        return _show(line, {"kind": "Bug", "message": line.removeprefix("error: ")}, shown.BUG, as_json)
    text = redact(shown.error_text(known))
    return _show(text, shown.error_fields(known, redact), shown.exit_code(known), as_json)


def _known(error: BaseException) -> EnvbuildError | None:
    """The error as one for the user; None when nobody meant it to happen."""
    if isinstance(error, EnvbuildError):
        return error
    if isinstance(error, _ParserError):
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "envbuild"
        text = cast("typer.BadParameter", error).format_message().rstrip(".")
        return UsageError(" ".join(text.split()), hint=f"see {where} --help")
    if isinstance(error, OSError):
        return shown.as_user_error(error)
    return None


def _show(text: str, fields: dict[str, object], code: int, as_json: bool) -> int:
    if as_json:
        from envbuild.cli.renderers.json_lines import json_line

        text = json_line("error", {**fields, "exit_code": code})
    with contextlib.suppress(OSError):  # nobody may be left to read it
        sys.stderr.write(_coloured(text) + "\n")
        sys.stderr.flush()
    return code


def _coloured(text: str) -> str:
    """The words `error:` and `hint:` in colour, where there are colours."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number == 0 and line.startswith("error:"):
            lines[number] = f"\x1b[1;31merror:\x1b[0m{line[6:]}"
        elif line.startswith("hint:"):
            lines[number] = f"\x1b[1;36mhint:\x1b[0m{line[5:]}"
    return "\n".join(lines)


def _reader_left() -> bool:
    """Whether standard output's reader left; if so, it is made silent, so that Python's exit is too."""
    with contextlib.suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # an error on the pipe is reported without being asked for
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            return True
    return False


def _redactor() -> Callable[[str], str]:
    from envbuild.cli.surroundings import redactor

    return redactor()
