"""ONNX export: importing this module lets skl2onnx convert the estimators of skmlp.

After the import, `skl2onnx.to_onnx` and `skl2onnx.convert_sklearn` take fitted estimators of
skmlp, alone, in pipelines, and inside scikit-learn's meta-estimators. It also registers
scikit-learn's `TransformedTargetRegressor`, unless skl2onnx or somebody else has done so.

Examples
--------
>>> import numpy as np
>>> from skl2onnx import to_onnx
>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> import skmlp.onnx
>>> from skmlp import MLPClassifier
>>> X, y = load_iris(return_X_y=True)
>>> X = X.astype(np.float32)
>>> pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), epochs=2)).fit(X, y)
>>> model = to_onnx(pipeline, X[:1], options={"zipmap": False})
>>> [output.name for output in model.graph.output]
['label', 'probabilities']
"""

try:
    import skl2onnx as _skl2onnx  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"skmlp.onnx needs skl2onnx, which failed to import ({error}); "
        "install skmlp with its extra 'onnx'."
    ) from error

from skmlp.onnx._registration import register

register()
