"""The few names of scikit-learn that are not in its public documentation.

They are imported here and nowhere else, so that a new release of scikit-learn is met in
one file.
"""

from __future__ import annotations

from sklearn.base import _fit_context as fit_context
from sklearn.model_selection._search_successive_halving import (
    BaseSuccessiveHalving,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.utils._indexing import _get_column_indices as column_indices
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.multiclass import _check_partial_fit_first_call as is_first_call
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's mixin where it does not exist."""


__all__ = [
    "BaseSuccessiveHalving",
    "CallbackSupportMixin",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "check_sample_weight",
    "column_indices",
    "fit_context",
    "is_first_call",
]
