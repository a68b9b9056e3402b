"""95 % intervals by bootstrap over groups: the photos of one physical tile are drawn together or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS, SEED = 2000, 5
TAIL = 0.025
"""On either side."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ratio_interval(numerators: Floats, denominators: Floats, groups: Ints) -> tuple[float, float]:
    """Of sum(numerators) / sum(denominators), one value each a photo.

    Where all photos agree (ratio 0 or 1) every draw gives the same and a bootstrap would claim certainty: the
    far bound is then the exact binomial one, with the groups as trials (Clopper and Pearson 1934).
    """
    ratio = numerators.sum() / denominators.sum()
    of_group = _by_group(groups)
    if ratio in (0.0, 1.0):
        bound = float(TAIL ** (1 / len(of_group)))
        return (bound, 1.0) if ratio == 1.0 else (0.0, 1 - bound)
    drawn = _draws(len(of_group), SEED)
    return _quantiles((drawn @ (of_group @ numerators)) / np.maximum(drawn @ (of_group @ denominators), 1e-9))


def auroc(good: Floats, defective: Floats) -> float:
    """Chance that a defective part is more suspicious than a good one; ties count half."""
    return float(_wins(good, defective).mean())


def auroc_interval(good: Floats, good_groups: Ints, defective: Floats, defective_groups: Ints) -> tuple[float, float]:
    """Good and defective groups are drawn each on their own."""
    rows, columns = _by_group(defective_groups), _by_group(good_groups)
    wins = rows @ _wins(good, defective) @ columns.T
    of_rows, of_columns = _draws(len(rows), SEED), _draws(len(columns), SEED + 1)
    pairs = (of_rows @ rows.sum(axis=1)) * (of_columns @ columns.sum(axis=1))
    return _quantiles(np.einsum("dr,rc,dc->d", of_rows, wins, of_columns, optimize=True) / pairs)


def _wins(good: Floats, defective: Floats) -> Floats:
    difference = defective[:, None] - good[None, :]
    return np.asarray(np.where(difference == 0, 0.5, difference > 0), np.float64)


def _by_group(groups: Ints) -> Floats:
    """group × photo, 1 where the photo is of the group: a product with it sums by group."""
    return np.asarray(np.unique(groups)[:, None] == groups[None, :], np.float64)


def _draws(groups: int, seed: int) -> Floats:
    """draw × group: how often each group was drawn, as many in all as there are."""
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=DRAWS).astype(np.float64)


def _quantiles(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (TAIL, 1 - TAIL))
    return float(low), float(high)
