"""Shared by autoencoders: the rows are their own targets; layers may be trained one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.arrays import encode_training_rows
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Matrix, dense
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.base import BaseNetwork
from skmlp._kinds.activation_functions import numpy_activation
from skmlp._kinds.activations import canonical
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.spec import NetworkSpec
from skmlp._parameters.other_names import explains_names
from skmlp._parameters.rules import activations, layer_units
from skmlp._sklearn import fit_context
from skmlp._training.greedy import train_layers
from skmlp._training.job import Job

if TYPE_CHECKING:
    from typing_extensions import Self

    from skmlp._engine.fit import Measure

# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = ("n_features_in_", "feature_names_in_", "n_outputs_")


class BaseAutoencoder(BaseNetwork):
    """Fitting, and the network that the parameters describe."""

    _learned_from_data = LEARNED
    _of_shapes = (
        "'hidden_layer_sizes', 'decoder_layer_sizes', 'tied_weights' and activations with "
        "weights"
    )

    # Fitting

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        sample_weight_val: Any = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: int | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, finite; converted once to float32. Sparse rows stay sparse if at most
            2% of their values are not zero; as targets, those of a batch are made dense.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. A weight of 2 equals repeating the row, apart from
            noise and masking.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows, measured after every epoch; the best epoch's weights are kept.
            With `transform_input=["X_val"]`, a `Pipeline` transforms them like X.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows of `X_val`.
        epochs : int, default=None
            Overrides the parameter `epochs` for this call.
        batch_size : int or "auto", default=None
            Overrides the parameter `batch_size` for this call.
        callbacks : list of keras.callbacks.Callback, default=None
            Overrides the parameter `callbacks` for this call.
        verbose : int, default=None
            Overrides the parameter `verbose` for this call.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid. An estimator that was fitted before stays
            as it was.
        """
        if X_val is None and sample_weight_val is not None:
            raise ValueError(
                "'sample_weight_val' must be given together with X_val; got weights without "
                "rows; pass X_val too."
            )
        validation_set = None if X_val is None else (X_val, None, sample_weight_val)
        return self._fit(
            X, None, sample_weight, validation_set, epochs, batch_size, callbacks, verbose
        )

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on the given rows, resuming from the weights learned so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        is_new = not self.__sklearn_is_fitted__()
        if self.greedy and is_new:
            raise ValueError(
                "'greedy' must be False for the first partial_fit, which trains one epoch of "
                "the whole network; got True; call fit first."
            )
        with all_or_nothing(self):
            return self._partial_fit(X, None, sample_weight, reset_target=is_new)

    def _train(self, job: Job, fit_data: dict, verbose: int) -> Self:
        """Train the layers first, with `greedy`, unless there are weights to resume from."""
        resumes = job.start or (job.checkpoint and job.checkpoint.saved)
        if not self.greedy or resumes:
            return super()._train(job, fit_data, verbose)
        if job.checkpoint and not self.fine_tune:
            raise ValueError(
                "'checkpoint_dir' must be None with greedy=True and fine_tune=False, since "
                f"checkpoints are of the whole network; got {self.checkpoint_dir!r}; "
                "set fine_tune=True, or save the fitted estimator."
            )
        spec = job.spec
        assert isinstance(spec, AutoencoderSpec)
        layers = train_layers(
            job, type(self).__name__, self._validation_score, shows_bars=bool(verbose)
        )
        weights = spec.joined([layer.weights for layer in layers])
        if self.fine_tune:
            from skmlp._training.first_weights import Given  # imports TensorFlow

            return super()._train(replace(job, first=Given(weights)), fit_data, verbose)
        of_last = layers[-1].training
        training = replace(
            of_last, optimizer_name="", optimizer=(), now=None, kept=None, plateau=None
        )
        has_validation = job.validation is not None
        self._keep(
            FittedNetwork(spec, weights, training),
            has_validation=has_validation,
            earlier=self._earlier(job),
        )
        return self

    # Hooks of the base class

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[Matrix, Matrix]:
        rows = encode_training_rows(self, X, reset=reset)
        return rows, rows

    def _encode_target(self, y: Matrix, *, reset: bool) -> Matrix:
        if self._has_cross_entropy() and not (y.min() >= 0 and y.max() <= 1):
            raise ValueError(
                "'X' must lie in [0, 1] for a cross-entropy; got values from "
                f"{y.min():.4g} to {y.max():.4g}; scale X, or set loss='squared_error'."
            )
        self.n_outputs_ = self.n_features_in_
        return y

    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        return target

    def _has_cross_entropy(self) -> bool:
        from skmlp._keras.losses import is_binary  # imports TensorFlow

        return is_binary(self.loss)

    def _output_layer(self) -> tuple[int, str]:
        is_cross_entropy = self._has_cross_entropy()
        natural = "sigmoid" if is_cross_entropy else "linear"
        activation = canonical(self.output_activation or natural)
        if is_cross_entropy and activation != "sigmoid":
            raise ValueError(
                "'output_activation' must be None or 'logistic' for a cross-entropy; got "
                f"{self.output_activation!r}; choose loss='squared_error' for other outputs."
            )
        return self.n_features_in_, activation

    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        return float(np.average(row_scores(data.y, predictions), weights=data.weight))

    def _validation_score(self, spec: NetworkSpec) -> Measure | None:
        from skmlp._engine.fit import MeanOfRows  # imports TensorFlow

        if self.scoring == "loss":
            return None
        activate = numpy_activation(spec.output_activation)
        return MeanOfRows(lambda rows, raw: row_scores(rows.y, activate(raw.copy())))

    def _spec(self) -> AutoencoderSpec:
        """The network that the parameters describe, for the learned features."""
        encoder = layer_units(
            "hidden_layer_sizes", self.hidden_layer_sizes, remedy="for example (64, 16)"
        )
        if not encoder:
            raise ValueError(
                "'hidden_layer_sizes' must hold at least the units of the code; got "
                f"{self.hidden_layer_sizes!r}; for example (64, 16)."
            )
        decoder = encoder[-2::-1]
        if self.decoder_layer_sizes is not None:
            own = layer_units("decoder_layer_sizes", self.decoder_layer_sizes)
            name = next((n for n in ("tied_weights", "greedy") if getattr(self, n)), None)
            if name and own != decoder:
                raise ValueError(
                    f"'decoder_layer_sizes' must mirror the encoder, {decoder}, with "
                    f"{name}=True; got {self.decoder_layer_sizes!r}; leave it None."
                )
            decoder = own
        hidden, code = self.activation, self.code_activation
        (hidden,) = activations(hidden, 1)
        (code,) = (hidden,) if code is None else activations(code, 1, "code_activation")
        _, output_activation = self._output_layer()
        return AutoencoderSpec(
            n_features=self.n_features_in_,
            encoder_units=encoder,
            decoder_units=decoder,
            activations=(hidden,) * (len(encoder) - 1) + (code,) + (hidden,) * len(decoder),
            output_activation=output_activation,
            is_tied=self.tied_weights,
            noise_std=float(self.noise_std),
            masking=float(self.masking),
            activity_l1=float(self.activity_l1),
        )


def row_scores(X: Matrix, predictions: np.ndarray) -> np.ndarray:
    """Minus the mean squared error of each reconstructed row, (n_samples,)."""
    return -np.square(predictions - dense(X)).mean(axis=1)
