"""The few names of scikit-learn that are not in its public documentation.

They are imported here and nowhere else, so that a new release of scikit-learn is met in
one file.
"""

from __future__ import annotations

import sys

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


# Of 1.6 and later; in others, Keras objects would be printed by their address.
PRINTERS = (
    "sklearn.utils._pprint",
    "sklearn.utils._repr_html",
    "sklearn.utils._estimator_html_repr",
)


def is_printing() -> bool:
    """Whether scikit-learn's printers call the function that calls this one.

    They ask an estimator inside another one for `get_params`, and never for its `repr`.
    """
    caller = sys._getframe(2)
    module = caller.f_globals.get("__name__", "")
    return module.startswith(PRINTERS) or caller.f_code.co_name == "_get_params_html"


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
    "is_printing",
]
