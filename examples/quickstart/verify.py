"""A small piece of real work with every package of the quickstart: fit a model, check it, draw it."""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

SLOPE, OFFSET = 2.5, -1.0


def main() -> None:
    noise = np.random.default_rng(7)
    x = np.linspace(0, 10, 200)
    data = pd.DataFrame({"x": x, "y": SLOPE * x + OFFSET + noise.normal(0, 0.5, x.size)})

    model = LinearRegression().fit(data[["x"]], data["y"])
    slope, offset = float(model.coef_[0]), float(model.intercept_)
    assert abs(slope - SLOPE) < 0.1, slope
    assert abs(offset - OFFSET) < 0.3, offset

    axes = data.plot.scatter(x="x", y="y", s=4)
    axes.plot(x, model.predict(data[["x"]]), color="black")
    picture = Path(tempfile.gettempdir()) / "quickstart.png"
    plt.savefig(picture)
    assert picture.stat().st_size > 1000

    print(f"y = {slope:.2f} x {offset:+.2f}, drawn to {picture}")


if __name__ == "__main__":
    main()
