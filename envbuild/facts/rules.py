"""The rules behind verdicts and findings, by name: what a spec may override under `accept:`. Pure."""

from __future__ import annotations

RULES: dict[str, str] = {
    # Of preflight: an image and a machine.
    "driver-none": "there is no NVIDIA driver, and something needs a GPU",
    "driver-unreadable": "the driver's version is not known",
    "driver-full": "the driver has all that the CUDA in the image asks for",
    "driver-floor": "an older driver of the same CUDA family runs it, without what is newer",
    "driver-too-old": "the driver is older than the least that this CUDA runs with",
    "driver-unknown": "which driver this CUDA needs is not known",
    "cuda-compat": "the image's cuda-compat libraries carry an older driver on data-centre GPUs",
    "cuda-compat-unknown": "whether cuda-compat would carry this driver on this GPU is not known",
    "gpu-unknown": "the GPU, or its compute capability, is not known",
    "gpu-none": "there is no GPU",
    "gpu-dropped-by-driver": "the driver is of a branch that no longer supports the GPU",
    "gpu-newer-than-driver": "the GPU is newer than the driver's branch",
    "cubin": "there is code for the GPU",
    "ptx": "there is only PTX for the GPU, compiled at the first start",
    "ptx-too-new": "there is only PTX for the GPU, made by a CUDA newer than the driver",
    "no-kernel": "there is no code for the GPU",
    "architectures-unknown": "which GPUs a package was compiled for is not known",
    "toolkit-dropped-gpu": "this CUDA makes no code for the GPU any more",
    "toolkit-older-than-gpu": "this CUDA is older than the GPU",
    "nothing-needs-gpu": "nothing in it needs a GPU",
    "package-unpinned": "an unpinned package may come in releases that answer differently",
    "package-unknown": "what a package or a base needs is not known",
    # Of a spec and its lock, before anything is downloaded.
    "torch-python": "the torch release has no wheel for this Python",
    "torch-variant": "the torch release was not built for this CUDA, or for none",
    "tensorflow-python": "the TensorFlow release has no wheel for this Python",
    "tensorflow-gpu": "the package tensorflow-gpu ended with 2.11, and its 2.12.0 cannot be installed",
    "jax-python": "the jaxlib release has no wheel for this Python",
    "glibc": "the base image's glibc is older than the wheels need",
    "target": "a package has no code for a GPU of `targets`",
    "target-unknown": "a name under `targets` is no GPU that the tables know, so nothing is checked for it",
    "cuda-image": "there is no nvidia/cuda image as asked for",
    "cuda-mismatch": "the CUDA of the spec and of the packages are of different families",
    "cuda-missing": "a package takes CUDA from the base image, and there is none in it",
    "cuda-headers": "a package compiles when it runs, and finds no CUDA headers in the image",
    "cuda-absent": "packages bring CUDA, and the spec has no `cuda:`",
    "two-cudas": "the base image and the packages each bring CUDA's libraries",
}
"""Name → what it says when it speaks."""
