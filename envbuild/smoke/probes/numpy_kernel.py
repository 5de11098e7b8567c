"""numpy: a matrix product and a linear system through its BLAS, with known results."""


def check(device, tools):
    del device
    import numpy

    tools.package = f"numpy {numpy.__version__}"
    left, right, product = tools.sample
    if (numpy.array(left, dtype=float) @ numpy.array(right, dtype=float)).tolist() != product:
        return "failed", "numpy computes a wrong matrix product"
    solved = numpy.linalg.solve(numpy.array([[2.0, 1.0], [1.0, 3.0]]), numpy.array([3.0, 5.0])).tolist()
    if max(abs(solved[0] - 0.8), abs(solved[1] - 1.4)) > 1e-9:
        return "failed", "numpy solves a linear system wrongly"
    return "passed", f"{tools.package}: matrix product and linear system are right"
