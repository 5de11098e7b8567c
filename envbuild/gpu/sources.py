"""Where rules are known from, as reasons name it: one name per table. Pure."""

from __future__ import annotations

DRIVERS = (
    "facts/cuda_toolkits.yml: CUDA toolkit release notes, table of drivers, and minor-version compatibility"
)
COMPAT = "facts/cuda_images.yml: NVIDIA_REQUIRE_CUDA of nvidia/cuda images; NVIDIA's guide to cuda-compat"
GPUS = "facts/gpus.yml: NVIDIA's CUDA toolkit, driver and architecture matrix"
RULES_OF_CODE = "facts/gpus.yml: NVIDIA's rules for cubins and PTX"
