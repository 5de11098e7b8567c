"""What a spec needs is asked of its lock where that is fresh, else of its own pins; refusals raise."""

from dataclasses import replace
from pathlib import Path

import pytest

from envbuild import fits, made
from envbuild.errors import PreflightRefused, UsageError
from envbuild.gpu.describe import parse_host
from envbuild.gpu.model import CudaUse, GpuNeeds
from envbuild.gpu.summary import gpu_table
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import Lock, LockedBase, LockedPackage, LockedPython
from envbuild.lock.pylock import lock_path, write_lock
from envbuild.outcomes import Locked, Request
from envbuild.site.model import Site
from envbuild.spec.load import load_spec

OLD = parse_host("driver=470.82.01,gpu=A100")
NEW = parse_host("driver=580.95.05,gpu=A100")


def no_engine():
    raise AssertionError("nobody asked for an engine")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    spec = tmp_path / "spec.yml"
    spec.write_text('name: x\npython: 3.12\npip: {packages: ["torch==2.8.0"]}\n')
    return Request(spec_path=spec, site=Site(), platform="linux/amd64", connect=no_engine)


def lock(request: Request, **more) -> Lock:
    spec = load_spec(request.spec_path)
    made = Lock(
        name="x",
        platform="linux/amd64",
        inputs=inputs_of(spec),
        base=LockedBase(reference="debian:bookworm-slim"),
        python=LockedPython(version="3.12.1", source="managed", request="3.12.1"),
        document={"lock-version": "1.0", "created-by": "test", "packages": []},
        **more,
    )
    write_lock(lock_path(spec), made)
    return made


def test_a_spec_without_a_lock_answers_from_its_pins(request_: Request) -> None:
    found = fits.fit(request_, str(request_.spec_path), OLD)
    assert (found.judged_by, found.verdict.verdict) == ("the spec's own pins", "refused")
    assert fits.fit(request_, str(request_.spec_path), NEW).verdict.verdict == "ok"


def test_a_fresh_lock_says_more(request_: Request) -> None:
    use = CudaUse(component="torch", cuda="11.8", cubins=("80",), ptx=())
    lock(request_, gpu=gpu_table(GpuNeeds(uses=(use,))))
    found = fits.fit(request_, str(request_.spec_path), OLD)
    assert (found.judged_by, found.verdict.verdict) == ("its lock", "limits")


def test_a_stale_lock_says_nothing(request_: Request) -> None:
    lock(request_)
    request_.spec_path.write_text('name: x\npython: 3.12\npip: {packages: ["torch==2.6.0"]}\n')
    assert fits.fit(request_, str(request_.spec_path), NEW).judged_by == "the spec's own pins"


def test_a_lock_of_an_older_envbuild_is_judged_by_its_packages() -> None:
    package = LockedPackage(name="torch", version="2.6.0+cu118", file="torch.whl")
    old = Lock(
        name="x",
        platform="linux/amd64",
        inputs={},
        base=LockedBase(reference="nvidia/cuda:11.8.0-base-ubuntu22.04"),
        python=LockedPython(version="3.12.1", source="managed", request="3.12.1"),
        packages=(package,),
    )
    assert [use.cuda for use in fits.needs_of_lock(old).uses] == ["11.8.0", "11.8"]


def test_a_refusal_names_the_reasons(request_: Request) -> None:
    found = fits.fit(request_, str(request_.spec_path), OLD)
    with pytest.raises(PreflightRefused, match=r"470\.82\.01 is too old for torch 2\.8\.0") as caught:
        fits.ensure_fits(found)
    assert "accept:" in caught.value.hint
    fits.ensure_fits(fits.fit(request_, str(request_.spec_path), NEW))


def test_neither_spec_nor_image(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        def image(self, reference: str) -> None:
            assert reference == "no-such-image:latest"

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    asked = Request(spec_path=request_.spec_path, site=Site(), platform="linux/amd64", connect=Empty)
    with pytest.raises(UsageError, match="neither a spec file nor an image"):
        fits.fit(asked, "no-such-image:latest", NEW)


def torch_lock(cubins: tuple[str, ...]) -> Lock:
    use = CudaUse(component="torch 2.8.0", cuda="12.8", cubins=cubins, ptx=())
    return Lock(
        name="x",
        platform="linux/amd64",
        inputs={},
        base=LockedBase(reference="debian:bookworm-slim"),
        python=LockedPython(version="3.12.1", source="managed", request="3.12.1"),
        gpu=gpu_table(GpuNeeds(uses=(use,))),
    )


@pytest.mark.parametrize(
    ("host", "engine", "why"),
    [
        ("driver=580.95.05,gpu=A100", "unix:///x.sock", ""),
        ("driver=580.95.05,gpu=T4", "unix:///x.sock", "no code for"),
        ("driver=580.95.05,gpu=T4", "tcp://elsewhere:2375", ""),  # that machine was not looked at
        ("driver=none", "unix:///x.sock", ""),  # the engine will say so
        ("driver=580.95.05,gpu=none", "unix:///x.sock", ""),
        ("driver=banana,gpu=A100", "unix:///x.sock", ""),
    ],
)
def test_what_holds_gpu_checks_back(
    request_: Request, monkeypatch: pytest.MonkeyPatch, host: str, engine: str, why: str
) -> None:
    monkeypatch.setattr("envbuild.host.read.read_host", lambda environ: parse_host(host))
    asked = replace(request_, engine=engine)
    found = fits.held_back(asked, torch_lock(("80",)))
    assert why in found
    assert bool(found) == bool(why)


def test_a_machine_that_cannot_run_a_required_gpu_check_is_refused_before_the_build(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envbuild.host.read.read_host", lambda environ: parse_host("driver=580.1,gpu=T4"))
    asked = replace(request_, engine="unix:///x.sock")
    spec = load_spec(asked.spec_path)
    locked = Locked(spec=spec, lock=torch_lock(("80",)), path=lock_path(spec), changes=(), written=False)
    made.ensure_fits(asked, locked, gpu=False)  # `auto`: the check is left out, with the reason
    with pytest.raises(PreflightRefused, match="cannot run the image: torch"):
        made.ensure_fits(asked, locked, gpu=True)
