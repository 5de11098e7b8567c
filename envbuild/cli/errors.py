"""What knows exit codes and how each error is shown: errors → text, JSON fields and a code. Pure.

Exit codes: 0 ok · 1 a bug in envbuild · 2 usage, or a wrong site config · 3 spec · 4 lock · 5 build ·
6 smoke · 7 registry · 8 no usable engine or GPU runtime · 9 refused by preflight · 130 interrupted.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from envbuild import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, BUG, USAGE, SPEC, LOCK, BUILD, SMOKE, REGISTRY, ENGINE, PREFLIGHT, INTERRUPTED = (*range(10), 130)

# The first that fits counts. A wrong site config is wrong usage of this machine, not a fault of the spec.
_CODES: tuple[tuple[type[errors.EnvbuildError], int], ...] = (
    (errors.UsageError, USAGE),
    (errors.SiteError, USAGE),
    (errors.SpecError, SPEC),
    (errors.LockError, LOCK),
    (errors.BuildError, BUILD),
    (errors.SmokeError, SMOKE),
    (errors.RegistryError, REGISTRY),
    (errors.EngineError, ENGINE),
    (errors.PreflightRefused, PREFLIGHT),
)

# What a file system says for reasons that are the user's to mend: not writable, full, read-only, over quota.
_FILE_TROUBLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

_LOG_LINES = 20


def exit_code(error: errors.EnvbuildError) -> int:
    """The exit code of an error that was raised on purpose."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), BUG)


def as_user_error(error: OSError) -> errors.UsageError | None:
    """A file system's refusal as an error for the user; None when it looks like a bug of ours instead."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    if error.errno not in _FILE_TROUBLE or (error.filename is None and not full):
        return None
    hint = "free some space" if full else "check who may read and write there"
    place = f"{error.filename}: " if error.filename is not None else ""  # standard output has none
    return errors.UsageError(f"{place}{error.strerror}", hint=hint)


def error_text(error: errors.EnvbuildError) -> str:
    """What a person reads: what and where, what was at fault, the last log lines, and what to do."""
    return "\n".join(_lines(error))


def error_fields(error: errors.EnvbuildError, redact: Callable[[str], str]) -> dict[str, object]:
    """The same as fields of an `error` event: kind, message, hint; problems, changes, log if any."""
    fields: dict[str, object] = {
        "kind": type(error).__name__,
        "message": redact(error.message),
        "hint": redact(error.hint),
    }
    if isinstance(error, errors.BuildError):
        fields["step"] = redact(error.step)
        fields["log"] = [redact(line) for line in error.log[-_LOG_LINES:]]
        fields["dockerfile_line"] = error.dockerfile_line
    if isinstance(error, errors.StaleLock):
        fields["changes"] = [redact(change) for change in error.changes]
    if problems := _problems(error):
        fields["problems"] = [
            {
                "file": problem.file,
                "line": problem.line,
                "path": problem.path,
                "what": redact(problem.what),
                "todo": redact(problem.todo),
            }
            for problem in problems
        ]
    return fields


def _problems(error: errors.EnvbuildError) -> tuple[errors.Problem, ...]:
    match error:
        case errors.SpecError() | errors.Unsolvable():
            return error.problems
        case errors.BuildError(problem=errors.Problem() as problem):
            return (problem,)
    return ()


def _lines(error: errors.EnvbuildError) -> Iterator[str]:
    if isinstance(
        error, errors.SpecError
    ):  # its lines are for editors as well: file:line first, nothing before it
        yield from error.message.splitlines()
        return
    yield f"error: {error.message}"
    match error:
        case errors.StaleLock():
            yield from (f"  {change}" for change in error.changes)
        case errors.Unsolvable():
            yield from (f"  {problem}" for problem in error.problems)
        case errors.BuildError():
            yield from _build_lines(error)
    if error.hint:
        yield from (
            f"hint: {line}" if number == 0 else f"      {line}"
            for number, line in enumerate(error.hint.splitlines())
        )


def _build_lines(error: errors.BuildError) -> Iterator[str]:
    if error.log:
        yield f"  last lines of {error.step or 'the step'}:"
        yield from (f"    | {line}" for line in error.log[-_LOG_LINES:])
    if error.problem:
        yield f"  from {error.problem}"
    if error.dockerfile_line:
        yield f"  Dockerfile line {error.dockerfile_line} (see it: envbuild render)"
