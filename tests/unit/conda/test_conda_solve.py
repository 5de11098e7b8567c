from envbuild.conda.solve import CondaWish, solve_conda
from envbuild.site.model import Site


def solved(spec, environ, *, cuda="", site=None, platform="linux/amd64", glibc="2.36", pins=()):
    wish = CondaWish(spec=spec, platform=platform, glibc=glibc, cuda=cuda, pins=pins)
    return solve_conda(wish, site=site or Site(), environ=environ)


def by_name(records):
    return {record.name: record for record in records}


def test_records_are_exact_and_sorted(spec_of, channel, environ):
    spec = spec_of(f"python: 3.12\nconda:\n  channels: [{channel.as_uri()}]\n  packages: [numpy]\n")
    records = solved(spec, environ)
    assert [record.exact for record in records] == [
        "ca-certificates=2024.7.4=h0_0",
        "libblas=3.9.0=22_openblas",
        "numpy=2.1.0=py312_0",
        "python=3.12.4=h3120_0_cpython",
        "python_abi=3.12=5_cp312",
    ]
