"""Tiny packages with the names, versions, builds and dependencies of real ones, for the classic guides.

`PACKAGES` for a channel like conda-forge, `PYTORCH` and `NVIDIA` for the channels of those names.
"""

from support.conda import Package

PYTHONS = ("3.6.15", "3.7.16", "3.8.20", "3.9.19", "3.10.14", "3.11.9", "3.12.4", "3.13.1")


def python(version: str) -> Package:
    """A stand-in for Python `version`: the system's python3, with the prefix as its virtual environment."""
    minor = version.rpartition(".")[0]
    links = {f"bin/{name}": "/usr/bin/python3" for name in ("python", "python3", f"python{minor}")}
    config = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    keep = {f"lib/python{minor}/site-packages/README.txt": b"a stand-in\n"}
    return Package(
        name="python",
        version=version,
        build=f"h{minor.replace('.', '')}0_0_cpython",
        depends=("__glibc >=2.17", "ca-certificates"),
        files={**links, "pyvenv.cfg": config.encode(), **keep},
        license="Python-2.0",
    )


def _distribution(name: str, version: str, module: str, folder: str) -> dict[str, bytes | str]:
    info = f"{folder}/{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {
        f"{folder}/{module}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/INSTALLER": b"conda\n",
        f"{info}/RECORD": f"{module}/__init__.py,,\n".encode(),
    }


def pure(
    name: str,
    version: str,
    *depends: str,
    dist: str = "",
    module: str = "",
    entry_points: tuple[str, ...] = (),
) -> Package:
    """A `noarch: python` package; `dist` is its name to pip, `module` what is imported."""
    dist = dist or name
    module = module or dist.replace("-", "_")
    return Package(
        name=name,
        version=version,
        build="pyhd8ed1ab_0",
        noarch="python",
        depends=depends or ("python >=3.6",),
        files=_distribution(dist, version, module, "site-packages"),
        entry_points=entry_points,
    )


def compiled(
    name: str,
    version: str,
    minor: str,
    *depends: str,
    dist: str = "",
    module: str = "",
    build: str = "py{tag}_0",
    number: int = 0,
    constrains: tuple[str, ...] = (),
) -> Package:
    """A package for linux-64 and one Python, such as numpy's; `{tag}` in `build` is 312 and the like."""
    major, _, small = minor.partition(".")
    upper = f"{major}.{int(small) + 1}.0a0"
    dist = dist or name
    folder = f"lib/python{minor}/site-packages"
    return Package(
        name=name,
        version=version,
        build=build.format(tag=minor.replace(".", "")),
        number=number,
        depends=(
            f"python >={minor},<{upper}",
            f"python_abi {minor}.* *_cp{minor.replace('.', '')}",
            *depends,
        ),
        constrains=constrains,
        files=_distribution(dist, version, module or dist.replace("-", "_"), folder),
    )


def plain(name: str, version: str, *depends: str, build: str = "h0_0", **named: object) -> Package:
    """A package for linux-64 with one small file and no Python."""
    files: dict[str, bytes | str] = {f"share/{name}/version": f"{version}\n".encode()}
    return Package(name=name, version=version, build=build, depends=depends, files=files, **named)  # type: ignore[arg-type]


def _abi(minor: str) -> Package:
    tag = minor.replace(".", "")
    return Package(
        name="python_abi",
        version=minor,
        build=f"5_cp{tag}",
        noarch="generic",
        constrains=(f"python {minor}.* *_cpython",),
    )


def _scientific(minor: str, numpy: str, pandas: str, scipy: str, matplotlib: str) -> list[Package]:
    return [
        compiled("numpy", numpy, minor, "libblas >=3.9.0,<4.0a0", "__glibc >=2.17"),
        compiled("pandas", pandas, minor, "numpy", "python-dateutil >=2.8.1", "pytz >=2020.1"),
        compiled("scipy", scipy, minor, "numpy", "libblas >=3.9.0,<4.0a0"),
        compiled("matplotlib-base", matplotlib, minor, "numpy", dist="matplotlib"),
        Package(
            name="matplotlib",
            version=matplotlib,
            build=f"py{minor.replace('.', '')}_0",
            depends=(f"python {minor}.*", f"matplotlib-base {matplotlib}"),
        ),
    ]


CUDA_VERSIONS = ("11.8", "12.1", "12.4", "12.8", "12.9", "13.0")


def _cuda_version(version: str) -> Package:
    major = version.partition(".")[0]
    return Package(
        name="cuda-version",
        version=version,
        build="h0_3",
        noarch="generic",
        constrains=(f"__cuda >={major}", f"cudatoolkit {version}.*"),
    )


def _torch(version: str, minor: str) -> list[Package]:
    """conda-forge's: a build for the CPU and one for CUDA 12."""
    gpu = ("cuda-version >=12.4,<13", "__cuda", "libcublas >=12.4,<13.0a0")
    cuda = compiled("pytorch", version, minor, *gpu, dist="torch", build="cuda124_py{tag}_0", number=200)
    cpu = compiled("pytorch", version, minor, "numpy", dist="torch", build="cpu_py{tag}_0")
    vision = compiled("torchvision", "0.19.0", minor, f"pytorch {version}", build="py{tag}_0")
    audio = compiled("torchaudio", version, minor, f"pytorch {version}", build="py{tag}_0")
    return [cuda, cpu, vision, audio]


_ABIS = [_abi(version.rpartition(".")[0]) for version in PYTHONS]
_TOOLS = [
    plain("ca-certificates", "2024.7.4"),
    plain("libblas", "3.9.0", build="22_openblas"),
    pure("pip", "24.0", "python >=3.6", "setuptools", "wheel", entry_points=("pip = pip:main",)),
    pure("setuptools", "70.0.0"),
    pure("wheel", "0.43.0"),
    pure("six", "1.16.0"),
    pure("python-dateutil", "2.9.0", "python >=3.6", "six >=1.5", module="dateutil"),
    pure("pytz", "2024.1"),
    pure("tqdm", "4.66.4"),
    pure("tqdm", "4.66.5"),
    pure("pyyaml", "6.0.1", module="yaml"),
    pure("requests", "2.32.3"),
    pure("ipykernel", "6.29.5"),
    pure("notebook", "7.2.1", "python >=3.8", "ipykernel"),
    pure("jupyterlab", "4.2.3", "python >=3.8", "ipykernel"),
    pure("jupyter", "1.0.0", "python >=3.6", "notebook", "ipykernel", "jupyterlab"),
    pure("msgpack-python", "1.0.8", dist="msgpack"),
    plain("git", "2.45.2"),
    plain("ffmpeg", "6.1.1", build="gpl_h0_0"),
    plain("cudatoolkit", "10.0.130", build="0"),
    plain("cudatoolkit", "10.1.243", build="h0_0"),
    plain("cudatoolkit", "11.8.0", build="h0_11"),
    plain("libcublas", "12.4.5.8", "cuda-version >=12.4,<13.0a0"),
]
_OLD = [  # the guide of 2019: Python 3.6 and TensorFlow 2.1 for CUDA 10.1
    compiled("numpy", "1.19.5", "3.6", "libblas >=3.9.0,<4.0a0"),
    compiled("scipy", "1.5.3", "3.6", "numpy"),
    compiled("tensorflow-base", "2.1.0", "3.6", "numpy", dist="tensorflow", build="gpu_py{tag}_0"),
    compiled("tensorflow", "2.1.0", "3.6", "tensorflow-base 2.1.0", build="gpu_py{tag}_0"),
    plain("tensorflow-gpu", "2.1.0", "tensorflow 2.1.0", "cudatoolkit 10.1.*", "__cuda", build="h0_0"),
]

PACKAGES: tuple[Package, ...] = (
    *(python(version) for version in PYTHONS),
    *_ABIS,
    *_TOOLS,
    *_OLD,
    *_scientific("3.10", "1.26.4", "2.2.2", "1.13.1", "3.8.4"),
    *_scientific("3.11", "1.26.4", "2.2.2", "1.13.1", "3.8.4"),
    *_scientific("3.11", "2.1.0", "2.2.3", "1.14.1", "3.9.2"),
    *_scientific("3.12", "1.26.4", "2.2.2", "1.13.1", "3.8.4"),
    *_scientific("3.12", "2.1.0", "2.2.3", "1.14.1", "3.9.2"),
    *_scientific("3.13", "2.1.0", "2.2.3", "1.14.1", "3.9.2"),
    *(_cuda_version(version) for version in CUDA_VERSIONS),
    *_torch("2.4.0", "3.11"),
    *_torch("2.4.0", "3.12"),
    plain("onlymac", "1.0", subdir="osx-64"),
)

PYTORCH: tuple[Package, ...] = (  # the channel `pytorch`, which ended with 2.5.1
    compiled(
        "pytorch",
        "2.5.1",
        "3.11",
        "pytorch-cuda >=12.1,<12.2",
        "pytorch-mutex 1.0 cuda",
        dist="torch",
        build="py3.11_cuda12.1_cudnn9.1.0_0",
    ),
    compiled("pytorch", "2.5.1", "3.11", "pytorch-mutex 1.0 cpu", dist="torch", build="py3.11_cpu_0"),
    compiled(
        "torchvision", "0.20.1", "3.11", "pytorch 2.5.1", "pytorch-mutex 1.0 cuda", build="py{tag}_cu121"
    ),
    compiled("torchaudio", "2.5.1", "3.11", "pytorch 2.5.1", "pytorch-mutex 1.0 cuda", build="py{tag}_cu121"),
    plain("pytorch-mutex", "1.0", build="cuda", number=100),
    plain("pytorch-mutex", "1.0", build="cpu"),
    plain("pytorch-cuda", "11.8", "cuda-cudart >=11.8,<12.0", build="h0_3"),
    plain("pytorch-cuda", "12.1", "cuda-cudart >=12.1,<12.2", build="h0_6"),
)
NVIDIA: tuple[Package, ...] = (
    plain("cuda-cudart", "11.8.89"),
    plain("cuda-cudart", "12.1.105"),
)
