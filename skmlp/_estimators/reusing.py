"""Networks that begin with trained layers, which `clone` and `set_params` leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from skmlp._checkpoints.digests import digest_of_layers
from skmlp._checkpoints.learned import shallow_copy
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.fitted import NetworkEstimator
from skmlp._estimators.pretrained import is_keras_model, reused_layers, trained_layers
from skmlp._network.layer_chain import Arrays
from skmlp._network.spec import NetworkSpec
from skmlp._parameters.parameter import parameters_of

if TYPE_CHECKING:
    from typing_extensions import Self


class _Kept(NamedTuple):
    """A value that scikit-learn's `clone` returns as it is."""

    value: Any

    def __sklearn_clone__(self) -> _Kept:
        return self


class ReusingNetwork(NetworkEstimator):
    """The parameter `pretrained`, and the first weights that follow from it."""

    pretrained: Any
    n_reused_layers: int | str | None
    n_frozen_layers: int

    @property
    def n_reused_layers_(self) -> int:
        """Layers, from the bottom, that began with the weights of `pretrained`."""
        return self._state_or_raise().spec.n_reused

    def __sklearn_clone__(self) -> Self:
        """An unfitted copy; scikit-learn's own would make `pretrained` unfitted too."""
        if "pretrained" not in self.get_params(deep=False):  # a subclass leaves it out
            return super().__sklearn_clone__()
        original = shallow_copy(self)
        original.pretrained = _Kept(self.pretrained)
        cloned = super(ReusingNetwork, original).__sklearn_clone__()
        cloned.pretrained = self.pretrained
        return cloned

    def __getstate__(self) -> dict[str, Any]:
        """Save a Keras model in `pretrained` as plain layers, if it is a stack."""
        state = super().__getstate__()
        if is_keras_model(state.get("pretrained")):
            try:
                return {**state, "pretrained": trained_layers(state["pretrained"])}
            except ValueError:
                return state
        return state

    def _reused_digest(self, spec: NetworkSpec) -> str:
        """A hash of the weights that a fit of this network takes from `pretrained`."""
        if getattr(self, "pretrained", None) is None:
            return "None"
        return digest_of_layers(reused_layers(self.pretrained, spec, self.n_reused_layers)[1])

    def _with_reuse(
        self, spec: NetworkSpec, start: FittedNetwork | None
    ) -> tuple[NetworkSpec, dict[str, Arrays]]:
        """The network with its reused and frozen layers, and the arrays to begin with.

        A fit that resumes begins with its own.
        """
        n_reused, arrays = 0, dict[str, Arrays]()
        if "pretrained" not in parameters_of(type(self)):
            return spec, arrays
        if start is not None:
            n_reused = start.spec.n_reused
        elif self.pretrained is not None:
            n_reused, arrays = reused_layers(self.pretrained, spec, self.n_reused_layers)
        n_known = min(n_reused, len(spec.hidden_units))
        if self.n_frozen_layers > n_known:
            raise ValueError(
                "'n_frozen_layers' must be at most the number of reused hidden layers, "
                f"{n_known}; got {self.n_frozen_layers}; reuse more layers, or freeze fewer."
            )
        n_frozen = int(self.n_frozen_layers)
        reusing = replace(spec, n_reused=n_reused, n_frozen=n_frozen)  # type: ignore[type-var]
        return reusing, arrays
