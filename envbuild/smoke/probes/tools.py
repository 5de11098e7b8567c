"""What the probes share: known results, and words for what was right or wrong. Runs inside the image.

`verdict.py` makes one `Tools` and hands it to the probe's `check(device, tools)`.
"""

# ruff: noqa: F821  the parts of a probe are one script when they run: see __init__.py


class Failed(Exception):  # noqa: N818  it says what happened
    """A check that failed, said in one line for people."""


class Tools:
    """Known results to compare with, a list of the GPUs that were right, and words for what went wrong.

    sample   two matrices of small whole numbers and their product, worked out here: exact in any float format
    package  what is tested ("torch 2.8.0"); `cuda` what it was made with ("12.8"); `holds` its device code
             ("sm_80 sm_90 compute_90"), a list; the probe fills them in as soon as it knows them
    """

    def __init__(self):
        self.sample = known_product(48)
        self.package = ""
        self.cuda = ""
        self.holds = []
        self.right = []

    def near(self, made, known, part):
        """Whether nested lists are the same but for `part` of the largest known number."""
        made, known = flat(made), flat(known)
        allowed = part * max(abs(number) for number in known)
        return len(made) == len(known) and all(abs(a - b) <= allowed for a, b in zip(made, known))  # noqa: B905  strict is not in Python 3.6

    def on_gpu(self, number, name, capability, work):
        """Run `work()` on one GPU: it returns what was wrong, "" for nothing. `capability` is (8, 6) or None.

        Raises Failed with the GPU's name, and with what to do if `work` raised something that is known.
        """
        import time
        import traceback

        code = f" ({capability[0]}.{capability[1]})" if capability else ""
        where = f"GPU {number} {name}{code}"
        doubt = self.unserved(capability)
        if doubt:
            print(f"{where}: {doubt}", flush=True)  # before the kernel, should it take the process down
        begun = time.time()
        try:
            wrong = work()
        except Exception as error:
            traceback.print_exc()
            raise Failed(f"{self.package} on {where}: {self.explain(error, doubt)}") from None
        if wrong:
            raise Failed(f"{self.package} computes a wrong {wrong} on {where}; {self.versions()}")
        self.right.append((name + code, time.time() - begun, doubt))

    def unserved(self, capability):
        """Why no code in `holds` serves a GPU; "" when some does, or nothing is known."""
        if not capability or not self.holds:
            return ""
        if any(serves(code, tuple(capability)) for code in self.holds):
            return ""
        major, minor = capability
        cubins = f"sm_{major}0 to sm_{major}{minor}" if minor else f"sm_{major}0"
        return (
            f"{self.package} holds device code for {' '.join(self.holds)}, and this GPU needs {cubins}, or"
            f" PTX of compute_{major}{minor} or less: take a build that was made for it, or another GPU"
        )

    def passed(self, what):
        """The verdict of what was right on all GPUs; `what` names the parts ("product and gradient")."""
        groups = {}
        for name, seconds, doubt in self.right:
            groups.setdefault((name, doubt), []).append(seconds)
        parts = []
        for (name, doubt), times in groups.items():
            many = f"{len(times)} x " if len(times) > 1 else ""
            low, high = f"{min(times):.2f}", f"{max(times):.2f}"
            span = low if low == high else f"{low} to {high}"
            parts.append(f"{many}{name} in {span} s{f' (although {doubt})' if doubt else ''}")
        return "passed", f"{self.package}: {what} are right on {', '.join(parts)}; {self.versions()}"

    def versions(self):
        """Driver and CUDA: `driver 550.54.15 (CUDA 12.4), made with CUDA 12.8`."""
        newest = driver_cuda()
        driver = f"driver {driver_version() or 'unknown'}{f' (CUDA {newest})' if newest else ''}"
        return f"{driver}, made with CUDA {self.cuda}" if self.cuda else driver

    def no_gpu(self, error=""):
        """The verdict where a GPU is there and the package cannot use it; `error`: what it said itself."""
        why = driver_trouble(self.versions()) or (self.explain(error) if error else "")
        made = f" (CUDA {self.cuda})" if self.cuda else ""
        return "failed", f"{self.package}{made} cannot use the GPU{f': {why}' if why else ''}"

    def explain(self, error, doubt=""):
        """An error in one line, and what to do if that is known; `doubt` as `unserved` gave it."""
        text = str(error)
        said = short(text if isinstance(error, str) else f"{type(error).__name__}: {text}")
        advice = doubt or advice_for(text, self.versions())
        return f"{said}; {advice}" if advice else said


def known_product(size):
    """Two matrices and their product, of whole numbers from -288 to 288."""
    steps = range(size)
    left = [[(7 * i + 3 * j) % 5 - 2 for j in steps] for i in steps]
    right = [[(2 * i + 5 * j) % 7 - 3 for j in steps] for i in steps]
    product = [[sum(left[i][k] * right[k][j] for k in steps) for j in steps] for i in steps]
    return left, right, product


def known_convolution(size, channels, made):
    """A picture [channels][y][x], weights [made][channels][3][3], and their convolution without border."""
    steps, window, inner = range(size), range(3), range(size - 2)
    picture = [[[(5 * c + 3 * y + 7 * x) % 9 - 4 for x in steps] for y in steps] for c in range(channels)]
    weights = [
        [[[(3 * o + 2 * c + 5 * y + x) % 7 - 3 for x in window] for y in window] for c in range(channels)]
        for o in range(made)
    ]
    taps = [(c, v, u) for c in range(channels) for v in window for u in window]
    result = [
        [[sum(picture[c][y + v][x + u] * kernel[c][v][u] for c, v, u in taps) for x in inner] for y in inner]
        for kernel in weights
    ]
    return picture, weights, result


def flat(nested):
    if not isinstance(nested, (list, tuple)):
        return [nested]
    return [number for item in nested for number in flat(item)]


def short(text, most=240):
    """The first line, cut where it gets too long for one."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= most else line[: most - 3] + "..."


def serves(code, capability):
    """Whether "sm_86", "sm_90a", "sm_100f" or "compute_90" serves a GPU of `capability`; odd words do not.

    A cubin serves its own major from its own minor on, PTX every GPU from its number on; the suffix a ties
    code to one capability, f to a family.
    """
    import re

    found = re.match(r"(sm|compute)_(\d+)(\d)([af]?)$", code)
    if not found:
        return False
    made_for, suffix = (int(found.group(2)), int(found.group(3))), found.group(4)
    if suffix == "a":
        return made_for == capability
    if found.group(1) == "compute" and not suffix:
        return made_for <= capability
    return made_for[0] == capability[0] and made_for[1] <= capability[1]
