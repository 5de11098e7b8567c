"""Solving with real py-rattler and a channel of tiny packages."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.conda import Package, change_repodata, make_channel, package_bytes
from support.conda_packages import PACKAGES, compiled, plain, pure, python
from support.conda_solving import builds, solved, text_of

from envbuild.conda import ask
from envbuild.errors import LockError, Unsolvable


def test_records_are_exact_canonical_and_sorted(spec_of, channel, environ):
    records = solved(spec_of(text_of("numpy", channels=[channel.as_uri()])), environ)
    assert [record.exact for record in records] == [
        "ca-certificates=2024.7.4=h0_0",
        "libblas=3.9.0=22_openblas",
        "numpy=2.1.0=py312_0",
        "python=3.12.4=h3120_0_cpython",
        "python_abi=3.12=5_cp312",
    ]
    numpy = records[2]
    file = channel / "linux-64/numpy-2.1.0-py312_0.tar.bz2"
    assert numpy.url == file.as_uri()
    assert (numpy.channel, numpy.subdir, numpy.size) == (channel.as_uri(), "linux-64", file.stat().st_size)
    assert (len(numpy.sha256), len(numpy.md5)) == (64, 32)
    assert "python >=3.12,<3.13.0a0" in numpy.depends
    assert {record.name for record in records if record.requested} == {"numpy", "python"}
    assert {record.name: record.pypi for record in records if record.pypi} == {"numpy": "numpy"}
    assert [(record.name, record.noarch) for record in records if record.noarch] == [
        ("python_abi", "generic")
    ]


def test_python_is_asked_for_without_packages_and_exactly_where_the_spec_is_exact(spec_of, channel, environ):
    url = channel.as_uri()
    spec = spec_of(f"python: 3.10\nconda: {{channels: ['{url}']}}\n")
    assert builds(solved(spec, environ))["python"] == "3.10.14=h3100_0_cpython"
    exact = spec_of(f"python: 3.11.9\nconda: {{channels: ['{url}']}}\n")
    assert builds(solved(exact, environ))["python"] == "3.11.9=h3110_0_cpython"


def test_a_folder_in_the_specs_stays_relative_in_the_lock(spec_of, environ, tmp_path):
    make_channel(tmp_path / "spec" / "my channel", PACKAGES[:20])
    make_channel(tmp_path / "spec" / "channel", PACKAGES)
    (record, *_) = solved(spec_of(text_of(channels=["./channel"])), environ)
    assert record.url == "./channel/linux-64/ca-certificates-2024.7.4-h0_0.tar.bz2"
    assert record.channel == "./channel"


def test_without_cuda_the_cpu_build_is_taken_and_with_it_the_gpu_build(spec_of, channel, environ):
    spec = spec_of(text_of("pytorch", channels=[channel.as_uri()]))
    assert builds(solved(spec, environ))["pytorch"] == "2.4.0=cpu_py312_0"
    assert "cuda-version" not in builds(solved(spec, environ))
    assert builds(solved(spec, environ, cuda="12.8"))["pytorch"] == "2.4.0=cuda124_py312_0"


def test_cuda_version_is_held_at_the_specs_and_comes_only_where_something_needs_it(spec_of, channel, environ):
    url = channel.as_uri()
    spec = spec_of(text_of("pytorch", channels=[url]))
    assert builds(solved(spec, environ, cuda="12.8"))["cuda-version"] == "12.8=h0_3"
    assert builds(solved(spec, environ, cuda="12.4.1"))["cuda-version"] == "12.4=h0_3"
    # Of CUDA 12.1 no build of it is: the CPU's is the one left.
    assert builds(solved(spec, environ, cuda="12.1"))["pytorch"] == "2.4.0=cpu_py312_0"
    assert "cuda-version" not in builds(
        solved(spec_of(text_of("numpy", channels=[url])), environ, cuda="12.8")
    )


def test_this_machine_decides_nothing(spec_of, channel, environ):
    """CONDA_OVERRIDE_ variables speak to tools that look at the host."""
    spec = spec_of(text_of("pytorch", channels=[channel.as_uri()]))
    told = environ | {"CONDA_OVERRIDE_CUDA": "12.4", "CONDA_OVERRIDE_GLIBC": "2.1", "RATTLER_CACHE_DIR": "/x"}
    assert solved(spec, told) == solved(spec, environ)


def test_the_bases_glibc_counts_and_an_old_one_is_counted_on_where_it_is_unknown(spec_of, environ, tmp_path):
    new = plain("tool", "2.0", "__glibc >=2.34")
    old = plain("tool", "1.0", "__glibc >=2.17")
    url = make_channel(tmp_path / "lab", [python("3.12.4"), plain("ca-certificates", "1"), new, old])
    spec = spec_of(text_of("tool", channels=[url]))
    assert builds(solved(spec, environ, glibc="2.36"))["tool"] == "2.0=h0_0"
    assert builds(solved(spec, environ, glibc="2.31"))["tool"] == "1.0=h0_0"
    assert builds(solved(spec, environ, glibc=""))["tool"] == "1.0=h0_0"


def test_another_platform_has_its_own_packages(spec_of, environ, tmp_path):
    arm = [
        dataclasses.replace(package, subdir="linux-aarch64")
        for package in (python("3.12.4"), plain("ca-certificates", "1"))
    ]
    url = make_channel(tmp_path / "lab", [*arm, python("3.12.4"), plain("ca-certificates", "2")])
    found = solved(spec_of(text_of(channels=[url])), environ, platform="linux/arm64")
    assert {record.subdir for record in found} == {"linux-aarch64"}
    with pytest.raises(LockError) as caught:
        solved(spec_of(text_of(channels=[url])), environ, platform="linux/s390x")
    assert caught.value.message == "platform linux/s390x: no conda packages for it"
    assert caught.value.hint == "use one of linux/amd64, linux/arm64"


def test_the_order_of_a_channels_files_and_of_the_specs_packages_changes_nothing(spec_of, environ, tmp_path):
    wanted = ["pandas", "jupyter", "pytorch", "matplotlib"]
    answers = set()
    for number, packages in enumerate((PACKAGES, PACKAGES[::-1], PACKAGES[40:] + PACKAGES[:40])):
        folder = tmp_path / str(number) / "lab"
        url = make_channel(folder, packages)
        for asked in (wanted, wanted[::-1]):
            records = solved(spec_of(text_of(*asked, channels=[url])), environ, cuda="12.8")
            answers.add(tuple((record.exact, record.sha256, record.requested) for record in records))
    assert len(answers) == 1


def test_of_two_best_answers_the_order_of_the_specs_packages_chooses_none(spec_of, environ, tmp_path):
    packages = [python("3.12.4"), plain("ca-certificates", "1")]
    for version, other in (("1", ""), ("2", "<2")):
        packages += [pure("left", version, f"right {other}".strip()), pure("right", version, "python >=3.6")]
    url = make_channel(tmp_path / "lab", packages)
    found = {
        solved(spec_of(text_of(*asked, channels=[url])), environ)
        for asked in (("left", "right"), ("right", "left"), ("right", "left", "right"))
    }
    assert len(found) == 1


class TestPriority:
    """Two channels; the second has newer versions of what the first has too."""

    @pytest.fixture
    def two(self, channel, tmp_path):
        newer = [compiled("numpy", "3.0", "3.12"), pure("only", "1.0"), pure("tqdm", "5.0")]
        return [channel.as_uri(), make_channel(tmp_path / "second", newer)]

    @pytest.mark.parametrize(
        ("priority", "numpy", "tqdm"),
        [("strict", "2.1.0", "4.66.5"), ("flexible", "2.1.0", "4.66.5"), ("disabled", "3.0", "5.0")],
    )
    def test_which_channel_a_package_comes_from(self, spec_of, environ, two, priority, numpy, tqdm):
        spec = spec_of(text_of("numpy", "tqdm", "only", channels=two, priority=priority))
        found = {record.name: record for record in solved(spec, environ)}
        assert (found["numpy"].version, found["tqdm"].version) == (numpy, tqdm)
        assert found["only"].channel == two[1]

    def test_strict_takes_nothing_from_a_later_channel_that_the_first_has(self, spec_of, environ, two):
        """py-rattler alone would: it leaves out what does not fit before it looks at priorities."""
        with pytest.raises(Unsolvable):
            solved(spec_of(text_of("tqdm>=5", channels=two)), environ)
        flexible = spec_of(text_of("tqdm>=5", channels=two, priority="flexible"))
        assert builds(solved(flexible, environ))["tqdm"].startswith("5.0=")

    def test_a_package_may_name_its_channel(self, spec_of, environ, two):
        spec = spec_of(text_of(f"{two[1]}::tqdm", channels=two))
        assert builds(solved(spec, environ))["tqdm"].startswith("5.0=")

    def test_the_guides_channels_work_together(self, spec_of, environ, channel):
        urls = [(channel.parent / name).as_uri() for name in ("pytorch", "nvidia", "lab")]
        text = text_of(
            "pytorch", "torchvision", "torchaudio", "pytorch-cuda=12.1", channels=urls, python="3.11"
        )
        found = {record.name: record for record in solved(spec_of(text), environ, cuda="12.1")}
        assert found["pytorch"].exact == "pytorch=2.5.1=py3.11_cuda12.1_cudnn9.1.0_0"
        assert found["pytorch"].pypi == "torch"
        assert found["cuda-cudart"].channel == urls[1]
        assert found["python"].channel == urls[2]


class TestPins:
    """Earlier answers stay where they fit."""

    @pytest.fixture
    def lab(self, tmp_path):
        packages = [python("3.12.4"), plain("ca-certificates", "1"), pure("tqdm", "4.1"), pure("six", "1.0")]
        make_channel(tmp_path / "lab", packages)
        return tmp_path / "lab", packages

    def test_a_pin_is_kept_though_there_is_a_newer_version(self, spec_of, environ, lab):
        folder, packages = lab
        spec = spec_of(text_of("tqdm", "six", channels=[folder.as_uri()]))
        before = solved(spec, environ)
        make_channel(folder, [*packages, pure("tqdm", "4.2"), pure("six", "2.0")])
        assert builds(solved(spec, environ))["tqdm"].startswith("4.2=")
        assert solved(spec, environ, pins=before) == before
        only = [record for record in before if record.name != "six"]
        mixed = builds(solved(spec, environ, pins=only))
        assert mixed["tqdm"].startswith("4.1=")
        assert mixed["six"].startswith("2.0=")

    def test_a_pin_that_no_longer_fits_or_is_gone_is_let_go(self, spec_of, environ, lab):
        folder, packages = lab
        before = solved(spec_of(text_of("tqdm", "six", channels=[folder.as_uri()])), environ)
        make_channel(folder, [*packages[:2], pure("tqdm", "4.1"), pure("tqdm", "4.2"), pure("six", "2.0")])
        spec = spec_of(text_of("tqdm>4.1", "six", channels=[folder.as_uri()]))
        found = builds(solved(spec, environ, pins=before))
        assert (found["tqdm"][:4], found["six"][:4]) == ("4.2=", "2.0=")

    def test_a_file_that_kept_its_name_and_changed_is_refused(self, spec_of, environ, lab):
        folder, packages = lab
        spec = spec_of(text_of("tqdm", channels=[folder.as_uri()]))
        before = solved(spec, environ)
        changed = dataclasses.replace(packages[2], files={"site-packages/tqdm.py": b"evil"})
        make_channel(folder, [*packages[:2], changed])
        with pytest.raises(LockError) as caught:
            solved(spec, environ, pins=before)
        assert caught.value.message == (
            "tqdm-4.1-pyhd8ed1ab_0.tar.bz2: the channel has another file of this name than the lock: "
            "another hash"
        )
        assert caught.value.hint == (
            "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package tqdm"
        )


def test_conda_archives_are_read_too(spec_of, environ, tmp_path):
    packages = [
        python("3.12.4"),
        plain("ca-certificates", "1"),
        Package(name="tool", version="1", way="conda"),
    ]
    spec = spec_of(text_of("tool", channels=[make_channel(tmp_path / "lab", packages)]))
    found = {record.name: record for record in solved(spec, environ)}
    assert found["tool"].file == "tool-1-0.conda"
    assert package_bytes(packages[2]) == (tmp_path / "lab/linux-64/tool-1-0.conda").read_bytes()


def test_a_file_without_sha256_cannot_be_locked(spec_of, environ, tmp_path):
    url = make_channel(tmp_path / "lab", [python("3.12.4"), plain("ca-certificates", "1")])
    change_repodata(tmp_path / "lab", "linux-64", "ca-certificates-1-h0_0.tar.bz2", sha256=None)
    with pytest.raises(LockError) as caught:
        solved(spec_of(text_of(channels=[url])), environ)
    assert caught.value.message == (
        f"ca-certificates-1-h0_0.tar.bz2: the index of the channel {url} has no sha256 of it, "
        "so it cannot be locked"
    )
    assert (
        caught.value.hint == "have the channel indexed anew (rattler-index), or take it from another channel"
    )


def test_py_rattler_that_is_missing_is_named(spec_of, environ, channel, monkeypatch):
    monkeypatch.setattr(ask.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LockError) as caught:
        solved(spec_of(text_of(channels=[channel.as_uri()])), environ)
    assert caught.value.message == "conda packages are locked by py-rattler, which is not installed"
    assert caught.value.hint == "install it beside envbuild: pip install 'envbuild[conda]'"


def test_what_takes_too_long_is_ended_and_said(site_job, monkeypatch):
    begun = time.monotonic()
    with pytest.raises(LockError) as caught:
        site_job(seconds=0.3)
    assert time.monotonic() - begun < 5
    assert caught.value.message == "conda: no answer within 0 s"
    assert children() == []


def test_ctrl_c_ends_the_solver_at_once(tmp_path, environ):
    """A program of its own gets the signal while its solver waits for a channel that does not answer."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from envbuild.conda.ask import ask\n"
        "from envbuild.site.model import Site\n"
        "print('begun', flush=True)\n"
        "try:\n"
        "    ask({'do': 'wait'}, site=Site(), environ={}, seconds=60)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped', flush=True)\n"
    )
    slow = tmp_path / "worker.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    code = f"import envbuild.conda.ask as a; a.WORKER = {str(slow)!r}; exec(open({str(program)!r}).read())"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "begun\n"
    time.sleep(0.3)
    begun = time.monotonic()
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=20)
    assert (out, run.returncode) == ("stopped\n", 0)
    assert time.monotonic() - begun < 3


@pytest.fixture
def site_job(tmp_path, monkeypatch):
    """Gives a job to a worker that never answers."""
    from envbuild.site.model import Site

    slow = tmp_path / "worker.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(ask, "WORKER", str(slow))
    return lambda seconds: ask.ask({}, site=Site(), environ={}, seconds=seconds)


def children() -> list[str]:
    """Processes of ours that still run a worker."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            line = path.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and b"worker.py" in line:
            found.append(line.decode())
    return found


def test_a_worker_that_breaks_off_is_said(tmp_path, monkeypatch):
    from envbuild.site.model import Site

    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemError('oh')\n")
    monkeypatch.setattr(ask, "WORKER", str(broken))
    with pytest.raises(LockError) as caught:
        ask.ask({}, site=Site(), environ={}, seconds=20)
    version = ask.rattler_version()
    assert caught.value.message == f"py-rattler {version} broke off without an answer: SystemError: oh"
