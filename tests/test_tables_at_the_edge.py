"""Tables that trip up estimators: few rows, many columns, odd values, all dtypes at once."""

import datetime
import time
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from skmlp import TabularClassifier, TabularRegressor

SMALL = {
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "epochs": 2,
    "batch_size": 16,
    "random_state": 0,
}
N = 60
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc"))
Y = NUMBERS["a"].to_numpy()


@pytest.fixture(scope="module")
def regressor():
    return TabularRegressor(**SMALL).fit(NUMBERS, Y)


def fitted_and_in_range(X, y):
    regressor = TabularRegressor(**SMALL).fit(X, y)
    predicted = regressor.predict(X)
    assert ((predicted >= y.min()) & (predicted <= y.max())).all()
    return regressor


def test_columns_in_another_order_are_refused(regressor):
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        regressor.predict(NUMBERS[["b", "a", "c"]])


def test_the_same_columns_as_an_array(regressor):
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        predicted = regressor.predict(NUMBERS.to_numpy())
    np.testing.assert_array_equal(predicted, regressor.predict(NUMBERS))


def test_tables_of_arrow_and_lazy_ones_of_polars(regressor):
    pl = pytest.importorskip("polars")
    with pytest.raises(ValueError, match=r"'X' must be a table in memory; got a LazyFrame"):
        regressor.predict(pl.DataFrame(NUMBERS.to_dict("list")).lazy())
    pa = pytest.importorskip("pyarrow")
    predicted = regressor.predict(pa.table(NUMBERS.to_dict("list")))
    np.testing.assert_array_equal(predicted, regressor.predict(NUMBERS))


def test_a_row_is_predicted_alike_alone_and_among_many(regressor):
    """One row at once, a few, and so many that networks run in threads."""
    predicted = regressor.predict(NUMBERS)
    many = pd.concat([NUMBERS] * 20, ignore_index=True)
    np.testing.assert_allclose(regressor.predict(many), np.tile(predicted, 20), atol=1e-5)
    np.testing.assert_array_equal(regressor.predict(many), regressor.predict(many))
    alone = [regressor.predict(NUMBERS[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(alone, predicted[:3], atol=1e-5)


def test_rows_far_out_and_missing_where_nothing_was_missing(regressor):
    X = NUMBERS.head(4).assign(a=[1e30, -1e30, np.nan, 1e-300])
    predicted = regressor.predict(X)
    assert ((predicted >= Y.min()) & (predicted <= Y.max())).all()


@pytest.mark.parametrize(
    "values",
    [
        np.full(N, 1e30) * np.resize([1, -1], N),
        RNG.standard_cauchy(N) ** 3,
        np.geomspace(1e-300, 1e300, N),
        np.resize([0.0, 5e-324], N),
    ],
    ids=["huge", "heavy tails", "all magnitudes", "denormal"],
)
def test_values_of_any_size(values):
    fitted_and_in_range(NUMBERS.assign(b=values), Y)


def test_targets_of_heavy_tails():
    fitted_and_in_range(NUMBERS, RNG.standard_cauchy(N) ** 3)
    fitted_and_in_range(NUMBERS, 1e150 * Y)
    with pytest.raises(ValueError, match=r"'y' must have a finite variance; .* up to 1e\+300;"):
        TabularRegressor(**SMALL).fit(NUMBERS, np.where(Y[0] == Y, 1e300, Y))


def test_columns_that_say_nothing():
    X = NUMBERS.assign(category="x", missing=np.nan, none=None, constant=7)
    fitted_and_in_range(X, Y)


def test_equal_rows():
    X = pd.concat([NUMBERS.head(2)] * 30)
    regressor = fitted_and_in_range(X, np.tile(Y[:2], 30))
    assert len(np.unique(regressor.predict(X))) == 2


def test_five_hundred_columns_of_three_rows():
    X = pd.DataFrame(RNG.normal(size=(3, 500)))
    fitted_and_in_range(X, np.arange(3.0))


def test_a_hundred_classes_and_a_class_of_two_rows():
    labels = np.array([f"class {i // 2}" for i in range(200)])
    X = pd.DataFrame({"a": np.arange(200.0), "b": RNG.normal(size=200)})
    probability = TabularClassifier(**SMALL).fit(X, labels).predict_proba(X)
    assert probability.shape == (200, 100)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    rare = np.where(np.arange(N) < 2, "rare", "common")
    classifier = TabularClassifier(**SMALL).fit(NUMBERS, rare)
    assert list(classifier.classes_) == ["common", "rare"]
    assert np.isfinite(classifier.predict_log_proba(NUMBERS)).all()


def test_ten_thousand_categories():
    names = np.array([f"id {i}" for i in range(10_000)])
    X = pd.DataFrame({"id": np.concatenate([names, names])})
    y = np.arange(20_000.0)
    before = time.process_time()
    regressor = TabularRegressor(**{**SMALL, "batch_size": 2048}).fit(X, y)
    assert np.isfinite(regressor.predict(X)).all()
    assert time.process_time() - before < 60
    assert sum(array.size for m in regressor._members for array in m.arrays) < 200_000


def test_all_dtypes_in_one_frame():
    days = pd.date_range("2024-01-01", periods=N, freq="17h")
    even = np.arange(N) % 2 == 0
    text = np.resize(["u", "v", "w"], N)
    X = pd.DataFrame(
        {
            "bool": even,
            "boolean": pd.array(even, dtype="boolean"),
            "object booleans": pd.Series(even).astype(object).where(np.arange(N) > 3, None),
            "int8": np.arange(N, dtype=np.int8),
            "Int64": pd.array([None, *range(1, N)], dtype="Int64"),
            "float32": Y.astype(np.float32),
            "Float64": pd.array([None, *Y[1:]], dtype="Float64"),
            "text": text.astype(object),
            "string": pd.array(text, dtype="string"),
            "mixed": pd.Series(np.resize(["u", 1, 2.5, None], N), dtype=object),
            "category": pd.Categorical(text),
            "numbers as categories": pd.Categorical(np.resize([3, 1, 2], N)),
            "date": days,
            "zoned": days.tz_localize("Asia/Tokyo"),
            "object dates": pd.Series([d.date() for d in days], dtype=object),
            "duration": days - days[0],
            "object durations": pd.Series(
                [datetime.timedelta(i) for i in range(N)], dtype=object
            ),
        }
    )
    if find_spec("pyarrow"):
        X["arrow numbers"] = pd.array([None, *Y[1:]], dtype="double[pyarrow]")
        X["arrow text"] = pd.array(text, dtype="string[pyarrow]")
        X["arrow dates"] = X["date"].astype("timestamp[us][pyarrow]")
    before = X.copy(deep=True)
    regressor = fitted_and_in_range(X, Y)
    pd.testing.assert_frame_equal(X, before)
    nothing = pd.DataFrame({name: [None] * 2 for name in X})
    assert np.isfinite(regressor.predict(nothing)).all()
