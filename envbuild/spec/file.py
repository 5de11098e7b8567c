"""spec.yml as a pydantic model, one class per mapping; it checks a file and describes it. Pure.

`None` stands for a key without a value, which means the same as no key. What a later release brings
(variants) is described and checked here, and refused in `parse.py`. `description` and `examples` end up in
the JSON Schema and the docs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from envbuild.spec import fields


class Section(BaseModel):
    """A mapping in the file that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class CudaFile(Section):
    """Which CUDA the image carries."""

    version: fields.CudaVersion = Field(description="X.Y or X.Y.Z.", examples=["12.8"])
    flavour: Literal["auto", "base", "runtime", "devel"] | None = Field(
        None,
        description="How much of CUDA the base holds; auto takes the least that the packages need.",
        examples=["devel"],
    )
    cudnn: fields.Flag | None = Field(
        None, description="Whether the base holds cuDNN. Left out: as the packages need.", examples=["true"]
    )
    os: fields.CudaOs | None = Field(
        None, description="Distribution in the tag of the CUDA image.", examples=["ubuntu24.04"]
    )


def _short_cuda(value: object) -> object:
    """`cuda: 12.8` says the version alone."""
    return {"version": value} if isinstance(value, str) else value


class CondaFile(Section):
    """Packages from conda channels, locked by their URL and sha256, installed by micromamba.

    Python comes from conda too then, and pip replaces nothing that conda brings.
    """

    channels: list[fields.Channel] | None = Field(
        None,
        description=(
            "Channels, the most important first: a name, an address without credentials, file:///folder, "
            "or ./folder in the spec's folder. Left out: conda-forge."
        ),
        examples=[["conda-forge"]],
    )
    packages: list[fields.MatchSpec] | None = Field(
        None,
        description="conda MatchSpecs. Left out: Python alone.",
        examples=[["numpy=2", "scipy>=1.11,<2", "pytorch=2.5=cuda*"]],
    )
    priority: Literal["strict", "flexible", "disabled"] | None = Field(
        None,
        description=(
            "How channels compete for a package: strict takes it from the first that has it, flexible from a "
            "later one where the first has none that fits, disabled the newest of all. Left out: strict."
        ),
        examples=["strict"],
    )


class PipFile(Section):
    """Python packages, resolved and locked by uv."""

    packages: list[fields.Requirement] | None = Field(
        None, description="PEP 508 requirements.", examples=[["torch==2.8.*", "transformers"]]
    )
    requirements: list[fields.Relative] | None = Field(
        None,
        description="requirements.txt files in the spec's folder; they may include others by `-r`.",
        examples=[["requirements.txt"]],
    )
    index_url: fields.IndexUrl | None = Field(
        None,
        description="Index to use in place of the default one, without credentials.",
        examples=["https://packages.example.org/simple"],
    )
    extra_index_urls: list[fields.IndexUrl] | None = Field(
        None, description="Further indexes.", examples=[["https://packages.example.org/extra"]]
    )
    torch_backend: fields.TorchBackend | None = Field(
        None, description="Which builds of torch are taken, as uv's --torch-backend.", examples=["cu128"]
    )


class CopyFile(Section):
    """A file or folder of yours that goes into the image."""

    from_: fields.Relative = Field(
        alias="from", description="File or folder in the spec's folder; no patterns.", examples=["src"]
    )
    to: fields.CopyTarget = Field(
        description="Its absolute path in the image. A file whose `to` ends with / keeps its name below it.",
        examples=["/workspace/src"],
    )


class SmokeFile(Section):
    """Checks that run in a locked-down container of the built image."""

    imports: list[fields.ImportName] | None = Field(
        None, description="Modules that must import.", examples=[["torch", "transformers"]]
    )
    commands: list[fields.Command] | None = Field(
        None,
        description="Shell commands that must end with 0.",
        examples=[["python -c 'import torch; print(torch.__version__)'"]],
    )
    gpu: Literal["required", "auto", "none"] | None = Field(
        None,
        description="Whether checks get a GPU: auto where there is one, required fails without one.",
        examples=["auto"],
    )
    timeout: fields.Seconds | None = Field(None, description="Seconds for each check; 300.", examples=["300"])
    memory: fields.Memory | None = Field(
        None, description="Memory of the container; 8GiB.", examples=["8GiB"]
    )


class ImageFile(Section):
    """How the image is called."""

    repository: fields.Repository | None = Field(
        None,
        description="Repository, with its registry's host. Left out: the name.",
        examples=["registry.example.org/lab/dl-env"],
    )
    tags: Annotated[list[fields.Tag], Field(min_length=1)] | None = Field(
        None, description="Tags, the first is the main one; latest.", examples=[["latest"]]
    )
    labels: dict[fields.LabelKey, fields.PlainValue] | None = Field(
        None,
        description="Labels beside those that envbuild writes.",
        examples=[{"org.example.project": "dl"}],
    )


class Parts(Section):
    """The keys that a spec and a variant of it share."""

    base: fields.Reference | None = Field(
        None,
        description="Base image. Left out: by `cuda`, else debian:bookworm-slim.",
        examples=["debian:bookworm-slim"],
    )
    cuda: (
        Annotated[
            CudaFile, BeforeValidator(_short_cuda, json_schema_input_type=fields.CudaVersion | CudaFile)
        ]
        | None
    ) = Field(None, description="CUDA version, or a mapping with more.", examples=["12.8"])
    targets: list[fields.Target] | None = Field(
        None,
        description="GPUs that the image must run on: names or compute capabilities.",
        examples=[["A100", "RTX 4090", "9.0"]],
    )
    accept: list[fields.Rule] | None = Field(
        None,
        description="Rules that you override by name: what they forbid is said as a warning then.",
        examples=[["target"]],
    )
    apt: list[fields.DebianPackage] | None = Field(
        None, description="Debian packages, each `name` or `name=version`.", examples=[["git", "libgl1"]]
    )
    conda: CondaFile | None = Field(None, description="Packages from conda channels.")
    pip: PipFile | None = Field(None, description="Python packages.")
    env: dict[fields.EnvName, fields.PlainValue] | None = Field(
        None,
        description="Environment variables of the image. Values are taken literally: $ has no meaning.",
        examples=[{"HF_HOME": "/cache"}],
    )
    copy_: list[CopyFile] | None = Field(None, alias="copy", description="Files and folders of yours.")
    run: list[fields.Command] | None = Field(
        None,
        description="Shell steps, run as root after the packages are installed and before `copy`.",
        examples=[["git lfs install --system"]],
    )
    user: fields.User | None = Field(
        None,
        description="Account that the image runs as, uid 1000; root is allowed. Left out: app.",
        examples=["app"],
    )
    workdir: fields.Absolute | None = Field(
        None, description="Working directory; /workspace.", examples=["/workspace"]
    )
    entrypoint: list[fields.Argument] | None = Field(
        None, description="Entrypoint, as a list of arguments.", examples=[["python", "-m", "app"]]
    )
    cmd: list[fields.Argument] | None = Field(
        None, description="Command, as a list of arguments.", examples=[["bash"]]
    )
    smoke: SmokeFile | None = Field(None, description="Checks of the built image.")
    image: ImageFile | None = Field(None, description="Name, tags and labels of the image.")


class VariantFile(Parts):
    """What differs in one variant."""

    python: fields.Python | None = Field(None, description="Python of this variant.", examples=["3.12"])


class Identity(Section):
    """What every spec must say."""

    name: fields.Name = Field(
        description="Names image, lock and containers: a-z, 0-9, single - or _ inside; at most 64 long.",
        examples=["dl-env"],
    )
    python: fields.Python = Field(description="X.Y or X.Y.Z, 3.6 or later.", examples=["3.12"])


class SpecFile(Parts, Identity):
    """A Python or GPU environment that becomes a container image."""

    variants: dict[fields.Name, VariantFile] | None = Field(
        None, description="Variants of the environment by name (a later release)."
    )
