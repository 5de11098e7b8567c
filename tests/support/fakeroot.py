"""Folders that look like / to what reads this machine: /sys, /proc and /dev with such a driver and cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INFORMATION = """Model: \t\t {model}
IRQ:   \t\t 0
GPU UUID: \t {uuid}
Video BIOS: \t 92.00.45.00.03
Bus Type: \t PCIe
DMA Size: \t 47 bits
Bus Location: \t {place}
Device Minor: \t 0
GPU Excluded:\t {excluded}
"""


class FakeRoot:
    """A folder that looks like / to what reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, name: str, text: str | bytes = "") -> FakeRoot:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        return self

    def driver(self, version: str) -> FakeRoot:
        return self.put("sys/module/nvidia/version", f"{version}\n").put("dev/nvidiactl")

    def gpu(self, place: str, model: str, uuid: str = "GPU-1", excluded: str = "No") -> FakeRoot:
        text = INFORMATION.format(model=model, uuid=uuid, place=place, excluded=excluded)
        return self.put(f"proc/driver/nvidia/gpus/{place}/information", text)

    def card(
        self, place: str, *, vendor: str = "0x10de", kind: str = "0x030200", driver: str = ""
    ) -> FakeRoot:
        folder = f"sys/bus/pci/devices/{place}"
        self.put(f"{folder}/vendor", f"{vendor}\n").put(f"{folder}/class", f"{kind}\n")
        if driver:
            (self.path / folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        return self
