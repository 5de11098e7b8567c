"""The check finds nothing in the tables as they are, and every kind of fault that is planted in a copy."""

from copy import deepcopy

import pytest

from envbuild.facts.check import TABLES, contradictions
from envbuild.facts.tables import table


def test_the_tables_agree():
    assert contradictions() == ()


def row_of(rows, key, value):
    return next(row for row in rows if row[key] == value)


def toolkit(tables, cuda):
    return row_of(tables["cuda_toolkits"]["toolkits"]["rows"], "cuda", cuda)


def family(tables, major):
    return row_of(tables["cuda_toolkits"]["families"]["rows"], "major", major)


def gpu(tables, capability):
    return row_of(tables["gpus"]["architectures"], "capability", capability)


def torch(tables, version):
    return row_of(tables["torch"]["releases"]["rows"], "torch", version)


def build(tables, first, cuda):
    rows = tables["torch"]["architectures"]["rows"]
    return next(row for row in rows if row["torch"][0] == first and cuda in row["cuda"])


def tensorflow(tables, minor):
    return row_of(tables["tensorflow"]["releases"]["rows"], "tensorflow", minor)


def image(tables, cuda):
    return row_of(tables["cuda_images"]["images"], "cuda", cuda)


FAULTS = {
    # what is planted: (how, what the check says)
    "a driver of another branch": (
        lambda t: toolkit(t, "12.8.1").update(driver="571.10"),
        "cuda_toolkits: 12.8.1: driver 571.10 is not of branch 570",
    ),
    "drivers that fall": (
        lambda t: toolkit(t, "12.8.1").update(driver="570.10"),
        "cuda_toolkits: 12.8.1: driver 570.10 is older than 570.26 of 12.8.0",
    ),
    "branches that fall": (
        lambda t: toolkit(t, "13.4.1").update(branch=600),
        "cuda_toolkits: 13.4.1: branch 600 is older than 615 of 13.4.0",
    ),
    "a toolkit twice": (
        lambda t: t["cuda_toolkits"]["toolkits"]["rows"].append(toolkit(t, "12.8.1")),
        "cuda_toolkits: 12.8.1 is there twice",
    ),
    "a number that YAML read as a float": (
        lambda t: toolkit(t, "10.1").update(cuda=10.1),
        "cuda_toolkits: does not parse: TypeError",
    ),
    "a driver that is no version": (
        lambda t: toolkit(t, "12.8.1").update(driver=">= 570"),
        "cuda_toolkits: does not parse: ValueError: not a version of dotted numbers: '>= 570'",
    ),
    "a row without its driver": (
        lambda t: toolkit(t, "12.8.1").pop("driver"),
        "cuda_toolkits: does not parse: KeyError: 'driver'",
    ),
    "a family without a floor": (
        lambda t: family(t, 12).update(floor=None),
        "cuda_toolkits: families: 12: floor None, but 11 is the first major with a floor",
    ),
    "a floor above all": (
        lambda t: family(t, 13).update(floor="700"),
        "cuda_toolkits: families: the floor of 13 is above every driver of its toolkits",
    ),
    "floors that fall": (
        lambda t: family(t, 13).update(floor="500"),
        "cuda_toolkits: families: the floor of 13 is not above that of the major before",
    ),
    "a toolkit of no family": (
        lambda t: t["cuda_toolkits"]["families"]["rows"].remove(family(t, 9)),
        "cuda_toolkits: 9.0: its family is not in families",
    ),
    "a branch that reports another CUDA": (
        lambda t: t["cuda_toolkits"]["branches"]["cuda"].update({570: "12.7"}),
        "cuda_toolkits: branches: 570 reports 12.7, but comes with CUDA 12.8.2",
    ),
    "a branch that is missing": (
        lambda t: t["cuda_toolkits"]["branches"]["cuda"].pop(570),
        "cuda_toolkits: branches: 570 is missing",
    ),
    "a table without its day": (lambda t: t["gpus"].pop("as_of"), "gpus: as_of is no day: None"),
    "a part without its source": (
        lambda t: t["torch"]["glibc"].pop("source"),
        "torch.glibc: has no source",
    ),
    "a first toolkit that never was": (
        lambda t: gpu(t, "12.0").update(first_toolkit="12.7"),
        "gpus: 12.0: first_toolkit 12.7 is no toolkit",
    ),
    "a last toolkit before the first": (
        lambda t: gpu(t, "7.0").update(last_toolkit="8.0"),
        "gpus: 7.0: last_toolkit 8.0 is older than first_toolkit 9.0",
    ),
    "a last branch before the first": (
        lambda t: gpu(t, "7.0").update(last_branch=375),
        "gpus: 7.0: last_branch 375 is older than 384",
    ),
    "a last branch that never was": (
        lambda t: gpu(t, "7.0").update(last_branch=581),
        "gpus: 7.0: last_branch 581 is no branch",
    ),
    "a chip that toolkits know and drivers do not": (
        lambda t: gpu(t, "9.0").update(last_branch=580),
        "gpus: 9.0: compiled for by the newest toolkit, but no driver after 580 knows it",
    ),
    "a misspelt key": (
        lambda t: gpu(t, "9.0").update(datacenter=["H200"]),
        "gpus: 9.0: datacenter is no key of a row",
    ),
    "a capability twice": (
        lambda t: t["gpus"]["architectures"].append(gpu(t, "9.0")),
        "gpus: 9.0 is there twice",
    ),
    "a GPU of two capabilities": (
        lambda t: gpu(t, "9.0")["data_center"].append("A100"),
        "gpus: A100 is there twice",
    ),
    "a GPU that is not found by its name": (
        lambda t: gpu(t, "9.0")["data_center"].append("RTX 6000"),
        "gpus: RTX 6000 is not found by its own name",
    ),
    "an alias of nothing": (
        lambda t: t["gpus"]["aliases"].update({"H400": ["Grace"]}),
        "gpus: aliases: H400 is no GPU of the table",
    ),
    "an alias of another GPU": (
        lambda t: t["gpus"]["aliases"].update({"H100": ["A100"]}),
        "gpus: aliases: A100 does not find H100",
    ),
    "a variant that names no toolkit": (
        lambda t: torch(t, "2.8.0")["variants"].append("cu127"),
        "torch: 2.8.0: variant cu127 names no toolkit",
    ),
    "a default that is no variant": (
        lambda t: torch(t, "2.8.0").update(default="cu130"),
        "torch: 2.8.0: default cu130 is none of its variants",
    ),
    "variants out of order": (
        lambda t: torch(t, "2.8.0").update(variants=["cu128", "cu126", "cu129"]),
        "torch: 2.8.0: variants are not oldest CUDA first, or twice",
    ),
    "a wheel of another CUDA": (
        lambda t: torch(t, "2.8.0").update(brings=["nvidia-cuda-runtime-cu12==12.6.77"]),
        "torch: 2.8.0: brings nvidia-cuda-runtime-cu12==12.6.77, which is of CUDA 12.6",
    ),
    "a Python that is no version": (
        lambda t: torch(t, "2.8.0").update(pythons=["3.1x"]),
        "torch: 2.8.0: '3.1x' is no Python version X.Y",
    ),
    "a build that nobody made": (
        lambda t: build(t, "2.7", "12.8")["cuda"].append("12.4"),
        "torch: architectures: 2.7 to 2.7: no release of these has a build for CUDA 12.4",
    ),
    "a build in two rows": (
        lambda t: t["torch"]["architectures"]["rows"].append(build(t, "2.7", "12.8")),
        "torch: architectures: 2.7 to 2.7: 2.7.0 with CUDA 12.8 is in two rows",
    ),
    "an architecture that the toolkit no longer knows": (
        lambda t: build(t, "2.13", "13.0")["x86_64"].append("70"),
        "torch: architectures: 2.13 to 2.13 (x86_64): CUDA 13.0 does not compile for 70",
    ),
    "an architecture that the toolkit does not know yet": (
        lambda t: build(t, "2.7", "12.6")["x86_64"].append("120"),
        "torch: architectures: 2.7 to 2.7 (x86_64): CUDA 12.6 does not compile for 120",
    ),
    "a Jetson board in a wheel for x86_64": (
        lambda t: build(t, "2.13", "13.0")["x86_64"].append("110"),
        "torch: architectures: 2.13 to 2.13 (x86_64): 110 is a Jetson board's, which has no x86_64",
    ),
    "an architecture that does not exist": (
        lambda t: build(t, "2.13", "13.0").update(ptx=["compute_120"]),
        "torch: architectures: 2.13 to 2.13 (x86_64): compute_120 is no architecture of gpus.yml",
    ),
    "a measurement of no release": (
        lambda t: t["torch"]["measured"]["releases"].update({"2.8.9": {"cubins": [], "ptx": []}}),
        "torch: measured: 2.8.9 is no release of the table",
    ),
    "a measurement that cannot be": (
        lambda t: t["torch"]["measured"]["releases"]["2.8.0"].update(cubins=["37"]),
        "torch: measured: 2.8.0: CUDA 12.8 does not compile for 37",
    ),
    "a measurement that a script contradicts": (
        lambda t: t["torch"]["measured"]["releases"]["2.9.1"].update(ptx=["120"]),
        "torch: measured: 2.9.1: ptx ['120'], but a row of architectures says []",
    ),
    "an oldest GPU that the wheel contradicts": (
        lambda t: t["tensorflow"]["code"]["rows"][1].update(oldest="5.2"),
        "tensorflow: measured: 2.16.2: its oldest is 50, code says 5.2",
    ),
    "a TensorFlow of a CUDA that never was": (
        lambda t: tensorflow(t, "2.15").update(cuda="12.7"),
        "tensorflow: 2.15: CUDA 12.7 is no toolkit",
    ),
    "a release of another minor": (
        lambda t: tensorflow(t, "2.15")["releases"].append("2.16.0"),
        "tensorflow: 2.15: 2.16.0 is not of this minor",
    ),
    "wheels of another CUDA than built with": (
        lambda t: tensorflow(t, "2.15").update(cuda="12.3"),
        "tensorflow: 2.15: brings nvidia-cuda-runtime-cu12==12.2.140, which is of CUDA 12.2",
    ),
    "a plugin below its family": (
        lambda t: t["jax"]["plugins"]["rows"][1].update(driver="520.61.05"),
        "jax: plugins: 12: driver 520.61.05 is below the floor 525.60.13",
    ),
    "a plugin for a GPU that its CUDA does not know": (
        lambda t: t["jax"]["plugins"]["rows"][0].update(oldest="7.0"),
        "jax: plugins: CUDA 13 does not compile for 7.0",
    ),
    "a jaxlib twice": (
        lambda t: t["jax"]["releases"]["rows"].append(t["jax"]["releases"]["rows"][0]),
        "jax: 0.12.0.1 is there twice",
    ),
    "an image of a CUDA that never was": (
        lambda t: image(t, "12.8.1").update(cuda="12.7.1"),
        "cuda_images: 12.7.1 is no toolkit",
    ),
    "an image that is there and gone": (
        lambda t: t["cuda_images"]["gone"].append("12.8.1"),
        "cuda_images: 12.8.1 is there twice",
    ),
    "a compat for drivers that need none": (
        lambda t: image(t, "12.8.1")["compat"].append(570),
        "cuda_images: 12.8.1: compat: 570 is not older than its own branch 570",
    ),
    "a compat for a branch that never was": (
        lambda t: image(t, "12.8.1")["compat"].append(500),
        "cuda_images: 12.8.1: compat: 500 is no driver branch",
    ),
    "an image that nobody vouches for": (
        lambda t: image(t, "12.8.1").pop("listed"),
        "cuda_images: 12.8.1: neither listed nor evidence",
    ),
}


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_found(planted):
    plant, said = FAULTS[planted]
    tables = {name: deepcopy(table(name)) for name in TABLES}
    plant(tables)
    found = contradictions(tables)
    assert any(fault.startswith(said) for fault in found), found


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("content", [{}, {"as_of": "2026-11-20", "source": "here"}])
def test_an_empty_table_is_a_fault_not_a_crash(name, content):
    assert any(
        fault.startswith(f"{name}: does not parse: KeyError") for fault in contradictions({name: content})
    )


def test_a_copy_without_faults_is_clean():
    assert contradictions({name: deepcopy(table(name)) for name in TABLES}) == ()
