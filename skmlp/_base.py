"""What the estimators share: `fit` from validation to fitted state, and predictions."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from skmlp._activations import numpy_activation
from skmlp._checkpoint import Checkpoint, checkpoint_path, digest, read
from skmlp._encoding import (
    EncodedData,
    check_total_weight,
    check_validation_rows,
    encode_features,
    encode_features_and_target,
    encode_weight,
    hold_out,
    output_dtype,
)
from skmlp._inference import hidden_outputs, raw_outputs
from skmlp._params import (
    COMMON_CONSTRAINTS,
    activations,
    dropout_rates,
    hidden_units,
    normalization,
    settings_text,
)
from skmlp._progress import EpochWatcher, ProgressBar, ScikitLearnCallbacks
from skmlp._sklearn import CallbackSupportMixin, fit_context
from skmlp._spec import NetworkSpec
from skmlp._state import FittedState

if TYPE_CHECKING:
    import keras
    from typing_extensions import Self

    from skmlp._metrics import Measure
    from skmlp._training import Job


class BaseMLP(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    ABC,
):
    """Fitting and raw outputs; a subclass says what targets and outputs mean."""

    _parameter_constraints: dict[str, list[Any]] = COMMON_CONSTRAINTS
    _y_is_numeric: bool
    _learned_from_data: tuple[str, ...]
    _state: FittedState
    label_smoothing: float = 0.0  # a parameter of classifiers
    history_: dict[str, list[float]]

    # What a subclass says

    @abstractmethod
    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        """Targets as the engine takes them; with `reset`, learn what they look like."""

    @abstractmethod
    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        """The reverse of `_encode_target`."""

    @abstractmethod
    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Weights of the rows after the estimator's own say."""

    @abstractmethod
    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        """Labels by which a hold-out is stratified, if it is."""

    @abstractmethod
    def _output_layer(self) -> tuple[int, str]:
        """Units and activation of the output layer."""

    @abstractmethod
    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        """`score`, from activated outputs of shape (n_samples, n_outputs)."""

    # Fitting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        validation_data: tuple | None = None,
        epochs: int | None = None,
        callbacks: Sequence[Any] | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, finite; converted once to dense float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: numbers for a regressor; labels of any type, or a binary indicator
            matrix for several labels at once, for a classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. A weight of 2 counts as the row twice.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows, measured after every epoch; the best epoch's weights are kept.
            In a `Pipeline` they pass the same transformers with
            `transform_input=["X_val"]`.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows of `X_val`.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Keras's way to give `X_val`, `y_val` and `sample_weight_val`.
        epochs : int, default=None
            For this call, in place of the parameter `epochs`.
        callbacks : list of keras.callbacks.Callback, default=None
            For this call, in place of the parameter `callbacks`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For data or parameters that cannot be trained on. An estimator that was fitted
            before is then as it was.
        """
        with all_or_nothing(self):
            start = self._state if self.warm_start and self.__sklearn_is_fitted__() else None
            seed = self._seed(start, self._saved_seed())
            is_new = start is None
            data = self._encode(X, y, sample_weight, reset=is_new, reset_target=is_new)
            held = one_validation_set(X_val, y_val, sample_weight_val, validation_data)
            validation = None
            if held is not None:
                validation = self._encode(
                    *held, reset=False, reset_target=False, weight_name="sample_weight_val"
                )
                check_validation_rows(validation.n_rows, "'X_val'")
            elif self.early_stopping:
                strata = self._strata(data.y)
                data, validation = hold_out(
                    data, self.validation_fraction, stratify=strata, seed=seed
                )
            job = self._job(start, seed, epochs=epochs, callbacks=callbacks)
            if self.checkpoint_dir is not None:
                job = replace(job, checkpoint=self._checkpoint(job, data, validation))
            return self._train(job, data, validation, {"X": X, "y": y})

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, *, reset_target: bool) -> Self:
        """One epoch over the given rows, from wherever training stands."""
        if self.early_stopping:
            raise ValueError(
                "'early_stopping' must be False for partial_fit, which trains one epoch a "
                "call; got True; score validation data between the calls instead."
            )
        start = self._state if self.__sklearn_is_fitted__() else None
        data = self._encode(X, y, sample_weight, reset=start is None, reset_target=reset_target)
        job = replace(self._job(start, self._seed(start), epochs=1), is_part=True)
        return self._train(job, data, None, {"X": X, "y": y})

    def _seed(self, start: FittedState | None, saved: int | None = None) -> int:
        """Seed of a fit: of the one it goes on with, or from `random_state`."""
        if start is not None:
            return start.progress.seed
        if saved is not None and not isinstance(self.random_state, Integral):
            return saved
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _encode(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        reset_target: bool,
        weight_name: str = "sample_weight",
    ) -> EncodedData:
        X, y = encode_features_and_target(self, X, y, reset=reset, y_numeric=self._y_is_numeric)
        target = self._encode_target(y, reset=reset_target)
        weight = self._row_weight(encode_weight(sample_weight, X), y)
        check_total_weight(weight, weight_name)
        return EncodedData(X, target, weight)

    def _job(
        self,
        start: FittedState | None,
        seed: int,
        *,
        epochs: int | None = None,
        callbacks: Sequence[Any] | None = None,
    ) -> Job:
        """What to train; refuses to go on with a network of another shape."""
        from skmlp._metrics import named_measures  # imports TensorFlow
        from skmlp._training import Job

        spec = self._spec()
        if start is not None and start.spec.weighted() != spec.weighted():
            raise ValueError(
                "'hidden_layer_sizes', 'n_hidden', 'n_neurons', 'normalization' and "
                "activations with weights must stay as they were to go on with trained "
                f"weights; got layers of {spec.shape()} units for {start.spec.shape()}; set "
                "warm_start=False to start afresh."
            )
        return Job(
            params=self,
            spec=spec,
            start=start,
            seed=seed,
            epochs=checked_epochs(self.epochs if epochs is None else epochs),
            callbacks=as_list(self.callbacks if callbacks is None else callbacks),
            score=self._validation_score(spec),
            metrics=named_measures(self.metrics, self, spec),
        )

    def _validation_score(self, spec: NetworkSpec) -> Measure | None:
        """What tells the best epoch; None for the loss."""
        from skmlp._metrics import scorer_measure

        if self.scoring == "loss":
            return None
        if self.scoring is not None:
            return scorer_measure(self.scoring, self, spec)
        activate = numpy_activation(spec.output_activation)
        return lambda data, raw: self._score_predictions(data, activate(raw.copy()))

    def _spec(self) -> NetworkSpec:
        """The network that the parameters describe, for the targets that were learned."""
        units = hidden_units(self.hidden_layer_sizes, self.n_hidden, self.n_neurons)
        n_outputs, output_activation = self._output_layer()
        return NetworkSpec(
            n_features=self.n_features_in_,
            hidden_units=units,
            activations=activations(self.activation, len(units)),
            dropout=dropout_rates(self.dropout, len(units)),
            n_outputs=n_outputs,
            output_activation=output_activation,
            normalization=normalization(self.normalization),
            input_dropout=float(self.input_dropout),
        )

    def _train(
        self, job: Job, data: EncodedData, validation: EncodedData | None, raw_data: dict
    ) -> Self:
        """Run the engine and store what it leaves behind."""
        from skmlp._training import train_network

        bar = ProgressBar(type(self).__name__, job.epochs) if self.verbose else None
        watchers: list[EpochWatcher] = [bar] if bar else []
        if getattr(self, "_skl_callbacks", None):
            watchers.append(ScikitLearnCallbacks(self, job, raw_data))
        with closing(bar) if bar else nullcontext():
            state, run = train_network(job, data, validation, watchers)

        earlier = self.history_ if job.start is not None else {}
        earlier_scores = getattr(self, "validation_scores_", None) if earlier else None
        self._state = state
        self.history_ = {
            name: earlier.get(name, []) + values for name, values in run.history.items()
        }
        self.loss_curve_ = self.history_["loss"]
        self.loss_ = self.loss_curve_[-1]
        self.n_iter_ = run.epochs
        # As in scikit-learn, what is not watched is None.
        self.best_loss_ = run.best_value if validation is None else None
        self.best_validation_score_ = max(run.scores, default=None)
        self.validation_scores_ = (earlier_scores or []) + run.scores if validation else None
        assert run.reason is not None  # training has ended
        self.stop_reason_ = run.reason.value
        if run.reason.is_mishap:
            warnings.warn(
                f"{type(self).__name__} stopped in epoch {self.n_iter_} and keeps its best "
                f"finite weights. {self.stop_reason_}",
                ConvergenceWarning,
                stacklevel=4,
            )
        return self

    # Checkpoints

    def load_checkpoint(self) -> Self:
        """Take the weights of the newest checkpoint in `checkpoint_dir`.

        It may be that of a fit which is still running in another process. The parameters of
        this estimator must be those of that fit.

        Returns
        -------
        self : object
            The estimator, fitted as far as the checkpoint was. With `ema_decay` it predicts
            with the averages.

        Raises
        ------
        ValueError
            If `checkpoint_dir` is None, or the checkpoint is one of other parameters.
        FileNotFoundError
            If there is no checkpoint yet.
        """
        if self.checkpoint_dir is None:
            raise ValueError(
                "'checkpoint_dir' must name the directory to load from; got None; set it to "
                "that of the fit."
            )
        path = checkpoint_path(self.checkpoint_dir)
        saved = read(path)
        if saved is None:
            raise FileNotFoundError(f"There is no checkpoint in {str(path.parent)!r} yet.")
        saved.check(settings_text(self), path)
        with all_or_nothing(self):
            for name, value in saved.learned().items():
                setattr(self, name, value)
            self._state = FittedState(self._spec(), saved.weights())
            self.history_ = saved.facts["history"]
            self.loss_curve_ = self.history_["loss"]
            self.loss_ = self.loss_curve_[-1]
            self.n_iter_ = len(self.loss_curve_)
        return self

    def _saved_seed(self) -> int | None:
        """The seed of a checkpoint there is to go on from."""
        if self.checkpoint_dir is None:
            return None
        saved = read(checkpoint_path(self.checkpoint_dir))
        return None if saved is None else int(saved.facts["settings"]["random_state"])

    def _checkpoint(
        self, job: Job, data: EncodedData, validation: EncodedData | None
    ) -> Checkpoint:
        """Where to save, and of what: all that decides the bits of the result."""
        held = (validation.X, validation.y, validation.weight) if validation else ()
        started = job.start.weights if job.start else ()
        settings = settings_text(self) | {
            "epochs": str(job.epochs),
            "random_state": str(job.seed),
            "X": digest([data.X]),
            "y": digest([data.y]),
            "sample_weight": digest([data.weight]),
            "validation data": digest(held),
            "weights of the warm start": digest(chain.from_iterable(started)),
        }
        return Checkpoint(
            path=checkpoint_path(self.checkpoint_dir),
            every=self.checkpoint_every,
            settings=settings,
            learned={k: v for k, v in learned(self).items() if k in self._learned_from_data},
        )

    # Predicting

    def hidden_output(self, X: Any, layer: int = -1) -> np.ndarray:
        """Activated outputs of a hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        layer : int, default=-1
            Which hidden layer, from 0 for the first; from -1 backwards for the last.

        Returns
        -------
        output : ndarray of shape (n_samples, units of the layer)
            Float32 if X is and else float64; nothing is dropped out.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        state = self._state_or_raise()
        n_hidden = len(state.spec.hidden_units)
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"'layer' must name one of the {n_hidden} hidden layers, from {-n_hidden} to "
                f"{n_hidden - 1}; got {layer}."
            )
        X_encoded = encode_features(self, X)
        return hidden_outputs(state, X_encoded, output_dtype(X), layer % n_hidden)

    def transform(self, X: Any) -> np.ndarray:
        """Activated outputs of the last hidden layer: features that the network has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        output : ndarray or DataFrame of shape (n_samples, units of the last hidden layer)
            `hidden_output(X)`, in the container that `set_output` asks for.
        """
        return self.hidden_output(X)

    @property
    def _n_features_out(self) -> int:
        return self._state_or_raise().spec.hidden_units[-1]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def _raw_outputs(self, X: Any) -> np.ndarray:
        """Outputs of the last layer before its activation, (n_samples, n_outputs)."""
        return raw_outputs(self._state_or_raise(), encode_features(self, X), output_dtype(X))

    def _predictions(self, X: Any) -> np.ndarray:
        """Activated outputs of the last layer, (n_samples, n_outputs)."""
        raw = self._raw_outputs(X)
        return numpy_activation(self._state.spec.output_activation)(raw)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The i-th kernel has shape (units of layer i, units of layer i + 1)."""
        return self._state_or_raise().kernels

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The i-th bias vector belongs to layer i + 1."""
        return self._state_or_raise().biases

    @property
    def model_(self) -> keras.Sequential:
        """A `keras.Model` with the fitted weights, built anew at each access.

        It gives what `predict` of a regressor or `predict_proba` of a classifier gives; of a
        binary classifier, the probability of the second class.
        """
        state = self._state_or_raise()
        try:
            from skmlp._network import build_model  # imports TensorFlow
        except ImportError as error:
            raise AttributeError(
                "'model_' needs TensorFlow, which failed to import."
            ) from error
        model = build_model(state.spec)
        model.set_weights(state.arrays)
        return model

    def _state_or_raise(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        """A fitted estimator leaves callbacks behind: they belong to the process of the fit."""
        state = super().__getstate__()
        return {**state, "callbacks": None} if "_state" in state else state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Give the estimator back what it had learned before, if the block raises."""
    before = learned(estimator)
    try:
        yield
    except BaseException:
        for name in learned(estimator):
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


def learned(estimator: BaseEstimator) -> dict[str, Any]:
    """The attributes that fitting sets."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name == "_state" or (name.endswith("_") and not name.startswith("_"))
    }


def one_validation_set(
    X_val: Any, y_val: Any, sample_weight_val: Any, validation_data: Any
) -> tuple[Any, Any, Any] | None:
    """(X, y, sample_weight) from scikit-learn's names or from Keras's, or None."""
    if validation_data is not None:
        if X_val is not None or y_val is not None or sample_weight_val is not None:
            raise ValueError(
                "'validation_data' must not be given beside X_val, y_val or "
                "sample_weight_val; got both; drop one of the two."
            )
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError(
                "'validation_data' must be a tuple (X, y) or (X, y, sample_weight); got "
                f"{type(validation_data).__name__}."
            )
        X_val, y_val, sample_weight_val = (*validation_data, None)[:3]
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        raise ValueError(
            "'X_val' and 'y_val' must be given together; got only one of them, or weights "
            "without rows."
        )
    return None if X_val is None else (X_val, y_val, sample_weight_val)


def checked_epochs(epochs: Any) -> int:
    if not isinstance(epochs, Integral) or epochs < 1:
        raise ValueError(f"'epochs' must be a whole number, at least 1; got {epochs!r}.")
    return int(epochs)


def as_list(callbacks: Any) -> list[Any]:
    """Keras callbacks as a list, from None, one of them, or several."""
    if callbacks is None:
        return []
    several = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for callback in several:
        if not (hasattr(callback, "on_epoch_end") and hasattr(callback, "set_model")):
            raise ValueError(
                f"'callbacks' must hold objects of keras.callbacks.Callback; got {callback!r}."
            )
    return several
