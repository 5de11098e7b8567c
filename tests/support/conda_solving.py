"""What the tests of solving share."""

from collections.abc import Mapping, Sequence

from envbuild.conda.model import CondaRecord
from envbuild.conda.solve import CondaWish, solve_conda
from envbuild.site.model import Site
from envbuild.spec.model import Spec


def solved(
    spec: Spec,
    environ: Mapping[str, str],
    *,
    cuda: str = "",
    site: Site | None = None,
    platform: str = "linux/amd64",
    glibc: str = "2.36",
    pins: Sequence[CondaRecord] = (),
) -> tuple[CondaRecord, ...]:
    """The lock of a spec's conda packages."""
    wish = CondaWish(spec=spec, platform=platform, glibc=glibc, cuda=cuda, pins=tuple(pins))
    return solve_conda(wish, site=site or Site(), environ=environ)


def text_of(
    *packages: str, channels: Sequence[str], python: str = "3.12", more: str = "", priority: str = ""
) -> str:
    """A spec's text; `channels` are URLs."""
    lines = [f"python: {python}", *([more] if more else []), "conda:", "  channels:"]
    lines += [f"  - {channel}" for channel in channels]
    lines += [f"  priority: {priority}"] if priority else []
    lines += ["  packages:", *(f"  - '{package}'" for package in packages)]
    return "\n".join(lines) + "\n"


def builds(records: Sequence[CondaRecord]) -> dict[str, str]:
    """Name → `version=build`."""
    return {record.name: f"{record.version}={record.build}" for record in records}
