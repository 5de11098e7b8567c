"""Every error that envbuild raises on purpose. They carry data; exit codes live in `cli/errors.py`.

The tree:

    EnvbuildError
    ├── UsageError                 the command line asks for something that makes no sense
    ├── SiteError                  the site config or an environment variable is wrong
    ├── SpecError                  spec.yml is wrong: a tuple of Problems
    ├── LockError                  a lock could not be made, read or trusted
    │   ├── StaleLock              the lock no longer answers the spec
    │   └── Unsolvable             the resolver found no set of packages
    ├── BuildError                 a build step failed
    ├── SmokeError                 a smoke test failed
    ├── RegistryError              a registry refused, or cannot be reached
    │   └── BaseUnavailable        the base image cannot be had
    ├── EngineError                no usable container engine
    │   └── GpuUnavailable         a GPU is required, and the engine cannot give one
    └── PreflightRefused           this machine cannot run what the image holds
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file of the user's.

    `path` is the key path as the user would say it (`pip.packages[2]`), empty for the whole file.
    `line` counts from 1; 0 when there is no line to point at.
    """

    file: str
    line: int = 0
    path: str = ""
    what: str
    todo: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.path}:" if self.path else ""
        todo = f"; {self.todo}" if self.todo else ""
        return f"{place}:{key} {self.what}{todo}"


class EnvbuildError(Exception):
    """Base of all errors meant for the user.

    `message` says what, where and why; `hint` says what to do, and may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EnvbuildError):
    """The command line asks for something that makes no sense."""


class SiteError(EnvbuildError):
    """The site config, or what the host's environment says, is wrong."""


class SpecError(EnvbuildError):
    """The spec is wrong; all problems at once, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LockError(EnvbuildError):
    """A lock could not be made, read or trusted."""


class StaleLock(LockError):  # noqa: N818  it says what happened
    """The lock no longer answers the spec; `changes` are lines such as `pip: + rich`."""

    def __init__(
        self, message: str, *, changes: Sequence[str], hint: str = "renew it: envbuild lock"
    ) -> None:
        super().__init__(message, hint=hint)
        self.changes = tuple(changes)


class Unsolvable(LockError):  # noqa: N818  likewise
    """The resolver found no set of packages; `problems` point at the requirements at fault."""

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class BuildError(EnvbuildError):
    """A build step failed.

    `step` names it, `log` holds its last lines (at most 20), `dockerfile_line` counts from 1 (0: unknown),
    `problem` points at the spec line that the step came from.
    """

    def __init__(
        self,
        message: str,
        *,
        step: str = "",
        log: Sequence[str] = (),
        dockerfile_line: int = 0,
        problem: Problem | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.log = tuple(log)
        self.dockerfile_line = dockerfile_line
        self.problem = problem


class SmokeError(EnvbuildError):
    """A smoke test failed; `report` is the SmokeReport."""

    def __init__(self, message: str, *, report: Any = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.report = report


RegistryTrouble: TypeAlias = Literal[
    "", "login", "denied", "missing", "unreachable", "tls", "busy", "full", "wrong", "platform", "unsupported"
]
"""What is wrong between a registry and us; "" where nobody asks.

login        no credentials, or wrong or expired ones
denied       known to the registry, and not allowed to do this: no right to push, read-only, no deletion
missing      no such repository, tag, manifest or blob
unreachable  no answer, or a connection that broke too often
tls          its certificate is not trusted, or it speaks no TLS
busy         429 or 5xx, too often or for too long
full         no space left: there, or on this machine's disk
wrong        what came is not what was asked for: another digest or size, no JSON, no manifest
platform     it has the image, and not for this platform
unsupported  a media type or a part of the protocol that one side does not know, or a size over our limits
"""


class RegistryError(EnvbuildError):
    """A registry refused, cannot be reached, or sent what cannot be used. `trouble` says which kind it is."""

    def __init__(self, message: str, *, trouble: RegistryTrouble = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.trouble: RegistryTrouble = trouble


class BaseUnavailable(RegistryError):  # noqa: N818  likewise
    """The base image is neither in the engine's store nor to be had from its registry."""


class EngineError(EnvbuildError):
    """No usable container engine: not reachable, too old, no permission, disk full."""


class GpuUnavailable(EngineError):  # noqa: N818  likewise
    """A GPU is required, and the engine cannot give one; `report`: the SmokeReport that lacks it, if any."""

    def __init__(self, message: str, *, report: Any = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.report = report


class PreflightRefused(EnvbuildError):  # noqa: N818  likewise
    """This machine cannot run what the image holds: its driver or GPU does not do."""
