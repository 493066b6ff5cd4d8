"""Constructors, rules and documentation follow from parameters that are declared once."""

import dataclasses
import inspect
import pickle
import re
import typing

import numpy as np
import pytest
from sklearn.base import clone

from skmlp import (
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._parameters.parameter import parameter, parameters_of, with_parameters
from skmlp._parameters.ranges import POSITIVE

ESTIMATORS = [
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
]


@with_parameters
class Tempered(MLPClassifier):
    """A classifier with one more parameter.

    {parameters}
    """

    temperature: float = parameter(
        default=1.0,
        rule=[POSITIVE, None],
        types="float or None",
        text="""
        Divisor of the raw outputs;
        above 0.
        """,
    )
    epochs: int = parameter(default=3, rule=[POSITIVE], types="int", text="Few.")


class TestAnAddedParameter:
    def test_signature(self):
        added = inspect.signature(Tempered).parameters["temperature"]
        assert (added.default, added.kind) == (1.0, added.KEYWORD_ONLY)
        assert added.annotation is float
        *inherited, last = inspect.signature(Tempered).parameters
        assert inherited == list(inspect.signature(MLPClassifier).parameters)
        assert last == "temperature"
        assert "temperature" not in inspect.signature(MLPClassifier).parameters

    def test_values(self):
        assert Tempered().get_params()["temperature"] == 1.0
        tempered = Tempered((5,), temperature=2.0)
        assert clone(tempered).temperature == 2.0
        assert pickle.loads(pickle.dumps(tempered)).temperature == 2.0
        assert repr(tempered) == "Tempered(hidden_layer_sizes=(5,), temperature=2.0)"
        assert tempered.set_params(temperature=0.5).temperature == 0.5
        with pytest.raises(TypeError, match="'temper' is not a parameter of Tempered; its"):
            Tempered(temper=1)

    @pytest.mark.parametrize("value", [0.0, "warm"])
    def test_rule(self, value, iris):
        message = "'temperature' parameter of Tempered must be a float in the range "
        with pytest.raises(ValueError, match=message):
            Tempered(temperature=value).fit(*iris)

    def test_documentation(self):
        entry = (
            "temperature : float or None, default=1.0\n    Divisor of the raw outputs;\n    "
        )
        assert f"\n{entry}above 0." in Tempered.__doc__
        assert (
            "\nhidden_layer_sizes : int or sequence of int, default=(100,)\n"
            in Tempered.__doc__
        )

    def test_a_parameter_that_is_declared_again(self):
        assert Tempered().epochs == 3
        assert MLPClassifier().epochs == 200
        assert "\nepochs : int, default=3\n    Few.\n" in Tempered.__doc__


@pytest.mark.parametrize("cls", ESTIMATORS)
class TestEstimators:
    def test_signature(self, cls):
        first, *others = inspect.signature(cls).parameters.values()
        assert (first.name, first.kind) == ("hidden_layer_sizes", first.POSITIONAL_OR_KEYWORD)
        assert {one.kind for one in others} == {first.KEYWORD_ONLY}
        defaults = {one.name: one.default for one in (first, *others)}
        assert cls().get_params() == defaults == vars(cls())
        assert inspect.signature(cls.__init__).return_annotation is None
        assert typing.get_type_hints(cls.__init__).keys() == {*defaults, "return"}
        with pytest.raises(TypeError, match=rf"{cls.__name__}.__init__\(\) takes from 1 to 2 "):
            cls((5,), 3)

    def test_each_parameter_has_a_rule_and_documentation(self, cls):
        names = list(inspect.signature(cls).parameters)
        assert list(cls._parameter_constraints) == names
        section = cls.__doc__.partition("Parameters\n---")[2].partition("Attributes\n---")[0]
        assert re.findall(r"^(\w+) : .*default=", section, flags=re.M) == names

    def test_type_checkers_see_the_same_parameters(self, cls):
        """They treat all annotated names in a decorated class as parameters."""
        decorated = [base for base in cls.__mro__ if "_parameter_constraints" in vars(base)]
        seen = {name for base in decorated for name in inspect.get_annotations(base)}
        assert seen == parameters_of(cls).keys()

    def test_a_missing_value_is_not_the_default(self, cls):
        estimator = cls()
        for name in cls().get_params():
            delattr(estimator, name)
        with pytest.raises(AttributeError, match=f"{cls.__name__}' object has no .* 'epochs'"):
            estimator.epochs  # noqa: B018

    def test_estimators_are_no_dataclasses(self, cls):
        """Libraries would treat a fitted dataclass as the values of its parameters."""
        assert not dataclasses.is_dataclass(cls)


def test_fitted_estimators_with_equal_parameters_are_told_apart(sine):
    dask = pytest.importorskip("dask.base", reason="dask is not installed")
    X, y = sine
    settings = {"hidden_layer_sizes": (8,), "epochs": 1, "random_state": 0}
    fitted, other = (MLPRegressor(**settings).fit(X, t) for t in (y, -y))
    assert np.any(fitted.predict(X) != other.predict(X))
    assert dask.tokenize(fitted) != dask.tokenize(other)


def test_a_parameter_needs_an_annotation():
    with pytest.raises((KeyError, RuntimeError), match="temperature"):

        class Unknown(MLPRegressor):
            temperature = parameter(default=1.0, rule=[], types="float", text="")
