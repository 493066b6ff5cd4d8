"""Errors give the name of the parameter or column, and the remedy."""

import datetime
import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmlp import MLPClassifier, MLPRegressor, TabularRegressor, WideDeepRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0]
REGRESSOR = MLPRegressor((4,), epochs=2, random_state=0)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("max_iter", "use 'epochs'"),
        ("alpha", "use 'l2', which is not divided by .*"),
        ("solver", "use 'optimizer'"),
        ("learning_rate_init", "use 'learning_rate'"),
        ("validation_split", "use 'validation_fraction' with early_stopping=True"),
        ("colour", "its parameters are hidden_layer_sizes, .*, verbose"),
    ],
)
@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier, WideDeepRegressor])
def test_names_that_parameters_have_elsewhere(cls, name, remedy):
    message = f"^'{name}' is not a parameter of {cls.__name__}; {remedy}.$"
    with pytest.raises(TypeError, match=message):
        cls(**{name: 1})
    if name != "colour":
        with pytest.raises(ValueError, match=message):
            cls().set_params(**{name: 1})
        with pytest.raises(ValueError, match=message):
            GridSearchCV(cls(epochs=1), {name: [1]}, cv=2).fit(X, Y > 0)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("iterations", "use 'epochs'"),
        ("max_depth", "there are no trees here; use 'hidden_layer_sizes'"),
        ("cat_features", "use 'categorical_features'"),
        ("solver", "its parameters are .*"),  # there is no 'optimizer'
    ],
)
def test_names_of_trees(name, remedy):
    message = f"^'{name}' is not a parameter of TabularRegressor; {remedy}.$"
    with pytest.raises(TypeError, match=message):
        TabularRegressor(**{name: 1})
    with pytest.raises(ValueError, match=message):
        TabularRegressor().set_params(**{name: 1})
    with pytest.raises(TypeError, match="use 'X_val' and 'y_val'"):
        TabularRegressor().fit(X, Y, eval_set=[(X, Y)])


def test_the_constructor_keeps_its_signature():
    assert next(iter(inspect.signature(MLPRegressor).parameters)) == "hidden_layer_sizes"
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        MLPRegressor().set_params(colour=1)

    class WithMore(MLPRegressor):
        def __init__(self, hidden_layer_sizes=(4,), *, alpha=1, **others):
            super().__init__(hidden_layer_sizes, **others)
            self.alpha = alpha

    assert WithMore(alpha=2, epochs=1).epochs == 1


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("validation_split", "set early_stopping=True and 'validation_fraction'"),
        ("initial_epoch", "use warm_start=True"),
        ("colour", "its parameters are X, y, sample_weight, X_val"),
    ],
)
def test_arguments_of_fit_that_there_are_not(name, remedy):
    message = f"^'{name}' is not a parameter of MLPRegressor.fit; {remedy}"
    with pytest.raises(TypeError, match=message):
        clone(REGRESSOR).fit(X, Y, **{name: 1})
    with pytest.raises(TypeError, match=r"is not a parameter of MLPClassifier.partial_fit"):
        MLPClassifier().partial_fit(X, Y > 0, epochs=1)


def test_batch_size_and_verbose_of_one_call(capfd):
    whole = clone(REGRESSOR).set_params(batch_size=10).fit(X, Y)
    once = clone(REGRESSOR).fit(X, Y, batch_size=10)
    np.testing.assert_array_equal(whole.predict(X), once.predict(X))
    assert once.batch_size == "auto"
    capfd.readouterr()
    once.fit(X, Y, verbose=1)
    assert "MLPRegressor: 100%" in capfd.readouterr().err
    once.set_params(verbose=1).fit(X, Y, verbose=0)
    assert capfd.readouterr().err == ""
    for argument in (
        {"batch_size": 0},
        {"batch_size": "all"},
        {"verbose": -1},
        {"verbose": "x"},
    ):
        name = next(iter(argument))
        with pytest.raises(ValueError, match=f"'{name}' must be a whole number"):
            once.fit(X, Y, **argument)


DAYS = pd.date_range("2020-01-01", periods=40)
FRAME = pd.DataFrame(X, columns=list("abc"))
COLUMNS = {
    "text": (FRAME.assign(city="z", street="s"), "text in 'city', 'street'; encode text"),
    "objects": (FRAME.assign(city=pd.Series(["z"] * 40, dtype=object)), "text in 'city'"),
    "categories": (FRAME.assign(kind=pd.Categorical(["u", "v"] * 20)), "categories in 'kind'"),
    "both": (
        FRAME.assign(city="z", kind=pd.Categorical(["u", "v"] * 20)),
        "text in 'city' and categories in 'kind'",
    ),
    "dates": (FRAME.assign(day=DAYS), "dates in 'day'; turn dates into numbers"),
    "dates alone": (pd.DataFrame({"day": DAYS}), "dates in 'day'"),
    "durations": (FRAME.assign(age=DAYS - DAYS[0]), "dates in 'age'"),
    "many": (pd.DataFrame([list("abcdefgh")] * 40), "text in 0, 1, 2, 3, 4 and 3 more"),
    "polars": (
        pl.DataFrame({"a": Y, "city": ["z"] * 40, "day": [datetime.date(2020, 1, 1)] * 40}),
        "dates in 'day'",
    ),
    "polars text": (pl.DataFrame({"a": Y, "city": ["z"] * 40}), "text in 'city'"),
    "array": (np.array([["1", "z"]] * 40), "text in column 1"),
    "array of objects": (np.array([[1, "z"]] * 40, dtype=object), "text in column 1"),
    "list": ([[1, "z"]] * 40, "text in column 1"),
    "array of dates": (DAYS.to_numpy()[:, None], "dates in column 0"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_that_hold_no_numbers_are_named(case):
    rows, message = COLUMNS[case]
    with pytest.raises(ValueError, match=f"'X' must hold numbers; got {message}"):
        clone(REGRESSOR).fit(rows, Y)


def test_numbers_in_other_clothes_are_taken():
    plain = clone(REGRESSOR).fit(X, Y).predict(X)
    for rows in (X.astype(str), X.astype(object), pd.DataFrame(X.astype(str))):
        np.testing.assert_allclose(
            clone(REGRESSOR).fit(rows, Y).predict(rows), plain, rtol=1e-4
        )


def test_text_is_named_in_other_rows_too():
    fitted = clone(REGRESSOR).fit(FRAME, Y)
    text = FRAME.assign(b="z")
    with pytest.raises(ValueError, match="'X' must hold numbers; got text in 'b'"):
        fitted.predict(text)
    with pytest.raises(ValueError, match="'X_val' must hold numbers; got text in 'b'"):
        fitted.fit(FRAME, Y, X_val=text, y_val=Y)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((X[:, :2], Y), "X_val has 2 features, but .* expecting 3"),
        ((np.where(X > 1, np.nan, X), Y), "Input X_val contains NaN"),
        ((X, np.where(Y > 1, np.nan, Y)), "Input y_val contains NaN"),
        ((X, X[:, :2]), "'y_val' must have as many columns"),
        ((X, Y[:9]), "inconsistent numbers of samples"),
        ((X, Y, np.zeros(40)), "'sample_weight_val' must be positive|non-zero"),
        ((X, Y, np.full(40, 1e308)), "'sample_weight_val' must have a finite sum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_validation_data_are_called_by_their_names(validation, message):
    with pytest.raises(ValueError, match=message):
        clone(REGRESSOR).fit(X, Y, validation_data=validation)
