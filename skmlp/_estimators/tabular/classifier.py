"""`TabularClassifier`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from skmlp._data.arrays import output_dtype
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import dense
from skmlp._estimators.tabular.base import BaseTabular
from skmlp._estimators.tabular.calibration import log_losses, temperature
from skmlp._estimators.tabular.held_out import HeldOut
from skmlp._parameters.outputs import ClassWeightParameter
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.tabular import TabularParameters
from skmlp._targets.class_targets import ClassTargets


@with_parameters
class TabularClassifier(
    ClassifierMixin, ClassTargets, BaseTabular, ClassWeightParameter, TabularParameters
):
    """Ensemble of networks for classes or labels of any table, with nothing to prepare or tune.

    The networks have the layers of `TabularRegressor`'s, with other activations, first
    frequencies and learning rate. There are no judges: each group of networks holds out other
    rows, by which it chooses its epoch. Probabilities are averaged, after calibration by a
    temperature that is learned from the held-out rows.

    {parameters}

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X is a DataFrame whose names are all strings.
    classes_ : ndarray of shape (n_classes,)
        Classes, sorted, or numbers of the labels.
    n_outputs_ : int
        Number of outputs of a network.
    temperature_ : float
        Divisor of the raw outputs of each network before they become probabilities
        (Guo et al. 2017, https://arxiv.org/abs/1706.04599), between 0.5 and 8. It minimises
        the log loss, weighted as in training, of held-out rows, each predicted by the mean of
        the networks that held it out, or of the rows of `X_val`. 1 if no rows were held out.
    history_ : dict of str to list of float
        "loss", "val_loss" and "learning_rate" of each epoch, averaged over the networks.
    histories_ : list of dict of str to list of float
        The same for each network.
    n_iter_ : int
        Number of epochs that all networks have trained.
    stop_reasons_ : list of str
        Why the training of each network ended.

    See Also
    --------
    TabularRegressor : The same for numbers.
    MLPClassifier : One network, all of whose parts are parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmlp import TabularClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.uniform(size=200), "place": rng.choice(["a", "b"], 200)})
    >>> y = np.where((X["size"] > 0.5) & (X["place"] == "a"), "yes", "no")
    >>> classifier = TabularClassifier(2, epochs=8, random_state=0).fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    """

    _activation = "selu"
    _learning_rate = 0.04
    _joint_tolerance = 1.0  # classes gain a little from longer training
    _scales_of_few_columns = (0.1, 0.3, 1.0, 2.0)
    _scales_of_many_columns = (0.05, 0.1, 0.25, 0.5)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : {ndarray, csr_matrix} of shape (n_samples,) or (n_samples, n_labels)
            Labels, or an indicator matrix if the training targets were one, sparse if they
            were sparse.
        """
        predictions = self._mean(X)
        return self._target_type.labels(predictions)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities: the mean of the networks.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of `classes_`, or of each label if there
            are several. Float32 if X is a float32 array, otherwise float64.
        """
        predictions = self._mean(X)
        probability = self._target_type.probabilities(predictions)
        return probability.astype(output_dtype(X), copy=False)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            Natural logarithms of the probabilities that `predict_proba` returns.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _mean(self, X: Any) -> np.ndarray:
        return self._predictions(X).mean(axis=0, dtype=np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # Hooks of the base class

    def _loss(self) -> str:
        return "log_loss"

    def _joint_losses(self, raw: Mapping[EncodedData, np.ndarray]) -> np.ndarray:
        # A temperature will mend overconfidence, so it is no reason for an earlier epoch.
        return log_losses(raw, temperature(raw))

    def _calibrate(self, held_out: HeldOut) -> None:
        raw = self._held_out_outputs(held_out)
        self.temperature_ = temperature(raw) if raw else 1.0

    def _keras_model(self) -> Any:
        from skmlp._estimators.tabular.exported import classifier_model

        return classifier_model(self._members, self.temperature_)

    def _activated(self, raw: np.ndarray) -> np.ndarray:
        return super()._activated(raw / self.temperature_)

    def _encode(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> EncodedData:
        if reset:
            self.sparse_output_ = issparse(y)
        return super()._encode(X, dense(y), sample_weight, reset=reset)
