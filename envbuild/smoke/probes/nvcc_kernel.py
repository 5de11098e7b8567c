"""nvcc: compiles a small program, and runs it on each GPU: a product of matrices of whole numbers, exact."""

PROGRAM = r"""
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
#define SIZE 48

__global__ void multiply(const int *left, const int *right, int *made) {
    int row = blockIdx.x, column = threadIdx.x, sum = 0;
    for (int k = 0; k < SIZE; ++k) sum += left[row * SIZE + k] * right[k * SIZE + column];
    made[row * SIZE + column] = sum;
}

static void must(cudaError_t error) {
    if (error == cudaSuccess) return;
    std::printf("error\t%s: %s\n", cudaGetErrorName(error), cudaGetErrorString(error));
    std::exit(0);
}

int main() {
    static int left[SIZE * SIZE], right[SIZE * SIZE], made[SIZE * SIZE];
    for (int i = 0; i < SIZE; ++i)
        for (int j = 0; j < SIZE; ++j) {
            left[i * SIZE + j] = (7 * i + 3 * j) % 5 - 2;
            right[i * SIZE + j] = (2 * i + 5 * j) % 7 - 3;
        }
    int devices = 0;
    must(cudaGetDeviceCount(&devices));
    for (int device = 0; device < devices; ++device) {
        int *in1, *in2, *out;
        must(cudaSetDevice(device));
        must(cudaMalloc((void **)&in1, sizeof left));
        must(cudaMalloc((void **)&in2, sizeof right));
        must(cudaMalloc((void **)&out, sizeof made));
        must(cudaMemcpy(in1, left, sizeof left, cudaMemcpyHostToDevice));
        must(cudaMemcpy(in2, right, sizeof right, cudaMemcpyHostToDevice));
        multiply<<<SIZE, SIZE>>>(in1, in2, out);
        must(cudaGetLastError());
        must(cudaMemcpy(made, out, sizeof made, cudaMemcpyDeviceToHost));
        int wrong = 0;
        for (int i = 0; i < SIZE; ++i)
            for (int j = 0; j < SIZE; ++j) {
                int sum = 0;
                for (int k = 0; k < SIZE; ++k) sum += left[i * SIZE + k] * right[k * SIZE + j];
                wrong += sum != made[i * SIZE + j];
            }
        std::printf("%s\t%d\n", wrong ? "wrong" : "right", device);
        std::fflush(stdout);
    }
    return 0;
}
"""


def check(device, tools):
    import re
    import subprocess
    import tempfile
    import time

    nvcc = find_nvcc()
    if not nvcc:
        return "failed", "the image has no nvcc; take a base with it: cuda: {flavour: devel}"
    said = subprocess.run([nvcc, "--version"], stdout=subprocess.PIPE, check=False).stdout.decode()
    found = re.search(r"release (\d+\.\d+)(?:, V([\d.]+))?", said)
    tools.package = f"nvcc {found.group(2) or found.group(1)}" if found else "nvcc"
    tools.cuda = found.group(1) if found else ""
    gpus = driver_devices() if device == "gpu" else []  # noqa: F821  from driver.py
    if device == "gpu" and not gpus:
        return tools.no_gpu()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.time()
        wrong = compiled(nvcc, folder, sorted({capability for _, capability in gpus}))
        if wrong:
            return "failed", f"{tools.package} does not compile a kernel: {wrong}"
        if device == "cpu":
            seconds = time.time() - begun
            return "passed", f"{tools.package} compiles a kernel in {seconds:.1f} s (not run here)"
        for number, (name, capability) in enumerate(gpus):
            tools.on_gpu(number, name, capability, lambda number=number: run(folder, number))
    return tools.passed("the results of a compiled kernel")


def find_nvcc():
    import os
    import shutil

    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    return shutil.which("nvcc") or shutil.which("nvcc", path=f"{home}/bin")


def compiled(nvcc, folder, capabilities):
    """Why nvcc does not make the program; "" when it does. For `capabilities`, else for nvcc's own choice."""
    import pathlib
    import subprocess
    import sys

    pathlib.Path(folder, "smoke.cu").write_text(PROGRAM)
    argv = [nvcc, "-o", f"{folder}/smoke", f"{folder}/smoke.cu"]
    for major, minor in capabilities:
        argv += ["-gencode", f"arch=compute_{major}{minor},code=sm_{major}{minor}"]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = ended.stdout.decode(errors="replace")
    sys.stderr.write(text)
    if not ended.returncode:
        return ""
    lines = [line.strip() for line in text.splitlines() if "error" in line.lower() or "fatal" in line.lower()]
    said = short(lines[0] if lines else text) or f"exit code {ended.returncode}"  # noqa: F821  from tools.py
    if "nsupported gpu architecture" in said:
        return f"{said}; this nvcc is too old or too new for the GPU: take another CUDA (envbuild preflight)"
    if "host compiler" in text or "gcc" in said or "g++" in said or "cc1plus" in said:
        return f"{said}; nvcc needs a C++ compiler that it knows: apt: [g++]"
    return said


def run(folder, number):
    """What comes out wrong on GPU `number`; "" when it is right. Raises RuntimeError with CUDA's words."""
    import os
    import subprocess

    # One GPU a run: the driver's order, and what is visible already counts.
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else []
    environ = dict(os.environ, CUDA_VISIBLE_DEVICES=names[number] if number < len(names) else str(number))
    ended = subprocess.run([f"{folder}/smoke"], env=environ, stdout=subprocess.PIPE, check=False)
    word, _, rest = ended.stdout.decode(errors="replace").strip().partition("\t")
    if word == "error":
        raise RuntimeError(rest)
    if ended.returncode or word not in ("right", "wrong"):
        raise RuntimeError(f"the program ended with code {ended.returncode} and said {word or 'nothing'}")
    return "" if word == "right" else "matrix product"
