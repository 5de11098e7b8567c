"""Observations in, findings out: exact words, no probing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from envbuild.doctor.judge import judge
from envbuild.doctor.model import Base, Diagnosis, Disk, Finding, GpuSide, Observations, Trouble
from envbuild.engine.model import EngineInfo
from envbuild.gpu.model import NO_DRIVER, Host
from envbuild.host.model import Look
from envbuild.site.model import Site

ENGINE = EngineInfo(
    kind="docker",
    version="28.0.1",
    api_version="1.48",
    platform="linux/amd64",
    url="unix:///var/run/docker.sock",
    found_by="the default socket",
    buildkit=True,
    containerd_store=False,
    context="tar",
    root="/var/lib/docker",
    disk_free=80 * 1000**3,
)
WELL = Observations(
    site=Site(),
    engine=ENGINE,
    cache=Disk(folder="/home/me/.cache/uv", free=50 * 1000**3),
    uv="uv 0.9.0 at /usr/bin/uv",
    index=0.31,
    certificates=None,
    base=Base(reference="debian:bookworm-slim", source="registry"),
    mmdebstrap=None,
    gpu=GpuSide(look=Look(host=Host(driver=NO_DRIVER, gpus=()))),
)


def about(diagnosis: Diagnosis, subject: str) -> Finding:
    (found,) = (finding for finding in diagnosis.findings if finding.subject == subject)
    return found


def test_all_is_well() -> None:
    diagnosis = judge(WELL)
    assert diagnosis.level == "ok"
    assert [(finding.subject, finding.what) for finding in diagnosis.findings] == [
        ("engine", "docker 28.0.1 (linux/amd64) at unix:///var/run/docker.sock, found by the default socket"),
        ("BuildKit", "the engine builds with BuildKit"),
        ("engine disk", "80.0 GB free at /var/lib/docker"),
        ("cache disk", "50.0 GB free at /home/me/.cache/uv"),
        ("uv", "uv 0.9.0 at /usr/bin/uv"),
        ("package index", "uv's default index answered in 0.3 s"),
        ("base image", "debian:bookworm-slim: its registry answers"),
        ("CA bundle", "none of your own: the usual certificates are used, nothing is carried"),
        ("proxy", "none"),
        ("mmdebstrap", "not installed: `envbuild bootstrap` cannot make base images"),
        ("GPU", "no NVIDIA driver: images can be built here, GPU checks say 'not run'"),
    ]
    assert not any(finding.todo for finding in diagnosis.findings)


def test_no_engine() -> None:
    seen = replace(WELL, engine=Trouble(message="no engine found", hint="start one"), base=None)
    diagnosis = judge(seen)
    assert diagnosis.level == "problem"
    assert diagnosis.findings[0] == Finding(
        subject="engine", level="problem", what="no engine found", todo="start one"
    )
    assert {"BuildKit", "engine disk", "base image"}.isdisjoint(
        finding.subject for finding in diagnosis.findings
    )


def test_an_engine_without_buildkit() -> None:
    finding = about(judge(replace(WELL, engine=replace(ENGINE, kind="podman", buildkit=False))), "BuildKit")
    assert finding.level == "warning"


@pytest.mark.parametrize(("free", "level"), [(1, "problem"), (9, "warning"), (11, "ok")])
def test_disk(free: int, level: str) -> None:
    seen = replace(WELL, engine=replace(ENGINE, disk_free=free * 1000**3))
    finding = about(judge(seen), "engine disk")
    assert finding.level == level
    assert finding.todo == ("" if level == "ok" else "remove what is not used: docker system prune")


def test_base_nowhere_names_three_ways_on() -> None:
    trouble = Trouble(message="debian:bookworm-slim: no such host")
    seen = replace(WELL, base=Base(reference="debian:bookworm-slim", source="nowhere", trouble=trouble))
    finding = about(judge(seen), "base image")
    assert (finding.level, finding.what) == ("warning", "debian:bookworm-slim: no such host")
    assert finding.todo == (
        "name a mirror in the site config (registry_mirrors), make the base with "
        "`envbuild bootstrap debian:bookworm-slim`, or lock with --allow-unpinned-base"
    )
    assert about(judge(seen), "mmdebstrap").todo == "apt-get install mmdebstrap"


def test_base_in_the_store_is_enough() -> None:
    trouble = Trouble(message="debian:bookworm-slim: no such host")
    seen = replace(WELL, base=Base(reference="debian:bookworm-slim", source="engine", trouble=trouble))
    finding = about(judge(seen), "base image")
    assert (finding.level, finding.what) == (
        "ok",
        "debian:bookworm-slim: in the engine's store; no such host",
    )


def test_what_the_site_says_is_shown_without_credentials() -> None:
    site = Site(
        index_url="https://me:s3cret@index.example.org/simple",
        extra_index_urls=("https://me:s3cret@more.example.org/simple",),
        proxies={"https": "http://me:s3cret@proxy.example.org:3128", "no": "localhost"},
        ca_bundle=Path("/etc/ca.pem"),
        notes=("PIP_TRUSTED_HOST is not carried",),
        origins={"index_url": "UV_DEFAULT_INDEX", "ca_bundle": "SSL_CERT_FILE"},
    )
    diagnosis = judge(replace(WELL, site=site, certificates=1))
    assert "s3cret" not in str(diagnosis)
    assert about(diagnosis, "package index").what == (
        "https://***@index.example.org/simple (from UV_DEFAULT_INDEX) answered in 0.3 s"
    )
    assert about(diagnosis, "further indexes").what == "https://***@more.example.org/simple"
    assert about(diagnosis, "proxy").what == "https: http://***@proxy.example.org:3128, no: localhost"
    assert about(diagnosis, "CA bundle").what == (
        "/etc/ca.pem (from SSL_CERT_FILE): 1 certificate, carried to every network step of a build"
    )
    assert about(diagnosis, "site").level == "warning"


def test_troubles_are_problems() -> None:
    site = Site(ca_bundle=Path("/etc/ca.pem"))
    bad = Trouble(message="bad", hint="mend it")
    diagnosis = judge(replace(WELL, site=site, uv=bad, index=bad, certificates=bad))
    for subject in ("uv", "package index", "CA bundle"):
        assert about(diagnosis, subject).level == "problem"
        assert about(diagnosis, subject).todo


def test_mirrors_of_conda_channels_are_shown_without_credentials() -> None:
    site = Site(
        conda_mirrors={
            "https://conda.example/forge": "https://me:pw@mirror.lab/forge",
            "https://conda.example/lab": "https://conda.example/t/tok-1/lab",
        },
        micromamba="rattler",
        origins={"conda_mirrors": "config.yml:3", "micromamba": "ENVBUILD_MICROMAMBA"},
    )
    told = [(finding.subject, finding.what) for finding in judge(replace(WELL, site=site)).findings]
    assert [pair for pair in told if pair[0] in {"conda mirror", "micromamba"}] == [
        (
            "conda mirror",
            "https://conda.example/forge is asked at https://***@mirror.lab/forge (from config.yml:3)",
        ),
        (
            "conda mirror",
            "https://conda.example/lab is asked at https://conda.example/t/***/lab (from config.yml:3)",
        ),
        ("micromamba", "rattler (from ENVBUILD_MICROMAMBA)"),
    ]
