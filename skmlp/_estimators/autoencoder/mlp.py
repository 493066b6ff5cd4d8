"""`MLPAutoencoder`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from skmlp._data.arrays import encode_weight, output_dtype
from skmlp._estimators.autoencoder.base import BaseAutoencoder, row_scores
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.inference import decoded, predictions, raw_outputs
from skmlp._parameters.autoencoder import AutoencoderParameters, AutoencoderTrainingParameters
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.texts import with_shared_parts

MAX_VALUES = 2**24  # of reconstructed rows that are compared at once


@with_shared_parts
@with_parameters
class MLPAutoencoder(BaseAutoencoder, AutoencoderTrainingParameters, AutoencoderParameters):
    r"""Autoencoder: a network that reconstructs its input from a code.

    The encoder makes a code of each row, and the decoder makes the row from the code. Trained
    on the rows alone, without labels, it compresses them (`transform`), removes noise from
    them (`reconstruct`), and finds those that are unlike the others (`score_samples`).

    Minimises, over the weights of the encoder :math:`f` and the decoder :math:`g`,

    .. math::
        \frac{1}{\sum_i s_i} \sum_i s_i \left( L(x_i, g(f(\tilde x_i)))
        + \lambda \lVert f(\tilde x_i) \rVert_1 \right)
        + \lambda_1 \sum |W| + \lambda_2 \sum W^2

    with the sample weights :math:`s`, the loss :math:`L` (`loss`), the corrupted row
    :math:`\tilde x` (`noise_std` and `masking`; the row itself without them), the penalty
    :math:`\lambda` of the code (`activity_l1`), and those of the kernels, :math:`\lambda_1`
    (`l1`) and :math:`\lambda_2` (`l2`).

    {parameters}

    Attributes
    ----------
    n_outputs_ : int
        Number of reconstructed features, as `n_features_in_`.
    n_encoder_layers_ : int
        Layers of the encoder, with that of the code: the first kernels of `coefs_`.
    {attributes}

    See Also
    --------
    sklearn.decomposition.PCA : The best linear code of squared errors.
    MLPClassifier : Multilayer perceptron for classes and labels.

    Notes
    -----
    Standardise the features, or scale them to [0, 1], so that each contributes equally to the
    loss.

    With `tied_weights`, `coefs_` and `intercepts_` hold the encoder's arrays.

    With validation data, the weights of the best epoch are kept (the later of two equally good
    epochs); without it, those of the last epoch. A loss that is not finite ends training with a
    `ConvergenceWarning`, and Ctrl-C ends it with a warning: both keep the best weights so far.
    Ctrl-C while `greedy` trains the layers one by one ends `fit` without a result.

    References
    ----------
    .. [1] Vincent et al. 2008, "Extracting and composing robust features with denoising
       autoencoders", https://doi.org/10.1145/1390156.1390294
    .. [2] Vincent et al. 2010, "Stacked denoising autoencoders",
       https://jmlr.org/papers/v11/vincent10a.html
    .. [3] Bengio et al. 2007, "Greedy layer-wise training of deep networks",
       https://proceedings.neurips.cc/paper/2006/hash/5da713a690c067105aeb2fae32403405-Abstract.html
    .. [8] Loshchilov and Hutter 2016, "SGDR", https://arxiv.org/abs/1608.03983
    .. [9] Smith and Topin 2017, "Super-Convergence", https://arxiv.org/abs/1708.07120

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skmlp import MLPAutoencoder
    >>> X = scale(load_iris().data)
    >>> autoencoder = MLPAutoencoder((8, 2), batch_size=32, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (150, 2)
    >>> bool(autoencoder.score(X) > -0.1)  # minus the mean squared error
    True
    """

    @property
    def n_encoder_layers_(self) -> int:
        """Number of layers of the encoder, with that of the code."""
        return len(self._fitted_spec().encoder_units)

    @property
    def _n_features_out(self) -> int:
        return self._fitted_spec().encoder_units[-1]

    def transform(self, X: Any) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_codes)
            Codes, float32 if X is float32, otherwise float64, in the container chosen by
            `set_output`.
        """
        return self.hidden_output(X, len(self._fitted_spec().encoder_units) - 1)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_codes)
            Codes, as `transform` gives them.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Reconstructed rows, float32 if the codes are float32, otherwise float64.
        """
        spec = self._fitted_spec()
        dtype = output_dtype(X)
        codes = check_array(X, dtype=dtype, input_name="X")
        if codes.shape[1] != spec.encoder_units[-1]:
            raise ValueError(
                f"'X' must have a column for each of the {spec.encoder_units[-1]} units of the "
                f"code; got {codes.shape[1]} columns; decode what 'transform' returns."
            )
        raw = decoded(spec, self._state.weights, codes, dtype, spec.code)
        return predictions(spec, raw)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Reconstruct rows: `inverse_transform(transform(X))`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, perhaps noisy ones.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Reconstructed rows, float32 if X is float32, otherwise float64.
        """
        return self._predictions(X)  # one pass, without the codes

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus the mean squared error of each reconstructed row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            At most 0; lower scores mean more unusual rows.
        """
        state, rows = self._state_or_raise(), self._encode_features(X)
        dtype, size = output_dtype(X), max(MAX_VALUES // rows.shape[1], 1)
        scores = []
        for start in range(0, rows.shape[0], size):
            chunk = rows[start : start + size]
            raw = raw_outputs(state.spec, state.weights, chunk, dtype)
            scores.append(row_scores(chunk, predictions(state.spec, raw)))
        return np.concatenate(scores)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean of `score_samples`: minus the mean squared error of the reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            At most 0, for a perfect reconstruction.
        """
        scores = self.score_samples(X)
        return float(np.average(scores, weights=encode_weight(sample_weight, scores)))

    def _fitted_spec(self) -> AutoencoderSpec:
        spec = self._state_or_raise().spec
        assert isinstance(spec, AutoencoderSpec)
        return spec
