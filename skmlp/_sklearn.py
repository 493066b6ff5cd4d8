"""The few names of scikit-learn that are not in its public documentation.

They are imported only here, so that a new release of scikit-learn affects one file.
"""

from __future__ import annotations

import sys

from sklearn.base import _fit_context as fit_context
from sklearn.model_selection._search_successive_halving import (
    BaseSuccessiveHalving,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._indexing import _get_column_indices as column_indices
from sklearn.utils._optional_dependencies import check_matplotlib_support
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


# Modules of scikit-learn 1.6 and later; called from others, Keras objects print by address.
PRINTERS = (
    "sklearn.utils._pprint",
    "sklearn.utils._repr_html",
    "sklearn.utils._estimator_html_repr",
)


def is_printing() -> bool:
    """Whether the function that calls this one was called by scikit-learn's printers.

    Printers call `get_params` of a nested estimator, never its `repr`.
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
    "check_matplotlib_support",
    "check_sample_weight",
    "column_indices",
    "fit_context",
    "is_first_call",
    "is_printing",
    "safe_indexing",
]
