"""`WideDeepRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._estimators.mlp_regressor import MLPRegressor
from skmlp._estimators.wide_deep import LEARNED, WIDE_DEEP_CONSTRAINTS, BaseWideDeep
from skmlp._parameters.texts import with_shared_sections


@with_shared_sections
class WideDeepRegressor(BaseWideDeep, MLPRegressor):
    """Wide & deep network for one or many numeric targets.

    Some columns go straight to the output (wide: simple rules), some through hidden layers
    first (deep: patterns), and both paths are trained together [10]_. The raw output is

    .. math::
        W_{wide}^T [x_{wide}, c(x)] + W_{deep}^T h(x_{deep}) + b

    with the crosses :math:`c` (`wide_crosses`) and the last hidden layer :math:`h`; the
    objective is that of `MLPRegressor`.

    Parameters
    ----------
    {wide_deep}
    {architecture}
    loss : str, keras.losses.Loss or callable, default="squared_error"
        As in `MLPRegressor`.
    output_activation : str, default=None
        As in `MLPRegressor`.
    normalize_y : bool, default=False
        As in `MLPRegressor`.
    {training}

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,) or None
        As in `MLPRegressor`.
    {wide_deep_attributes}
    {attributes}

    See Also
    --------
    MLPRegressor : The same without a wide path.

    {notes}
    .. [10] Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems",
       https://arxiv.org/abs/1606.07792

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import WideDeepRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> regressor = WideDeepRegressor(
    ...     (30, 30),
    ...     wide_features=["age", "sex", "bmi"],
    ...     deep_features=slice(2, 10),
    ...     wide_crosses=[("bmi", "bp")],
    ...     learning_rate=0.01,
    ...     random_state=0,
    ... )
    >>> regressor.fit(X, y / 100).predict(X).shape
    (442,)
    >>> [entry.name for entry in regressor.model_.inputs]
    ['wide_input', 'deep_input']
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **MLPRegressor._parameter_constraints,
        **WIDE_DEEP_CONSTRAINTS,
    }
    _learned_from_data = (*MLPRegressor._learned_from_data, *LEARNED)

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        wide_features: Any = None,
        deep_features: Any = None,
        wide_crosses: Any = None,
        wide_l1: float = 0.0,
        wide_l2: float = 0.0,
        wide_optimizer: Any = None,
        aux_loss_weight: float = 0.0,
        n_hidden: int | None = None,
        n_neurons: int | None = None,
        activation: Any = "relu",
        kernel_initializer: Any = "auto",
        normalization: Any = None,
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        loss: Any = "squared_error",
        output_activation: str | None = None,
        normalize_y: bool = False,
        l1: float = 0.0,
        l2: float = 0.0,
        optimizer: Any = "adam",
        learning_rate: float = 1e-3,
        learning_rate_schedule: Any = None,
        decay_rate: float | None = None,
        decay_steps: int | None = None,
        warmup_steps: int | None = None,
        momentum: float | None = None,
        nesterov: bool | None = None,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        ema_decay: float | None = None,
        batch_size: int | str | None = "auto",
        epochs: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        scoring: Any = None,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        metrics: Any = None,
        callbacks: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_every: int = 1,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            n_hidden=n_hidden,
            n_neurons=n_neurons,
            activation=activation,
            kernel_initializer=kernel_initializer,
            normalization=normalization,
            dropout=dropout,
            input_dropout=input_dropout,
            loss=loss,
            output_activation=output_activation,
            normalize_y=normalize_y,
            l1=l1,
            l2=l2,
            optimizer=optimizer,
            learning_rate=learning_rate,
            learning_rate_schedule=learning_rate_schedule,
            decay_rate=decay_rate,
            decay_steps=decay_steps,
            warmup_steps=warmup_steps,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            ema_decay=ema_decay,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=shuffle,
            early_stopping=early_stopping,
            scoring=scoring,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            metrics=metrics,
            callbacks=callbacks,
            checkpoint_dir=checkpoint_dir,
            checkpoint_every=checkpoint_every,
            random_state=random_state,
            verbose=verbose,
        )
        self.wide_features = wide_features
        self.deep_features = deep_features
        self.wide_crosses = wide_crosses
        self.wide_l1 = wide_l1
        self.wide_l2 = wide_l2
        self.wide_optimizer = wide_optimizer
        self.aux_loss_weight = aux_loss_weight

    def predict_outputs(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Predict by both outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        main, auxiliary : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            What `predict` gives, and the same from the deep path alone.

        Raises
        ------
        ValueError
            If there is no auxiliary output.
        """
        main, auxiliary = self._predictions_of_outputs(X)
        return self._one_or_many(main), self._one_or_many(auxiliary)
