"""The user's X, y and weights, checked and converted to float32 arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from skmlp._data.column_types import named_columns
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import MAX_ENTRIES, Matrix, canonical, dense, dense_if_full
from skmlp._sklearn import check_sample_weight

MIN_VALIDATION_ROWS = 2  # R² of a single row is not defined


def encode_features(estimator: Any, X: Any) -> Matrix:
    """Rows to predict as float32, dense or CSR, after scikit-learn's checks of values, columns
    and names.
    """
    # the check after the cast reports overflow
    with np.errstate(over="ignore", invalid="ignore"):
        if is_plain_array(estimator, X):
            rows = np.ascontiguousarray(X, dtype=np.float32)
            if np.isfinite(rows).all():
                return rows
        with named_columns(X):
            return validate_data(
                estimator, X, accept_sparse="csr", dtype=np.float32, order="C", reset=False
            )


def is_plain_array(estimator: Any, X: Any) -> bool:
    """Whether X is a plain array of the fitted width, of which only finiteness is unchecked.

    For a single row, scikit-learn's full checks take four times as long as the network.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.ndim == 2
        and X.shape[0] > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    )


def is_plain_target(y: Any, n_rows: int) -> bool:
    """Whether y is an array of finite numbers, of which there is nothing to check."""
    return (
        type(y) is np.ndarray
        and y.dtype.kind in "biuf"
        and y.ndim in (1, 2)
        and len(y) == n_rows
        and bool(np.isfinite(y).all())
    )


def output_dtype(X: Any) -> type[np.floating]:
    """Dtype of predictions, as in scikit-learn: float32 for float32 rows, otherwise float64."""
    # `dtype` of a frame would be a column of that name
    is_single = not hasattr(X, "columns") and getattr(X, "dtype", None) == np.float32
    return np.float32 if is_single else np.float64


def encode_features_and_target(
    estimator: Any, X: Any, y: Any, *, reset: bool, y_numeric: bool
) -> tuple[Matrix, np.ndarray]:
    """Float32 X, dense or CSR, and y as an array, after scikit-learn's checks of both."""
    # the check after the cast reports overflow
    with named_columns(X), np.errstate(over="ignore", invalid="ignore"):
        if not reset and is_plain_array(estimator, X) and is_plain_target(y, len(X)):
            rows = np.ascontiguousarray(X, dtype=np.float32)
            if np.isfinite(rows).all():
                return rows, y
        X, y = validate_data(
            estimator,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float32,
            order="C",
            multi_output=True,
            y_numeric=y_numeric,
            reset=reset,
        )
    return _sparse_to_train_on(X) if sparse.issparse(X) else X, dense(y)


def _sparse_to_train_on(X: Any) -> Matrix:
    rows = canonical(X)
    assert_all_finite(rows.data, input_name="X")  # sums of duplicates
    check_n_entries(rows, "train on parts of it with partial_fit")
    return dense_if_full(rows)


def check_n_entries(rows: Any, remedy: str) -> None:
    if rows.nnz > MAX_ENTRIES:
        raise ValueError(
            f"'X' must have at most {MAX_ENTRIES:,} values that are not zero; got "
            f"{rows.nnz:,}; {remedy}."
        )


def encode_training_rows(estimator: Any, X: Any, *, reset: bool) -> Matrix:
    """Float32 X, dense or CSR, after scikit-learn's checks."""
    with named_columns(X), np.errstate(over="ignore", invalid="ignore"):
        X = validate_data(
            estimator, X, accept_sparse="csr", dtype=np.float32, order="C", reset=reset
        )
    return _sparse_to_train_on(X) if sparse.issparse(X) else X


def as_columns(columns: Any) -> np.ndarray:
    """Arrays as columns, of objects if only some are numbers; an array as it is."""
    if not isinstance(columns, (list, tuple)):
        return np.asarray(columns)
    arrays = [np.asarray(column) for column in columns]
    if len({array.dtype.kind in "biuf" for array in arrays}) > 1:
        arrays = [array.astype(object) for array in arrays]
    return np.column_stack(arrays)


def encode_weight(sample_weight: Any, X: np.ndarray) -> np.ndarray:
    """Weights of the rows, finite and not negative; (n_samples,) float64."""
    if sample_weight is None:
        return np.ones(X.shape[0])
    return check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def check_total_weight(weight: np.ndarray) -> None:
    """Refuse weights that are all zero or whose sum overflows."""
    if not weight.any():
        raise ValueError(
            "'sample_weight' must be positive for at least one row, times the weight of its "
            f"class; got zero for all {weight.size} rows."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"'sample_weight' must have a finite sum; got weights up to {weight.max():.3g}; "
            "divide them all by a constant, which changes nothing else."
        )


def hold_out(
    data: EncodedData, fraction: float, *, stratify: np.ndarray | None, seed: int
) -> tuple[EncodedData, EncodedData]:
    """Training and validation rows: a seeded split, stratified where labels are given."""
    try:
        train, validation = train_test_split(
            np.arange(data.n_rows), test_size=fraction, stratify=stratify, random_state=seed
        )
    except ValueError as error:
        rare = ""
        if stratify is not None:
            labels, counts = np.unique(stratify, return_counts=True)
            single = labels[counts == 1].tolist()
            rare = f", with a single row of {', '.join(map(repr, single))}" if single else ""
        raise ValueError(
            f"'validation_fraction' must leave rows on both sides of the split and, for a "
            f"classifier, rows of every class; got {fraction} of {data.n_rows} rows of "
            f"positive weight{rare} ({error}); pass X_val and y_val instead."
        ) from error
    check_validation_rows(validation.size, f"'validation_fraction'={fraction}")
    return data.rows(train), data.rows(validation)


def check_validation_rows(n_rows: int, source: str) -> None:
    if n_rows < MIN_VALIDATION_ROWS:
        raise ValueError(
            f"{source} must give at least {MIN_VALIDATION_ROWS} validation rows, to be scored; "
            f"got {n_rows}; give more rows."
        )
