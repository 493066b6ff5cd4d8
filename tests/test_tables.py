"""Tables as inputs of a network: scikit-learn's transformers and pandas's dates agree."""

import datetime
import pickle
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler

from skmlp._data.distributions import bin_edges
from skmlp._data.table_columns import is_categorical
from skmlp._data.table_inputs import MAX_ONE_HOT
from skmlp._data.tables import TableEncoder

RNG = np.random.RandomState(0)
NUMBERS = RNG.standard_t(2, size=(60, 4)) * [1, 10, 1e-3, 1e6] + [0, 5, 1, -1e7]
HOLES = np.where(RNG.uniform(size=NUMBERS.shape) < 0.2, np.nan, NUMBERS)
HOLES[:, 2] = NUMBERS[:, 2]
CITIES = np.array(["Oslo", "Rome", "Bonn", "Lima", "Bern"], dtype=object)[
    RNG.randint(5, size=60)
]
MANY = [f"id{i:05}" for i in range(60)]
WHOLE_DAYS = pd.date_range("1968-12-30", periods=60, freq="11D")
TIMES = pd.Series(pd.date_range("1969-12-28 21:30:15.25", periods=60, freq="1237min"))


def encoded(X, categorical_features="from_dtype"):
    return TableEncoder.learn(X, categorical_features).encode(X)


def one(values, **kwargs):
    """Inputs made of a single column."""
    return encoded(pd.DataFrame({"a": values}), **kwargs)


def shape(X, categorical_features="from_dtype"):
    """Numbers of numeric inputs, of indicators, and of the codes of each column."""
    encoder = TableEncoder.learn(X, categorical_features)
    return encoder.n_numeric, encoder.n_indicators, encoder.n_levels


def clipped(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def table():
    """A column of each sort, as plain lists, with missing values."""
    numbers, whole = NUMBERS[:, 0].tolist(), list(range(60))
    cities, many, flags = CITIES.tolist(), list(MANY), [i % 3 == 0 for i in whole]
    days = [day.date() for day in WHOLE_DAYS]
    times = [time.to_pydatetime() for time in TIMES]
    spans = [datetime.timedelta(hours=i * i) for i in whole]
    columns = [numbers, whole, cities, many, flags, days, times, spans]
    for k, column in enumerate(columns):
        column[k + 1] = column[20 + k] = None
    names = ["numbers", "whole", "cities", "many", "flags", "days", "times", "spans"]
    return dict(zip(names, columns, strict=True))


# Numbers


# Quartiles of 4k + 1 values are values, in any definition.


def test_numbers_are_scaled_as_by_robust_scaler():
    numbers = NUMBERS[:57]
    expected = clipped(RobustScaler().fit_transform(numbers))
    for X in (numbers, pd.DataFrame(numbers), numbers.tolist(), numbers.astype(object)):
        rows = encoded(X)
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        np.testing.assert_allclose(rows, expected, rtol=1e-6, atol=1e-7)


def test_missing_numbers_are_the_median_and_indicated():
    numbers = NUMBERS[:57].copy()
    for column, n_missing in enumerate((8, 12, 0, 4)):
        numbers[RNG.choice(57, n_missing, replace=False), column] = np.nan
    encoder = TableEncoder.learn(numbers)
    other = np.vstack([numbers, np.full(4, np.nan)])
    imputer = SimpleImputer(strategy="median", add_indicator=True).fit(numbers)
    filled = imputer.transform(other)
    scaled = clipped(RobustScaler().fit(numbers).transform(filled[:, :4]))
    np.testing.assert_allclose(
        encoder.encode(other), np.hstack([scaled, filled[:, 4:]]), rtol=1e-6, atol=1e-7
    )
    assert (encoder.n_numeric, encoder.n_indicators, encoder.n_levels) == (4, 3, ())


def test_a_weight_of_two_equals_repeating_the_row():
    weight = RNG.randint(1, 4, 60)
    repeated = np.repeat(np.arange(60), weight)
    for frame in (pd.DataFrame(HOLES), pd.DataFrame(table())):
        encoder = TableEncoder.learn(frame, weight=weight)
        assert encoder == TableEncoder.learn(frame.iloc[repeated])


def test_where_half_of_the_values_are_equal_the_others_make_the_unit():
    mostly = np.array([5.0] * 9 + [1, 9])
    np.testing.assert_allclose(one(mostly)[:, 0], clipped((mostly - 5) / 8), rtol=1e-6)
    rarely = np.array([5.0] * 9 + [9])
    np.testing.assert_allclose(one(rarely)[:, 0], clipped((rarely - 5) / 2), rtol=1e-6)


@pytest.mark.parametrize("n_missing", [0, 2])
def test_where_most_values_are_equal_others_have_an_indicator(n_missing):
    mostly = np.array([0.1] * 49 + [*range(1, 48)] + [np.nan] * n_missing)
    encoder = TableEncoder.learn(mostly[:, None], None)
    assert (encoder.n_numeric, encoder.n_indicators) == (1, 1 + bool(n_missing))
    for dtype in (np.float64, np.float32):
        rows = encoder.encode(np.array([[0.1], [9], [-3], [0.2], [np.nan]], dtype))
        np.testing.assert_array_equal(rows[:, -1], [0, 1, 1, 1, 0])


@pytest.mark.parametrize(
    "values",
    [[0.1] * 49 + [1, 2, 3], [0.1] * 47 + [*range(1, 48)]],
    ids=["few others", "half are others"],
)
def test_few_other_values_or_many_rows_of_them_have_no_indicator(values):
    assert shape(pd.DataFrame({"a": values})) == (1, 0, ())


def test_bins_are_quantiles():
    values, weight = NUMBERS[:56, 0], np.ones(56)
    expected = np.quantile(values, np.linspace(0, 1, 8), method="inverted_cdf")
    np.testing.assert_array_equal(bin_edges(values, weight, 7), expected)


def test_a_value_that_weighs_more_than_a_bin_is_one_bin():
    others = np.arange(1.0, 81)
    weight = np.ones(80)
    edges = bin_edges(np.r_[0.0, others, 90], np.r_[1000, weight, 300], 10)
    np.testing.assert_allclose(edges, [0, *np.arange(0, 81, 10), 90], atol=1)
    repeated = np.repeat(np.r_[0.0, others, 90], np.r_[1000, weight, 300].astype(int))
    np.testing.assert_array_equal(edges, bin_edges(repeated, np.ones(1380), 10))


def test_few_values_are_edges():
    edges = bin_edges(np.array([3.0, 0, 3, 1, 3, 3]), np.ones(6), 9)
    assert set(edges) == {0, 1, 3}


@pytest.mark.parametrize("constant", [0, 3.5, np.nan, 1e300])
def test_a_constant_is_zero_for_all_rows(constant):
    encoder = TableEncoder.learn(np.full((5, 1), constant))
    rows = encoder.encode(np.array([[constant], [7.0], [np.nan], [-1e300]]))
    np.testing.assert_array_equal(rows, np.zeros((4, 1)))


@pytest.mark.parametrize("size", [1e30, 1e300, np.finfo(float).max, 1e-310])
def test_huge_and_tiny_numbers_overflow_nowhere(size):
    spread = one(np.linspace(-1, 1, 101) * size)
    np.testing.assert_allclose(
        spread[:, 0], clipped(np.linspace(-1, 1, 101)), rtol=1e-6, atol=1e-9
    )
    usual = TableEncoder.learn(np.arange(9.0)[:, None])
    limits = usual.encode(np.array([[size], [-size]]))[:, 0]
    if size > 1:
        np.testing.assert_array_equal(limits, [3, -3])
    assert np.isfinite(limits).all()


@pytest.mark.parametrize(
    "dtype", ["int8", "uint64", "float32", "Int64", "Float64", "UInt8", "bool", "boolean"]
)
def test_numbers_of_any_dtype(dtype):
    """Booleans are numbers in a column that held numbers in fit."""
    encoder = TableEncoder.learn(pd.DataFrame({"a": [0.0, 1, 1, 0, 2]}))
    column = pd.Series([0, 1, 1, 0]).astype(dtype)
    expected = encoder.encode(pd.DataFrame({"a": [0.0, 1, 1, 0]}))
    np.testing.assert_array_equal(encoder.encode(pd.DataFrame({"a": column})), expected)
    if dtype[0] in "IFU" or dtype == "boolean":
        column[1] = pd.NA
        expected = encoder.encode(pd.DataFrame({"a": [0.0, None, 1, 0]}))
        np.testing.assert_array_equal(encoder.encode(pd.DataFrame({"a": column})), expected)


def test_objects_that_are_numbers():
    values = [1, 2.5, None, Decimal("4.5"), np.float32(7), True, Decimal("NaN"), pd.NA]
    plain = [1, 2.5, np.nan, 4.5, 7, 1, np.nan, np.nan]
    np.testing.assert_array_equal(one(pd.Series(values, dtype=object)), one(plain))
    np.testing.assert_array_equal(encoded(np.array(values, dtype=object)[:, None]), one(plain))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("fitted", [False, True])
def test_infinity_is_refused(value, fitted):
    def use(X):
        encoder = TableEncoder.learn(np.ones((3, 2)) if fitted else X)
        encoder.encode(X)

    X = np.array([[1, 2], [3, value], [4, 5]])
    message = rf"^'X' must be finite; got infinity \({value}\) in column {{}}; replace it by a"
    with pytest.raises(ValueError, match=message.format(1)):
        use(X)
    with pytest.raises(ValueError, match=message.format(1)):
        use(X.astype(object))
    with pytest.raises(ValueError, match=message.format("'b'")):
        use(pd.DataFrame(X, columns=["a", "b"]))


# Categories


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category"])
def test_categories_are_indicators_as_by_one_hot_encoder(dtype):
    column = pd.Series(CITIES).astype(dtype)
    encoder = TableEncoder.learn(pd.DataFrame({"a": column}))
    other = pd.Series(["Rome", None, "Kiel", "Bern"], dtype=object).astype(dtype)
    oracle = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    oracle.fit(CITIES[:, None])
    expected = oracle.transform(np.array([["Rome"], ["?"], ["Kiel"], ["Bern"]], dtype=object))
    np.testing.assert_array_equal(encoder.encode(pd.DataFrame({"a": other})), expected)
    assert (encoder.n_numeric, encoder.n_indicators, encoder.n_levels) == (0, 5, ())
    with_missing = column.where(np.arange(60) > 3)
    assert shape(pd.DataFrame({"a": with_missing})) == (0, 5, ())


@pytest.mark.parametrize("values", [["no", "yes"], [False, True], [3, 20]])
def test_two_categories_are_one_input(values):
    first, second = values
    column = pd.Series([second, first, first, second], dtype=object)
    encoder = TableEncoder.learn(pd.DataFrame({"a": column}), ["a"])
    other = pd.DataFrame({"a": pd.Series([first, second, "?", None], dtype=object)})
    np.testing.assert_array_equal(encoder.encode(other)[:, 0], [-1, 1, 0, 0])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
def test_booleans(dtype):
    column = pd.Series([True, False, True, True], dtype=dtype)
    encoder = TableEncoder.learn(pd.DataFrame({"a": column}))
    assert encoder.n_indicators == 1
    for other in (column, column.astype(float), column.astype("boolean"), column.astype(int)):
        rows = encoder.encode(pd.DataFrame({"a": other}))
        np.testing.assert_array_equal(rows[:, 0], [1, -1, 1, 1])
    missing = pd.Series([True, None, False], dtype="boolean")
    rows = encoder.encode(pd.DataFrame({"a": missing}))
    np.testing.assert_array_equal(rows[:, 0], [1, 0, -1])
    np.testing.assert_array_equal(
        encoder.encode(column.to_numpy()[:, None]), [[1], [-1], [1], [1]]
    )


def test_a_single_category_is_an_input_only_beside_missing_values():
    alone = TableEncoder.learn(pd.DataFrame({"a": ["x", "x"]}))
    assert alone.encode(pd.DataFrame({"a": ["x", "y", None]})).shape == (3, 0)
    beside = TableEncoder.learn(pd.DataFrame({"a": ["x", None]}))
    rows = beside.encode(pd.DataFrame({"a": ["x", "y", None]}))
    np.testing.assert_array_equal(rows, [[1], [0], [-1]])


def amounts(n=45):
    """Mostly 0, otherwise amounts at irregular distances, each in 20 rows."""
    others = np.cumsum(1.1 ** np.arange(n)) + 0.1
    return np.random.RandomState(0).permutation(np.r_[np.zeros(30 * n), np.repeat(others, 20)])


@pytest.mark.parametrize("missing", [False, True])
def test_amounts_are_a_number_and_a_code(missing):
    values = amounts()
    levels = np.unique(values.astype(np.float32))
    if missing:
        values[:5] = np.nan
    encoder = TableEncoder.learn(pd.DataFrame({"a": values}))
    n_indicators = 1 + missing  # of others than 0, and of missing values
    assert (encoder.n_numeric, encoder.n_indicators) == (1, n_indicators)
    assert encoder.n_levels == (47,)
    expected = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    expected.fit(levels[:, None])
    for dtype in (np.float64, np.float32):
        new = np.r_[values[:50], 3.25, -1, 1e30, np.nan].astype(dtype)
        codes = 1 + expected.transform(new.astype(np.float32)[:, None])[:, 0]
        encoded = encoder.encode(pd.DataFrame({"a": new}))
        np.testing.assert_array_equal(encoded[:, -1], np.nan_to_num(codes))


@pytest.mark.parametrize("unit", [1.0, 8.0, 2.0**-900])
def test_amounts_of_weighted_rows_are_those_of_repeated_ones(unit):
    values = np.r_[amounts(), 0.05]  # a single row of the last, which is the unit of weight
    distinct, n_rows = np.unique(values, return_counts=True)
    weighted = TableEncoder.learn(pd.DataFrame({"a": distinct}), weight=unit * n_rows)
    assert weighted == TableEncoder.learn(pd.DataFrame({"a": values}))
    assert weighted.n_levels == (48,)


def test_weights_that_are_no_multiples_repeat_no_rows():
    def n_levels(values, weight):
        return TableEncoder.learn(pd.DataFrame({"a": values}), weight=weight).n_levels

    repeated = amounts()
    single = np.r_[repeated, np.arange(50.0) ** 2 + 0.5]
    weight = np.random.default_rng(0).uniform(0.1, 1, len(single))
    weight[0] = 1e-9
    assert not n_levels(single, weight)
    assert n_levels(repeated, weight[: len(repeated)]) == n_levels(repeated, None) == (47,)


@pytest.mark.parametrize(
    "values",
    [
        amounts()[:900],  # mostly other values
        amounts(39),  # as many as have bins of their own
        np.r_[amounts(), 1e4 + np.arange(150) ** 1.5],  # values that do not repeat
        np.searchsorted(np.unique(amounts()), amounts()),  # counts
        np.full(50, np.nan),
    ],
    ids=["others", "few", "single", "counts", "missing"],
)
def test_other_numbers_have_no_code(values):
    assert not TableEncoder.learn(pd.DataFrame({"a": values})).n_levels


def test_amounts_beyond_single_precision():
    """They are one code, and warn of no overflow."""
    values = np.r_[amounts(), np.full(30, 1e300), np.full(30, 2e300), np.full(30, -1e300)]
    encoder = TableEncoder.learn(pd.DataFrame({"a": values}))
    assert encoder.n_levels == (49,)
    codes = encoder.encode(pd.DataFrame({"a": [-1e300, 1e300, 2e300]}))[:, -1]
    np.testing.assert_array_equal(codes, [1, 48, 48])


@pytest.mark.parametrize("n", [MAX_ONE_HOT, MAX_ONE_HOT + 1, 10_000])
def test_many_categories_are_a_column_of_codes(n):
    names = np.array([f"c{i:05}" for i in range(n)], dtype=object)
    encoder = TableEncoder.learn(pd.DataFrame({"a": RNG.permutation(names), "b": 1.0}))
    if n == MAX_ONE_HOT:
        assert (encoder.n_indicators, encoder.n_levels) == (n, ())
        return
    assert (encoder.n_indicators, encoder.n_levels) == (0, (n + 1,))
    rows = encoder.encode(pd.DataFrame({"a": [*names, "?", None], "b": 1.0}))
    assert rows.shape == (n + 2, 2)
    np.testing.assert_array_equal(rows[:, 1], [*range(1, n + 1), 0, 0])


def test_categories_of_mixed_types_are_ordered():
    column = pd.Series(["b", True, None, 3, "a", False, 2.5], dtype=object)
    np.testing.assert_array_equal(
        one(column), np.eye(6)[[5, 1, 0, 3, 4, 0, 2]] * (np.arange(7) != 2)[:, None]
    )


def test_categories_without_rows_are_none():
    column = pd.Categorical(["u", "v", "w"], categories=["x", "w", "v", "u"])
    np.testing.assert_array_equal(one(column), np.eye(3))


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32)])
def test_fractional_categories_in_another_precision(dtypes):
    """Two that are one number in single precision are found only as they are."""
    of_fit, later = (np.array([[0.1], [0.7], [3]], dtype) for dtype in dtypes)
    encoder = TableEncoder.learn(of_fit, [0])
    np.testing.assert_array_equal(encoder.encode(later), np.eye(3))
    close = np.array([[0.1], [0.1 + 1e-9], [3]])
    encoder = TableEncoder.learn(close, [0])
    np.testing.assert_array_equal(encoder.encode(close), np.eye(3))
    assert not encoder.encode(close.astype(np.float32))[0].any()


def test_ids_of_many_digits_are_told_apart():
    ids = 2**60 + np.arange(3)
    np.testing.assert_array_equal(encoded(ids[:, None], [0]), np.eye(3))


# Which columns are categories

KINDS = pd.DataFrame(
    {
        "code": [1, 2, 3, 1],
        "month": pd.Categorical([1, 2, 3, 3]),
        "city": ["u", "v", "w", "w"],
        "kind": pd.Categorical(["u", "v", "w", "w"]),
    }
)


@pytest.mark.parametrize(
    ("selection", "n_numeric"),
    [
        ("from_dtype", 1),
        (None, 2),
        ([], 2),
        (["code"], 1),
        (("code", "month"), 0),
        ([0, 1], 0),
        (np.array([1]), 1),
        ([True, True, False, False], 0),
        (pd.Index(["month"]), 1),
    ],
)
def test_categorical_features(selection, n_numeric):
    assert shape(KINDS, selection) == (n_numeric, 3 * (4 - n_numeric), ())


@pytest.mark.parametrize(
    "selection",
    ["code", ["colour"], [4], [-1], [True], [1.5], [["code"]], 0, [None], [0, "code"]],
)
def test_categorical_features_that_are_no_columns(selection):
    message = (
        "^'categorical_features' must be 'from_dtype', None, or a list of names, positions or "
        r"one bool for each of the 4 columns of X; got .*; the names are 'code', .*\.$"
    )
    with pytest.raises(ValueError, match=message):
        TableEncoder.learn(KINDS, selection)
    with pytest.raises(ValueError, match=r"got \['a'\]; X has no names, so give positions\.$"):
        TableEncoder.learn(NUMBERS, ["a"])


# Dates


def date_parts(times):
    """Parts of dates by pandas, (n_samples, 5)."""
    seconds = (times - pd.Timestamp(0)) / pd.Timedelta("1s")
    parts = [seconds, times.dt.month, times.dt.day, times.dt.day_of_week, times.dt.hour]
    return np.stack([part.to_numpy(float) for part in parts], axis=1)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_are_numbers(unit):
    times = TIMES.dt.as_unit(unit)
    rows = one(times)
    parts = encoded(date_parts(times))[:, : rows.shape[1]]  # numbers come first
    np.testing.assert_allclose(rows, parts, rtol=1e-6, atol=1e-6)
    in_array = encoded(times.to_numpy()[:, None])
    np.testing.assert_array_equal(in_array, one(times))


def test_parts_of_dates_that_do_not_vary_are_left_out():
    days = pd.Series(WHOLE_DAYS)
    np.testing.assert_allclose(
        one(days), encoded(date_parts(days)[:, :4]), rtol=1e-6, atol=1e-6
    )
    assert shape(pd.DataFrame({"a": pd.to_datetime(["2020-01-01"] * 3)})) == (1, 0, ())
    objects = pd.Series([day.date() for day in WHOLE_DAYS], dtype=object)
    np.testing.assert_array_equal(one(objects), one(days))


def test_missing_dates_have_one_indicator():
    times = TIMES.where(np.arange(60) % 4 > 0)
    rows = one(times)
    assert shape(pd.DataFrame({"a": times})) == (5, 1, ())
    parts = SimpleImputer(strategy="median").fit_transform(date_parts(times))
    scaled = clipped(RobustScaler().fit(date_parts(times)).transform(parts))
    np.testing.assert_allclose(rows[:, :5], scaled, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(rows[:, 5], np.arange(60) % 4 == 0)
    np.testing.assert_array_equal(one(times.astype(object)), rows)


def test_time_zones_are_read_on_the_wall():
    zoned = TIMES.dt.tz_localize("Asia/Tokyo")
    np.testing.assert_array_equal(one(zoned), one(TIMES))
    np.testing.assert_array_equal(one(zoned.astype(object)), one(TIMES))
    encoder = TableEncoder.learn(pd.DataFrame({"a": zoned}))
    np.testing.assert_array_equal(encoder.encode(pd.DataFrame({"a": TIMES})), one(TIMES))


def test_durations_are_seconds():
    spans = TIMES - TIMES[7]
    expected = encoded((spans / pd.Timedelta("1s")).to_numpy()[:, None])
    for column in (spans, spans.astype(object), spans.dt.as_unit("s")):
        np.testing.assert_allclose(one(column), expected, rtol=1e-6, atol=1e-7)


def test_times_of_day_are_durations_since_midnight():
    spans = [datetime.timedelta(hours=7 * i % 24, seconds=i) for i in range(60)]
    times = [(datetime.datetime.min + span).time() for span in spans]
    spans[3] = times[3] = None
    encoder = TableEncoder.learn(pd.DataFrame({"a": pd.Series(spans, dtype=object)}))
    expected = encoder.encode(pd.DataFrame({"a": spans}))
    frames = [pd.DataFrame({"a": pd.Series(times, dtype=object)})]
    if find_spec("polars"):
        frames.append(import_module("polars").DataFrame({"a": times}))
    if find_spec("pyarrow"):
        array = import_module("pyarrow").array(times)
        frames.append(pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(array)}))
    for frame in frames:
        assert TableEncoder.learn(frame) == encoder
        np.testing.assert_array_equal(encoder.encode(frame), expected)


# Whole tables


def test_blocks_follow_one_another():
    X = pd.DataFrame(table()).astype({"flags": "boolean"})
    encoder = TableEncoder.learn(X)
    assert encoder.n_numeric == 1 + 1 + 4 + 5 + 1
    assert encoder.n_indicators == 1 + 1 + 5 + 1 + 1 + 1 + 1
    assert encoder.n_levels == (59,)
    rows = encoder.encode(X)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(rows[:, 1], one(X["whole"])[:, 0])
    np.testing.assert_array_equal(rows[:, 14:19], one(X["cities"]))
    np.testing.assert_array_equal(rows[:, -1], one(X["many"])[:, 0])


def frames(pl):
    """The same table in polars and in pandas."""
    columns = table()
    enum = pl.Enum(sorted(set(CITIES)))
    polars = pl.DataFrame(columns).with_columns(
        pl.col("cities").cast(pl.Categorical).alias("categorical"),
        pl.col("cities").cast(enum).alias("enum"),
        pl.col("times").dt.replace_time_zone("Asia/Tokyo").alias("zoned"),
        pl.col("whole").cast(pl.Decimal(10, 2)).alias("decimal"),
        pl.lit(None).alias("nothing"),
    )
    pandas = pd.DataFrame(columns).assign(
        categorical=pd.Categorical(columns["cities"]),
        enum=columns["cities"],
        zoned=columns["times"],
        decimal=columns["whole"],
        nothing=None,
    )
    return polars, pandas


def test_polars_and_pandas_agree():
    pl = pytest.importorskip("polars")
    polars, pandas = frames(pl)
    encoder = TableEncoder.learn(polars)
    assert encoder == TableEncoder.learn(pandas)
    np.testing.assert_array_equal(encoder.encode(polars), encoder.encode(pandas))
    selection = ["whole", "days"]
    of_both = [encoded(X, selection) for X in (polars, pandas)]
    np.testing.assert_array_equal(*of_both)
    floats = pl.DataFrame({"a": [1.0, None, float("nan"), 4.0]})
    np.testing.assert_array_equal(encoded(floats), one([1.0, None, np.nan, 4.0]))


def test_arrow_and_pandas_agree():
    pa = pytest.importorskip("pyarrow")
    columns = table()
    columns["decimal"] = [None if i is None else Decimal(i) for i in columns["whole"]]
    arrays = {name: pa.array(values) for name, values in columns.items()}
    arrow = pd.DataFrame({k: pd.arrays.ArrowExtensionArray(v) for k, v in arrays.items()})
    arrow["times"] = arrow["times"].dt.tz_localize("Asia/Tokyo")
    plain = pd.DataFrame(columns)
    encoder = TableEncoder.learn(plain)
    np.testing.assert_array_equal(encoder.encode(arrow), encoder.encode(plain))
    np.testing.assert_array_equal(encoded(arrow), encoded(plain))


@pytest.mark.parametrize("dtype", ["string", "large_string", "string_view", "dictionary"])
def test_text_of_arrow(dtype):
    pa = pytest.importorskip("pyarrow")
    texts = ["u", None, "w", "v", "u"]
    array = pa.array(texts)
    array = array.dictionary_encode() if dtype == "dictionary" else array.cast(dtype)
    column = pd.arrays.ArrowExtensionArray(array)
    for X in (pd.DataFrame({"a": column}), pa.table({"a": array})):
        np.testing.assert_array_equal(encoded(X), one(texts))


def test_dtypes_of_categories():
    pl = pytest.importorskip("polars")
    of_arrow = "dictionary<values=string, indices=int32, ordered=0>[pyarrow]"
    for dtype in (pd.CategoricalDtype(["u"]), pl.Categorical(), pl.Enum(["u"]), of_arrow):
        assert is_categorical(dtype)
    for dtype in (np.dtype(object), np.dtype("M8[s]"), pd.StringDtype(), pl.String(), "list"):
        assert not is_categorical(dtype)


def test_tables_of_arrow():
    pa = pytest.importorskip("pyarrow")
    columns = table()
    np.testing.assert_array_equal(encoded(pa.table(columns)), encoded(pd.DataFrame(columns)))
    codes = pa.table({"a": pa.array([3, None, 7, 3]).dictionary_encode()})
    np.testing.assert_array_equal(
        encoded(codes), one([3, None, 7, 3], categorical_features=[0])
    )


def test_arrays_and_lists_of_objects():
    X = pd.DataFrame(table())
    expected = encoded(X)
    np.testing.assert_array_equal(encoded(X.to_numpy(dtype=object)), expected)
    np.testing.assert_array_equal(encoded([[1, "u"], [2, "v"], [4, "w"]])[:, 1:], np.eye(3))


def test_columns_may_have_the_names_of_methods():
    names = ["collect", "to_pandas", "to_series", "dtype"]
    np.testing.assert_array_equal(
        encoded(pd.DataFrame(NUMBERS, columns=names)), encoded(NUMBERS)
    )


def test_columns_of_one_name_are_all_taken():
    X = pd.DataFrame(NUMBERS, columns=list("abab"))
    np.testing.assert_array_equal(encoded(X), encoded(NUMBERS))
    assert shape(X, ["a"]) == (2, 0, (61, 61))
    assert shape(X, [2]) == (3, 0, (61,))


def test_a_pickle_encodes_alike():
    X = pd.DataFrame(table())
    encoder = TableEncoder.learn(X)
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy == encoder
    np.testing.assert_array_equal(copy.encode(X), encoder.encode(X))


def test_few_rows():
    X = pd.DataFrame(table())
    for n in (1, 2, 3):
        encoder = TableEncoder.learn(X[:n])
        assert np.isfinite(encoder.encode(X)).all()
        np.testing.assert_array_equal(encoder.encode(X)[5:6], encoder.encode(X[5:6]))


def test_rows_are_not_changed():
    X = pd.DataFrame(table())
    before = X.copy(deep=True)
    encoded(X)
    pd.testing.assert_frame_equal(X, before)
    array = HOLES.copy()
    encoded(array)
    np.testing.assert_array_equal(array, HOLES)


# What is refused


@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        ([1.0, 2], ["u", "v"], "numbers in column 'a', as in fit; got text or categories;"),
        ([1.0, 2], WHOLE_DAYS[:2], "numbers in column 'a', as in fit; got dates;"),
        (WHOLE_DAYS[:2], [1, 2], "dates in column 'a', as in fit; got numbers;"),
        (WHOLE_DAYS[:2], ["u", "v"], "dates in column 'a', as in fit; got text or categories;"),
        (WHOLE_DAYS[:2] - WHOLE_DAYS[0], [1, 2], "durations in column 'a', .* got numbers;"),
    ],
)
def test_a_column_that_holds_something_else_than_in_fit(fitted, given, message):
    encoder = TableEncoder.learn(pd.DataFrame({"a": fitted}))
    with pytest.raises(
        ValueError, match=rf"^'X' must hold {message} convert the column to .*\.$"
    ):
        encoder.encode(pd.DataFrame({"a": given}))
    for missing in ([None, None], [np.nan, np.nan], [pd.NaT, pd.NaT], pd.array([pd.NA] * 2)):
        assert not encoder.encode(pd.DataFrame({"a": missing})).any()


@pytest.mark.parametrize("value", [{"u": 1}, [1, 2], np.ones(2), {1}])
def test_values_that_hold_values(value):
    column = np.empty(3, dtype=object)
    column[:] = ["u", 1, "v"]
    column[1] = value
    message = f"argument must be plain: a string, a number, .* {type(value).__name__} in column"
    for X in (pd.DataFrame({"a": column}), column[:, None]):
        with pytest.raises(TypeError, match=message):
            TableEncoder.learn(X)


def test_nested_columns_of_polars():
    pl = pytest.importorskip("polars")
    for values in ([[1, 2], [3]], [{"u": 1}, {"u": 2}]):
        with pytest.raises(TypeError, match="argument must be plain"):
            TableEncoder.learn(pl.DataFrame({"a": values}))


TEXTS = [f"The wine number {i} tastes of plums and a little of smoke" for i in range(60)]


def test_free_text_is_refused():
    message = (
        "^'X' must not contain free text; got 60 different texts of 12 words on average in "
        r"column 'a'; .* TfidfVectorizer of scikit-learn or TableVectorizer of skrub\.$"
    )
    with pytest.raises(ValueError, match=message):
        one(TEXTS)
    assert one(TEXTS, categorical_features=["a"]).shape == (60, 1)
    assert one(pd.Categorical(TEXTS)).shape == (60, 1)


@pytest.mark.parametrize(
    "texts",
    [
        MANY,
        [f"{i} Long Street, Apt {i}" for i in range(60)],
        [f"Smith{i}, Mrs. Ann (Miss Jones)" for i in range(60)],
        TEXTS[:MAX_ONE_HOT],
        TEXTS[:50] * 3,
    ],
    ids=["codes", "addresses", "names", "few", "repeated"],
)
def test_other_text_is_categories(texts):
    assert one(texts).any()


def test_periods_are_dates():
    months = pd.period_range("2020-01", periods=30, freq="M")
    as_periods, as_dates = (
        TableEncoder.learn(frame, "from_dtype", np.ones(30))
        for frame in (
            pd.DataFrame({"a": months}),
            pd.DataFrame({"a": months.to_timestamp()}),
        )
    )
    np.testing.assert_array_equal(
        as_periods.encode(pd.DataFrame({"a": months})),
        as_dates.encode(pd.DataFrame({"a": months.to_timestamp()})),
    )


@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        (["1", "2"], [1, 2], "'X' must hold in column 'a' what it held in fit; got 1 for '1'"),
        ([1, 2], ["3", "2"], "got '2' for 2; convert the column to the dtype that it had"),
        ([True, False], ["True", "False"], "got 'True' for True"),
    ],
)
def test_categories_read_as_another_type_are_refused(fitted, given, message):
    frame = pd.DataFrame({"a": fitted * 3}, dtype="category")
    encoder = TableEncoder.learn(frame, "from_dtype", np.ones(6))
    with pytest.raises(ValueError, match=message):
        encoder.encode(pd.DataFrame({"a": given}, dtype="category"))
    for unknown in ([None, None], ["a new one"], [77]):
        encoder.encode(pd.DataFrame({"a": unknown}, dtype="category"))


def test_numbers_that_are_categories_come_as_any_number():
    encoder = TableEncoder.learn(pd.DataFrame({"a": [1, 2, 3]}), ["a"])
    np.testing.assert_array_equal(encoder.encode(np.array([[1.0], [2.0], [3.0]])), np.eye(3))
    assert shape(np.array([["1"], ["2"], ["3"]])) == (0, 3, ())
