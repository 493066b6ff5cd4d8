"""`to_keras`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    import keras


def to_keras(estimator: Any) -> keras.Model:
    """Make one Keras model of a fitted pipeline, from raw columns to predictions.

    It can be saved as a `.keras` file, exported to a SavedModel (`model.export`), converted to
    LiteRT (`tf.lite.TFLiteConverter`), or used as part of another Keras model. Such a file
    loads without skmlp and scikit-learn, unless the network has layers of `skmlp.layers`, as
    those of `TabularClassifier` and `TabularRegressor`: import that module first.

    Parameters
    ----------
    estimator : estimator of skmlp, Pipeline, TransformedTargetRegressor, or a search over these
        Fitted. The last step of a pipeline is an estimator of skmlp, and the steps before it
        are of these: StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, Normalizer,
        SimpleImputer, OneHotEncoder, OrdinalEncoder, ColumnTransformer, FeatureUnion, Pipeline,
        "passthrough", any feature selector of scikit-learn, a fitted MLP estimator or
        MLPAutoencoder of skmlp as a transformer, and FunctionTransformer without a function or
        with one of NumPy's `exp`, `expm1`, `log`, `log1p`, `sqrt`, `square` and `abs`. The
        transformer of a TransformedTargetRegressor is a scaler, or such functions.

    Returns
    -------
    model : keras.Model
        Not compiled. Its input is a float32 matrix of shape (n_samples, n_features) if the
        pipeline takes all columns as numbers. Otherwise it is a dict with an input of shape
        (n_samples, 1) for each column that is used, by the column's name (characters other
        than letters, digits, dots and underscores become underscores), or "x0", "x1" and so on
        for columns without names. Numbers are float32, NaN where missing; texts are strings,
        empty where missing; booleans are 0 and 1.

        Its output is what `predict_proba` of a classifier returns, one array for each output
        of a network of several; targets of a regressor in the units of y,
        (n_samples, n_outputs); and reconstructed rows of an autoencoder.

    Raises
    ------
    ValueError
        If a step cannot be expressed in Keras, before anything is built.

    Notes
    -----
    Predictions equal those of the pipeline up to float32 rounding, which includes that of the
    columns. A model cannot refuse a row: where the pipeline raises an error, for a missing
    number or an unknown category, predictions are NaN. (Tabular estimators take what an encoder
    before them refuses as missing.)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier, to_keras
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), random_state=0))
    >>> model = to_keras(pipeline.fit(X, y))
    >>> np.allclose(model.predict(X, verbose=0), pipeline.predict_proba(X), atol=1e-5)
    True
    """
    check_is_fitted(estimator)
    from skmlp._export.pipeline import model_of

    return model_of(estimator)
