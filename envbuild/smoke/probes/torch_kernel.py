"""torch: a matrix product, a convolution and a gradient on the device, with known results."""


def check(device, sample):
    import torch

    where = "cpu"
    if device == "gpu":
        if not torch.cuda.is_available():
            built = torch.version.cuda or getattr(torch.version, "hip", None)
            if not built:
                return "failed", f"torch {torch.__version__} is a CPU build"
            return "failed", f"torch {torch.__version__} (CUDA {built}) cannot use the GPU"
        where = "cuda"
    left, right, product = sample
    made = torch.tensor(left, dtype=torch.float32, device=where) @ torch.tensor(
        right, dtype=torch.float32, device=where
    )
    if made.tolist() != product:
        return "failed", f"torch computes a wrong matrix product on {where}"
    picture = torch.ones((1, 1, 5, 5), device=where)
    weights = torch.ones((1, 1, 3, 3), device=where)
    if torch.nn.functional.conv2d(picture, weights).tolist() != [[[[9.0] * 3] * 3]]:
        return "failed", f"torch computes a wrong convolution on {where}"
    point = torch.tensor([1.0, 2.0, 3.0], device=where, requires_grad=True)
    (point * point).sum().backward()
    if point.grad.tolist() != [2.0, 4.0, 6.0]:
        return "failed", f"torch computes a wrong gradient on {where}"
    name = torch.cuda.get_device_name(0) if device == "gpu" else "CPU"
    return "passed", f"torch {torch.__version__}: product, convolution and gradient are right on {name}"
