"""Which iterations of a logistic regression deserve bits: scikit-learn's breast cancer data, gradients in few bits.

    pip install scikit-learn && python examples/logistic_bits.py

Prints, for two budgets, how far from the floating-point result a descent with rounded gradients ends.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import hwgen

STEP, ITERATIONS, RIDGE = 0.5, 40, 0.01


def main() -> None:
    data = load_breast_cancer()
    features = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    labels = np.where(data.target == 1, 1.0, -1.0)

    def gradient(w: np.ndarray) -> np.ndarray:
        pull = labels / (1 + np.exp(labels * (features @ w)))
        return RIDGE * w - features.T @ pull / len(features)

    def accuracy(w: np.ndarray) -> float:
        return float(np.mean(np.sign(features @ w) == labels))

    start = np.zeros(features.shape[1])
    print(
        f"{'bits of a coordinate':>20}  {'ranges':<7}{'uniform':>10}{'allocated':>11}{'stochastic':>12}{'accuracy':>10}"
    )
    for bits in (3, 6):
        for zoom in (False, True):
            budget = bits * ITERATIONS * start.size
            # Where the dead zone rules, a search on the rounded descent itself gains over the closed form.
            search = 40 if bits == 3 and not zoom else 0
            plan = hwgen.descent.schedule(gradient, start, STEP, ITERATIONS, budget, zoom=zoom, evaluations=search)
            random = hwgen.descent.schedule(gradient, start, STEP, ITERATIONS, budget, zoom=zoom, rounding="stochastic")
            end = plan.descend(gradient, start, STEP)[-1]
            print(
                f"{bits:>20}  {'zoom' if zoom else 'fixed':<7}{plan.baselines['uniform']:>10.2g}{plan.error:>11.2g}"
                f"{random.error:>12.2g}{accuracy(end):>10.3f}"
            )


if __name__ == "__main__":
    main()
