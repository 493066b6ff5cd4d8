"""The few names of scikit-learn that are not in its public documentation.

They are imported only here, so that a new release of scikit-learn affects one file.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from sklearn.base import BaseEstimator
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
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:  # scikit-learn < 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock

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


def diagram_block(estimator: BaseEstimator, caption: str | None) -> _VisualBlock:
    """An estimator in scikit-learn's diagrams, with a caption below its name."""
    return _VisualBlock(
        "single",
        estimator,
        names=type(estimator).__name__,
        name_details=str(estimator),
        name_caption=caption,
    )


def fitted_attributes(estimator: BaseEstimator, doc_link: str, *, leave_out: str) -> Any:
    """The table of fitted attributes in scikit-learn's diagrams, without one of them."""
    # `dir` would compute all attributes, to see which there are.
    names = [n for n in object.__dir__(estimator) if n.endswith("_") and not n.startswith("_")]
    shown = {
        name: getattr(estimator, name)
        for name in names
        if name != leave_out and hasattr(estimator, name)
    }
    table = BaseEstimator._get_fitted_attr_html(SimpleNamespace(**shown), doc_link)
    table.estimator_class = type(estimator)
    return table


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
    "diagram_block",
    "fit_context",
    "fitted_attributes",
    "is_first_call",
    "is_printing",
    "safe_indexing",
]
