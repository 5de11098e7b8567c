"""One conda package as locked. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRecord:
    """One conda package, exactly.

    name, version, build   as its channel says (`numpy`, `2.1.0`, `py312h1103770_0`)
    subdir     `linux-64`, `linux-aarch64` or `noarch`
    channel    the channel as the spec names it (`conda-forge`, a URL, `./channel`)
    url        of the file, by the channel's own address: no mirror, no credentials
    sha256     64 hex digits, of the file
    md5        32 hex digits, "" unknown (older tools want it)
    size       of the file in bytes, None unknown
    depends    MatchSpecs as the channel says
    noarch     "", `generic` or `python`
    pypi       normalised name of the Python distribution that it brings, "" for none: pip brings no other
    requested  whether the spec names it
    """

    name: str
    version: str
    build: str
    subdir: str
    channel: str
    url: str
    sha256: str
    md5: str = ""
    size: int | None = None
    depends: tuple[str, ...] = ()
    noarch: str = ""
    pypi: str = ""
    requested: bool = False

    @property
    def file(self) -> str:
        """The file's name, such as `numpy-2.1.0-py312h1103770_0.conda`."""
        return self.url.rpartition("/")[2]

    @property
    def exact(self) -> str:
        """As a MatchSpec that only this build answers: `numpy=2.1.0=py312h1103770_0`."""
        return f"{self.name}={self.version}={self.build}"
