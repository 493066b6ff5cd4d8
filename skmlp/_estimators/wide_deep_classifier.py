"""`WideDeepClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._estimators.mlp_classifier import MLPClassifier
from skmlp._estimators.wide_deep import LEARNED, WIDE_DEEP_CONSTRAINTS, BaseWideDeep
from skmlp._parameters.texts import with_shared_sections


@with_shared_sections
class WideDeepClassifier(BaseWideDeep, MLPClassifier):
    """Wide & deep network for two classes, many classes, or several labels at once.

    Some columns go straight to the output (wide: simple rules), some through hidden layers
    first (deep: patterns), and both paths are trained together [10]_. The raw output is

    .. math::
        W_{wide}^T [x_{wide}, c(x)] + W_{deep}^T h(x_{deep}) + b

    with the crosses :math:`c` (`wide_crosses`) and the last hidden layer :math:`h`; the
    objective is that of `MLPClassifier`.

    Parameters
    ----------
    {wide_deep}
    {architecture}
    loss : str, keras.losses.Loss or callable, default="log_loss"
        As in `MLPClassifier`.
    label_smoothing : float, default=0.0
        As in `MLPClassifier`.
    class_weight : dict, list of dict, "balanced" or None, default=None
        As in `MLPClassifier`.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels; for an indicator matrix the numbers of its columns.
    y_type_ : str
        "binary", "multiclass" or "multilabel-indicator".
    n_outputs_ : int
        Number of outputs: 1 for two classes, else the number of classes or labels.
    {wide_deep_attributes}
    {attributes}

    See Also
    --------
    MLPClassifier : The same without a wide path.

    {notes}
    .. [10] Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems",
       https://arxiv.org/abs/1606.07792

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import WideDeepClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> classifier = WideDeepClassifier(
    ...     (20,), wide_features=[0, 1], aux_loss_weight=0.1, random_state=0
    ... )
    >>> pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    >>> bool(pipeline.score(X, y) > 0.95)
    True
    >>> [probability.shape for probability in classifier.predict_outputs(X)]
    [(569, 2), (569, 2)]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **MLPClassifier._parameter_constraints,
        **WIDE_DEEP_CONSTRAINTS,
    }
    _learned_from_data = (*MLPClassifier._learned_from_data, *LEARNED)

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
        loss: Any = "log_loss",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
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
            label_smoothing=label_smoothing,
            class_weight=class_weight,
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
        main, auxiliary : ndarray of shape (n_samples, n_classes)
            What `predict_proba` gives, and the same from the deep path alone.

        Raises
        ------
        ValueError
            If there is no auxiliary output.
        """
        main, auxiliary = self._predictions_of_outputs(X)
        return self._of_all_classes(main), self._of_all_classes(auxiliary)
