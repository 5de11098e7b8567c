"""torch: a matrix product, a convolution and a gradient, on the CPU or on each GPU, with known results.

Product and gradient are of whole numbers and must be exact; the convolution, in float32 without TF32, may
be off by 1/10000 of the largest number; the product in bfloat16, where the GPU has it, by 1/128.
"""


def check(device, tools):
    import os

    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    import torch

    tools.package = f"torch {torch.__version__}"
    if device == "cpu":
        wrong = kernels(torch, tools, "cpu")
        if wrong:
            return "failed", f"torch computes a wrong {wrong} on the CPU"
        return "passed", f"{tools.package}: product, convolution and gradient are right on CPU"
    tools.cuda = torch.version.cuda or ""
    if not torch.cuda.is_available():
        if not tools.cuda:
            hip = getattr(torch.version, "hip", None)
            kind = f"build for ROCm {hip}" if hip else "CPU build"
            return "failed", f"{tools.package} is a {kind}: ask for CUDA (pip: {{torch_backend: cu128}}, say)"
        return tools.no_gpu(refusal(torch))
    # What is_available counts is not yet started; get_arch_list is there from torch 1.5 on.
    tools.holds = list(getattr(torch.cuda, "get_arch_list", list)())
    for part in (getattr(torch.backends.cuda, "matmul", None), torch.backends.cudnn):
        if hasattr(part, "allow_tf32"):
            part.allow_tf32 = False
    with_bf16 = []
    for number in range(torch.cuda.device_count()):
        name, capability = torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number)

        def work(number=number, capability=capability):
            with torch.cuda.device(number):
                wrong = kernels(torch, tools, f"cuda:{number}")
                if not wrong and has_bf16(torch, capability):
                    with_bf16.append(number)
                    wrong = bf16_product(torch, tools, f"cuda:{number}")
            return wrong

        tools.on_gpu(number, name, capability, work)
    if not with_bf16:
        return tools.passed("product, convolution and gradient")
    some = "" if len(with_bf16) == len(tools.right) else f" (GPU {', '.join(map(str, with_bf16))})"
    return tools.passed(f"product, convolution, gradient and bf16 product{some}")


def refusal(torch):
    """What torch says when it is made to start CUDA."""
    try:
        torch.cuda.init()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def kernels(torch, tools, where):
    """What comes out wrong on the device `where`; "" when all is right."""
    left, right, product = tools.sample
    numbers = {"dtype": torch.float32, "device": where}
    made = torch.tensor(left, **numbers) @ torch.tensor(right, **numbers)
    if made.tolist() != product:
        return "matrix product"
    picture, weights, known = known_convolution(16, 4, 8)  # noqa: F821  from tools.py
    made = torch.nn.functional.conv2d(torch.tensor([picture], **numbers), torch.tensor(weights, **numbers))
    if not tools.near(made.tolist(), [known], 1e-4):
        return "convolution"
    point = torch.tensor([1.0, 2.0, 3.0], device=where, requires_grad=True)
    (point * point).sum().backward()
    return "" if point.grad.tolist() == [2.0, 4.0, 6.0] else "gradient"


def has_bf16(torch, capability):
    """Whether a GPU computes in bfloat16 itself: for older ones some torch says yes, in software."""
    return capability[0] >= 8 and getattr(torch.cuda, "is_bf16_supported", bool)()


def bf16_product(torch, tools, where):
    left, right, product = tools.sample
    numbers = {"dtype": torch.bfloat16, "device": where}
    made = torch.tensor(left, **numbers) @ torch.tensor(right, **numbers)
    return "" if tools.near(made.float().tolist(), product, 1 / 128) else "matrix product in bfloat16"
