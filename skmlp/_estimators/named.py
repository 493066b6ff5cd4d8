"""Parameters by name: errors give the name that is used here for one of another library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skmlp._parameters.other_names import (
    OF_CONSTRUCTORS,
    constructor_names,
    refuse_nested,
    refuse_other_names,
)
from skmlp._parameters.rules import check_rate

if TYPE_CHECKING:
    from typing_extensions import Self


class NamedParameters:
    """Refuses parameters that the estimator does not have, and says which one it has."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        known = constructor_names(cls)  # type: ignore[arg-type]
        if known is not None:
            refuse_other_names(cls.__name__, known, kwargs, OF_CONSTRUCTORS)
        return super().__new__(cls)

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            For names that are no parameters, as in scikit-learn.
        """
        refuse_nested(params)
        elsewhere = [name for name in params if name in OF_CONSTRUCTORS]
        if elsewhere:
            known = list(self.get_params(deep=False))  # type: ignore[attr-defined]
            name = type(self).__name__
            refuse_other_names(name, known, elsewhere, OF_CONSTRUCTORS, error=ValueError)
        return super().set_params(**params)  # type: ignore[misc]

    def _validate_params(self) -> None:
        check_rate(self)
        super()._validate_params()  # type: ignore[misc]
