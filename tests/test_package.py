"""The installed files, public names, and the examples in docstrings."""

import doctest
import importlib
import importlib.metadata
import pkgutil
import re
from pathlib import Path

import pytest

import skmlp

ROOT = Path(__file__).parent.parent


def test_the_installed_files_are_complete():
    installed = {str(file) for file in importlib.metadata.files("skmlp") or ()}
    if any("editable" in file for file in installed):
        pytest.skip("an editable installation has no files of its own")
    source = {str(p.relative_to(ROOT)) for p in (ROOT / "skmlp").rglob("*.py")}
    assert source <= installed
    assert "skmlp/py.typed" in installed
    assert not any(file.startswith(("tests/", "examples/")) for file in installed)
    assert Path(skmlp.__file__).parent != ROOT / "skmlp"


def test_version_and_public_names():
    assert importlib.metadata.version("skmlp") == skmlp.__version__
    assert set(skmlp.__all__) == {
        "KerasClassifier",
        "KerasRegressor",
        "LearningRateDisplay",
        "LossCurveDisplay",
        "MLPAutoencoder",
        "MLPClassifier",
        "MLPRegressor",
        "TabularClassifier",
        "TabularRegressor",
        "WeightHistogramDisplay",
        "WideDeepClassifier",
        "WideDeepRegressor",
        "__version__",
        "find_learning_rate",
        "skops_trusted_types",
        "to_keras",
    }


@pytest.mark.parametrize(
    "name", ["skmlp", *(m.name for m in pkgutil.walk_packages(skmlp.__path__, "skmlp."))]
)
def test_docstring_examples(name):
    if name.startswith("skmlp.onnx"):
        pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_public_docstrings_name_every_parameter():
    for cls in (skmlp.MLPClassifier, skmlp.MLPRegressor, skmlp.MLPAutoencoder):
        documented = re.findall(r"^(\w+) : ", cls.__doc__, flags=re.M)
        assert "{" not in re.sub(r"\{class: weight\}|\\\w+\{.*", "", cls.__doc__)
        assert list(cls().get_params()) != []
        assert set(cls().get_params()) <= set(documented)
