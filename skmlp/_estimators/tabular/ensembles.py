"""How many networks the tabular estimators train, and which of them hold out rows."""

from __future__ import annotations

import math
from typing import NamedTuple


class Ensemble(NamedTuple):
    """The networks of an estimator."""

    n_networks: int
    # The mean of those that hold out the same rows is judged, since it predicts best when
    # each has trained for longer than is best for itself.
    n_of_fold: int
    units: int  # of each of three hidden layers
    # Sets of rows that judges hold out: networks which do not predict. They choose the epoch of
    # those that do, which are trained on all rows. 0: the networks hold out rows themselves.
    n_folds_of_judges: int = 0


Ensembles = tuple[tuple[float, Ensemble], ...]

# Rows up to which each is taken. On few rows networks differ much and take little time; on
# many, the last networks, and the last units, take much time for little gain.
HOLDING_OUT: Ensembles = (
    (1024, Ensemble(32, 4, 256)),
    (2048, Ensemble(16, 4, 256)),
    (8192, Ensemble(12, 4, 256)),
    (math.inf, Ensemble(6, 3, 224)),
)
WITH_JUDGES: Ensembles = (
    (2048, Ensemble(16, 4, 256, n_folds_of_judges=2)),
    (8192, Ensemble(8, 4, 256, n_folds_of_judges=1)),
    (math.inf, Ensemble(4, 3, 224, n_folds_of_judges=1)),
)
# Many inputs have many weights: they never take the first ensemble, which has most networks.
MANY_INPUTS = 150
# Sparse inputs have more: there are no more networks than for so many rows.
MIN_ROWS_OF_SPARSE = 8193


def ensemble_for(
    ensembles: Ensembles, n_rows: float, n_inputs: int, *, is_sparse: bool
) -> Ensemble:
    """The networks for so many rows."""
    if n_inputs > MANY_INPUTS:
        first_limit, _ = ensembles[0]
        n_rows = max(n_rows, first_limit + 1)
    if is_sparse:
        n_rows = max(n_rows, MIN_ROWS_OF_SPARSE)
    return next(ensemble for limit, ensemble in ensembles if n_rows <= limit)
