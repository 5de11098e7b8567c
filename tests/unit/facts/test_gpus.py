import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.gpus import architecture, architectures, capability_of, find_gpu, known_gpus

FOUND = {
    # text: (capability, whether cuda-compat works on it)
    "A100": ((8, 0), True),
    "a100": ((8, 0), True),
    "NVIDIA A100": ((8, 0), True),
    "A100-SXM4-80GB": ((8, 0), True),
    "NVIDIA A100-SXM4-40GB MIG 1g.5gb": ((8, 0), True),
    "NVIDIA A100 80GB PCIe": ((8, 0), True),
    "A100 80GB PCIe": ((8, 0), True),
    "A100-PCIE-40GB": ((8, 0), True),
    "nvidia_a100_80gb_pcie_1g.10gb": ((8, 0), True),
    "a100_1g.5gb": ((8, 0), True),
    "NVIDIA A100-SXM-64GB": ((8, 0), True),
    "DGX A100": ((8, 0), True),
    "NVIDIA A800-SXM4-80GB": ((8, 0), True),
    "A30": ((8, 0), True),
    "NVIDIA H100 80GB HBM3": ((9, 0), True),
    "NVIDIA H100 PCIe": ((9, 0), True),
    "H100 NVL": ((9, 0), True),
    "h100": ((9, 0), True),
    "NVIDIA H200": ((9, 0), True),
    "NVIDIA H20": ((9, 0), True),
    "GH200 480GB": ((9, 0), True),
    "NVIDIA GH200 144G HBM3e": ((9, 0), True),
    "NVIDIA B200": ((10, 0), True),
    "NVIDIA GB200": ((10, 0), True),
    "NVIDIA B300 SXM6 AC": ((10, 3), True),
    "Tesla V100-SXM2-16GB": ((7, 0), True),
    "Tesla V100-PCIE-32GB": ((7, 0), True),
    "Tesla V100S-PCIE-32GB": ((7, 0), True),
    "V100": ((7, 0), True),
    "Tesla P100-PCIE-16GB": ((6, 0), True),
    "P100": ((6, 0), True),
    "Tesla P40": ((6, 1), True),
    "P4": ((6, 1), True),
    "Tesla K80": ((3, 7), True),
    "k80": ((3, 7), True),
    "Tesla K40c": ((3, 5), True),
    "Tesla M60": ((5, 2), True),
    "Tesla T4": ((7, 5), True),
    "T4": ((7, 5), True),
    "T4G": ((7, 5), True),
    "GRID T4-16Q": ((7, 5), True),
    "GRID A100-7-40C": ((8, 0), True),
    "NVIDIA\u00ae A100\u2122 (80 GB)": ((8, 0), True),
    "NVIDIA A10-24Q": ((8, 6), True),
    "A10": ((8, 6), True),
    "NVIDIA A10G": ((8, 6), True),
    "A2": ((8, 6), True),
    "A16": ((8, 6), True),
    "NVIDIA A40": ((8, 6), True),
    "L4": ((8, 9), True),
    "NVIDIA L40S": ((8, 9), True),
    "L40": ((8, 9), True),
    "NVIDIA L20": ((8, 9), True),
    "NVIDIA GeForce GTX 1080 Ti": ((6, 1), False),
    "GTX 1080 Ti": ((6, 1), False),
    "GTX1080Ti": ((6, 1), False),
    "1080ti": ((6, 1), False),
    "1080 Ti": ((6, 1), False),
    "GeForce 1080 Ti": ((6, 1), False),
    "1080": ((6, 1), False),
    "GTX 1060 6GB": ((6, 1), False),
    "NVIDIA GeForce GTX 1070 with Max-Q Design": ((6, 1), False),
    "NVIDIA GeForce RTX 4090": ((8, 9), False),
    "NVIDIA GeForce RTX 4090 Laptop GPU": ((8, 9), False),
    "NVIDIA GeForce RTX 4090 D": ((8, 9), False),
    "RTX 4090": ((8, 9), False),
    "rtx4090": ((8, 9), False),
    "RTX-4090": ((8, 9), False),
    "rtx_4090": ((8, 9), False),
    "4090": ((8, 9), False),
    "4070 ti super": ((8, 9), False),
    "RTX 3090": ((8, 6), False),
    "NVIDIA GeForce RTX 3070 Laptop GPU": ((8, 6), False),
    "RTX 3080 12GB": ((8, 6), False),
    "RTX 5090": ((12, 0), False),
    "NVIDIA GeForce RTX 5090 Laptop GPU": ((12, 0), False),
    "RTX 2080 Ti": ((7, 5), False),
    "RTX 2070 SUPER": ((7, 5), False),
    "GTX 1650": ((7, 5), False),
    "TITAN V": ((7, 0), False),
    "NVIDIA TITAN RTX": ((7, 5), False),
    "NVIDIA TITAN Xp": ((6, 1), False),
    "NVIDIA TITAN X (Pascal)": ((6, 1), False),
    "TITAN X Pascal": ((6, 1), False),
    "GeForce GTX TITAN X": ((5, 2), False),
    "GTX TITAN X": ((5, 2), False),
    "GTX TITAN Black": ((3, 5), False),
    "GTX 980": ((5, 2), False),
    "GTX 960M": ((5, 0), False),
    "GTX 750 Ti": ((5, 0), False),
    "Quadro P4000": ((6, 1), False),
    "P4000": ((6, 1), False),
    "Quadro GV100": ((7, 0), False),
    "Quadro M6000 24GB": ((5, 2), False),
    "NVIDIA RTX A6000": ((8, 6), None),
    "RTX A6000": ((8, 6), None),
    "A6000": ((8, 6), None),
    "A2000": ((8, 6), None),
    "RTX A2000 12GB": ((8, 6), None),
    "NVIDIA RTX A4000 Laptop GPU": ((8, 6), None),
    "NVIDIA RTX 6000 Ada Generation": ((8, 9), None),
    "RTX 6000 Ada": ((8, 9), None),
    "6000 Ada": ((8, 9), None),
    "NVIDIA RTX 4000 SFF Ada Generation": ((8, 9), None),
    "Quadro RTX 6000": ((7, 5), None),
    "Quadro RTX 5000": ((7, 5), None),
    "RTX 8000": ((7, 5), None),
    "T400": ((7, 5), None),
    "NVIDIA T1000 8GB": ((7, 5), None),
    "Quadro T2000": ((7, 5), None),
    "RTX PRO 6000": ((12, 0), None),
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": ((12, 0), None),
    "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition": ((12, 0), None),
    "NVIDIA GB10": ((12, 1), None),
    "DGX Spark": ((12, 1), None),
    "Jetson AGX Orin": ((8, 7), None),
    "Orin (nvgpu)": ((8, 7), None),
    "NVIDIA Thor": ((11, 0), None),
}

NOT_FOUND = [
    "RTX 6000",  # Quadro RTX 6000 7.5, RTX 6000 Ada 8.9, RTX PRO 6000 12.0
    "RTX 5000",
    "RTX 4000",
    "NVIDIA RTX 4000",
    "RTX 4500",
    "6000",
    "TITAN X",  # Maxwell 5.2, Pascal 6.1
    "NVIDIA TITAN X",
    "TITAN",
    "GTX 4090",
    "RTX 1080",
    "Tesla 1080",
    "GeForce A100",
    "A1000000",
    "A1",
    "H1000",
    "L400",
    "RTX 40900",
    "GTX 960 Mobile",  # the 960M is of another capability
    "RTX 3050 A Laptop GPU",
    "NVIDIA GeForce RTX 2050",
    "GTX",
    "RTX",
    "GeForce",
    "NVIDIA",
    "Tesla",
    "Quadro",
    "Ada",
    "80GB",
    "SXM4",
    "MIG 1g.5gb",
    "Laptop GPU",
    "8.6",
    "sm_86",
    "86",
    "unknown",
    "none",
    "all",
    "",
    " ",
    "A100, H100",
    "Radeon RX 7900",
    "\uff21\uff11\uff10\uff10",
    "A100" * 100,
]


@pytest.mark.parametrize("text", FOUND)
def test_a_gpu_is_found_however_it_is_written(text):
    gpu = find_gpu(text)
    assert gpu is not None
    assert (gpu.capability, gpu.data_center) == FOUND[text]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_is_not_certain_is_not_found(text):
    assert find_gpu(text) is None


def test_names_that_begin_alike_are_kept_apart():
    names = [
        "A2",
        "A2000",
        "A10",
        "A100",
        "A10G",
        "A16",
        "T4",
        "T400",
        "L4",
        "L40",
        "L40S",
        "P4",
        "P40",
        "P400",
    ]
    found = [find_gpu(name) for name in names]
    assert [gpu and gpu.name.split()[-1] for gpu in found] == names


@pytest.mark.parametrize("gpu", known_gpus(), ids=lambda gpu: gpu.name)
@pytest.mark.parametrize("write", [str, str.upper, str.lower, "NVIDIA {}".format, " {} ".format])
def test_every_gpu_is_found_by_its_own_name(gpu, write):
    assert find_gpu(write(gpu.name)) == gpu


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text):
    gpu = find_gpu(text)
    assert gpu is None or gpu in known_gpus()
    assert capability_of(text) is None or len(capability_of(text)) == 2


PIECES = [
    "NVIDIA",
    "RTX",
    "GTX",
    "A100",
    "80GB",
    "6000",
    "Ada",
    "Ti",
    "1080",
    "Laptop",
    "GPU",
    "MIG",
    "T4",
    "-",
    "Q",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join))
def test_no_mix_of_real_pieces_breaks_the_search(text):
    gpu = find_gpu(text)
    assert gpu is None or gpu in known_gpus()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.6", (8, 6)),
        ("86", (8, 6)),
        ("sm_86", (8, 6)),
        ("SM_86", (8, 6)),
        ("sm86", (8, 6)),
        ("compute_86", (8, 6)),
        ("sm_90a", (9, 0)),
        ("90a", (9, 0)),
        ("sm_100f", (10, 0)),
        ("12.0", (12, 0)),
        ("120", (12, 0)),
        ("103", (10, 3)),
        (" 7.5 ", (7, 5)),
        ("13.0", (13, 0)),  # newer than the table: believed
        ("8.5", None),  # within the table, and not in it
        ("750", None),
        ("4090", None),
        ("21.0", None),
        ("99", None),
        ("0.0", None),
        ("8", None),
        ("8.10", None),
        ("-8.6", None),
        ("sm_", None),
        ("", None),
        ("8.6.1", None),
        ("\uff18.\uff16", None),
    ],
)
def test_a_capability_is_read(text, expected):
    assert capability_of(text) == expected


@pytest.mark.parametrize(
    ("capability", "first_branch", "last_branch", "jetson"),
    [
        ((12, 1), 575, None, False),
        ((12, 0), 570, None, False),
        ((11, 0), None, None, True),
        ((10, 7), 615, None, False),
        ((10, 0), 570, None, False),
        ((9, 0), 520, None, False),
        ((8, 9), 520, None, False),
        ((8, 7), None, None, True),
        ((8, 6), 455, None, False),
        ((8, 0), 450, None, False),
        ((7, 5), 410, None, False),
        ((7, 2), None, "unknown", True),
        ((7, 0), 384, 580, False),
        ((6, 1), 367, 580, False),
        ((6, 0), 367, 580, False),
        ((5, 2), None, 580, False),  # CUDA 6.5 is older than the table of drivers
        ((3, 7), None, 470, False),
        ((2, 0), None, 390, False),
    ],
)
def test_which_drivers_know_a_gpu(capability, first_branch, last_branch, jetson):
    known = architecture(capability)
    assert known is not None
    assert (known.first_branch, known.last_branch, known.jetson) == (first_branch, last_branch, jetson)


@pytest.mark.parametrize(
    ("capability", "first", "last"),
    [
        ((12, 0), "12.8", None),
        ((9, 0), "11.8", None),
        ((8, 6), "11.1", None),
        ((7, 2), "9.1", "12.9"),
        ((7, 0), "9.0", "12.9"),
        ((3, 7), "6.0", "11.8"),
        ((3, 0), "6.0", "10.2"),
    ],
)
def test_which_toolkits_compile_for_a_gpu(capability, first, last):
    known = architecture(capability)
    assert known is not None
    assert (known.first_toolkit, known.last_toolkit) == (first, last)


def test_architectures_are_newest_first_and_unknown_ones_none():
    capabilities = [row.capability for row in architectures()]
    assert capabilities == sorted(capabilities, reverse=True)
    assert len(capabilities) == 26
    assert architecture((8, 5)) is None
    assert architecture((10, 7)).gpus == ()


def test_cuda_compat_works_on_data_centre_boards_only():
    flags = {gpu.name: gpu.data_center for gpu in known_gpus()}
    assert all(flag is False for name, flag in flags.items() if name.startswith(("GeForce", "TITAN")))
    assert all(flag is True for name, flag in flags.items() if name.startswith("Tesla"))
    assert all(
        flag is None for name, flag in flags.items() if name.startswith(("RTX", "Quadro RTX", "Jetson"))
    )
    plain = [name for name in flags if name.startswith("Quadro") and not name.startswith("Quadro RTX")]
    assert plain
    assert all(flags[name] is False for name in plain)
