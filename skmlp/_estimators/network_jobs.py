"""The job of a fit: what an estimator hands over to training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.checkpointed import CheckpointedNetwork
from skmlp._kinds.activation_functions import numpy_activation
from skmlp._network.spec import NetworkSpec
from skmlp._parameters.fit_arguments import as_list, checked_batch, checked_count
from skmlp._parameters.rules import check_objects
from skmlp._training.job import SETTINGS, Job

if TYPE_CHECKING:
    from skmlp._engine.fit import Measure
    from skmlp._training.first_weights import First


class Plan(NamedTuple):
    """The network of a fit, and how it is trained."""

    spec: NetworkSpec
    settings: dict[str, Any]  # of `Settings`, by name
    metrics: Any
    first: First | None  # not used by a fit that resumes


class NetworkJobs(CheckpointedNetwork):
    """Makes the job of a fit from the parameters of an estimator."""

    kernel_initializer: Any
    metrics: Any
    _of_shapes: str  # the parameters that decide the shapes of weights

    @abstractmethod
    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        """`score`, computed from activated outputs of shape (n_samples, n_outputs)."""

    def _job(
        self,
        data: EncodedData,
        validation: EncodedData | None,
        start: FittedNetwork | None,
        seed: int,
        *,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        callbacks: Sequence[Any] | None = None,
        holds_out: bool = False,
        is_part: bool = False,
    ) -> Job:
        """The job of a fit; refuses to resume with a network of another shape."""
        from skmlp._keras.tensorflow import refuse_forked_process
        from skmlp._training.metrics import named_measures  # imports TensorFlow
        from skmlp._training.monitors import with_modes

        refuse_forked_process()
        check_objects(self)
        plan = self._plan(data if start is None else None, seed)
        spec, reused = self._with_reuse(plan.spec, start)
        before = spec if start is None else start.spec
        if before != spec and before.weighted() != spec.weighted():
            raise ValueError(
                f"{self._of_shapes} must stay as they were to resume from trained weights; got "
                f"{_difference(spec, before)}; set warm_start=False to start afresh."
            )
        epochs = self.epochs if epochs is None else checked_count("epochs", epochs)
        watching = as_list(self.callbacks if callbacks is None else callbacks)
        return Job(
            spec=spec,
            data=data,
            validation=validation,
            start=start,
            seed=seed,
            epochs=epochs,
            horizon=self.epochs if is_part else epochs,
            batch_size=checked_batch(self.batch_size if batch_size is None else batch_size),
            callbacks=with_modes(watching, plan.metrics, spec) if watching else [],
            score=self._validation_score(spec),
            metrics=named_measures(plan.metrics, self, spec),
            holds_out=holds_out,
            is_part=is_part,
            first=plan.first,
            reused=reused,
            **plan.settings,
        )

    def _plan(self, data: EncodedData | None = None, seed: int = 0) -> Plan:
        """The rows are given for a fit that starts afresh, with its seed."""
        from skmlp._training.first_weights import DrawnKernels  # imports TensorFlow

        first = DrawnKernels(self.kernel_initializer)
        return Plan(self._spec(), self._settings(), self.metrics, first)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SETTINGS if hasattr(self, name)}

    def _validation_score(self, spec: NetworkSpec) -> Measure | None:
        """The score that selects the best epoch; None for the loss."""
        from skmlp._training.metrics import scorer_measure

        if self.scoring == "loss":
            return None
        if self.scoring is not None:
            return scorer_measure(self.scoring, self, spec)
        activate = numpy_activation(spec.output_activation)
        return lambda data, raw: self._score_predictions(data, activate(raw.copy()))


def _difference(spec: NetworkSpec, before: NetworkSpec) -> str:
    """How the layers with weights differ from those before."""
    if spec.shape() != before.shape():
        return f"layers of {spec.shape()} units for {before.shape()}"
    new, old = (dict(one.weighted()) for one in (spec, before))
    if new.keys() != old.keys():
        return f"the layers {', '.join(new)} for {', '.join(old)}"
    differ = [name for name, settings in new.items() if settings != old[name]]
    return f"different settings for {', '.join(differ)}"
