"""The text of settings: equal if and only if fits are equal, in any process."""

import subprocess
import sys
import threading
from functools import partial, wraps
from types import ModuleType

import keras
import numpy as np
import pytest
from sklearn.compose import make_column_selector
from sklearn.metrics import make_scorer, mean_pinball_loss

from skmlp import MLPRegressor, layers
from skmlp._checkpoints.settings import MAX_LENGTH, settings_text

RATE = 0.1


def text(value):
    return settings_text(MLPRegressor(loss=value))["loss"]


def closing_over(rate):
    return lambda epoch: rate / (1 + epoch)


def with_default(rate):
    def schedule(epoch, rate=rate):
        return rate

    return schedule


def looking_up(rate):
    """A function of a module's own rate."""
    names = {"RATE": rate}
    exec("schedule = lambda epoch: RATE", names)
    return names["schedule"]


def wrapped(factor):
    @wraps(keras.losses.mean_squared_error)
    def loss(y_true, y_pred):
        return factor * keras.losses.mean_squared_error(y_true, y_pred)

    return loss


class Rate:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate

    def of(self, epoch):
        return self.rate


def class_of(power):
    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** power

    return Loss


class Scaled(keras.losses.Loss):
    """Its configuration is complete."""

    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Silent(keras.losses.Loss):
    """Its configuration is incomplete."""

    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = factor


MAKERS = {
    "closure": closing_over,
    "default": with_default,
    "global": looking_up,
    "wrapped": wrapped,
    "partial": lambda rate: partial(closing_over, rate),
    "keyword": lambda rate: partial(closing_over, rate=rate),
    "object": Rate,
    "method": lambda rate: Slotted(rate).of,
    "nested": lambda rate: lambda epoch: [Rate(rate)(e) for e in range(epoch)],
    "Keras": keras.losses.Huber,
    "Keras subclass": Scaled,
    "Keras subclass without configuration": Silent,
    "Keras layer": keras.layers.LeakyReLU,
    "Keras initializer": keras.initializers.RandomNormal,
    "code of a Keras subclass": lambda power: class_of(power)(),
    "class": class_of,
    "optimizer": keras.optimizers.SGD,
    "schedule": lambda rate: keras.optimizers.schedules.ExponentialDecay(rate, 10, 0.5),
    "scorer": lambda alpha: make_scorer(mean_pinball_loss, alpha=alpha),
    "selector": lambda rate: make_column_selector(dtype_include=[np.number, f"{rate}"]),
    "array": lambda rate: np.array([1.0, rate]),
    "dict": lambda rate: {"a": 1, "b": rate},
    "set": lambda rate: {"a", rate},
    "slice": lambda rate: slice(1, rate),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_equal_where_the_values_are(make):
    assert text(make(2.5)) == text(make(2.5))
    assert text(make(2.5)) != text(make(3.5))
    assert len(text(make(2.5))) <= MAX_LENGTH + 20


def test_functions_differ_by_their_code():
    texts = [
        text(lambda epoch: 0.1),
        text(lambda epoch: 0.2),
        text(lambda epoch: 0.1 * epoch),
        text(lambda epoch: epoch / 0.1),
        text(lambda epoch: np.sin(epoch)),
        text(lambda epoch: np.cos(epoch)),
        text(np.sin),
        text(np.cos),
        text(keras.ops.sin),
        text(keras.ops.cos),
        text(keras.losses.mean_squared_error),
        text(wrapped(1)),
        text(Rate(1)),
        text(Slotted(1)),
    ]
    assert len(set(texts)) == len(texts)


def test_a_function_may_call_itself_and_others():
    def fall(epoch):
        return 1.0 if epoch == 0 else RATE * fall(epoch - 1)

    assert text(fall) == text(fall)


def calling(source):
    """A loss that calls f of a user's module through the module, and one that imports f."""
    helpers = ModuleType("helpers")
    exec(f"def f(y, p): return {source}", vars(helpers))
    names = {"helpers": helpers, "f": helpers.f}
    exec("def through(y, p): return helpers.f(y, p)\ndef alone(y, p): return f(y, p)", names)
    return names["through"], names["alone"]


def importing_module(y, p):
    import helpers

    return helpers.f(y, p)


def importing_name(y, p):
    def inner():
        from helpers import f

        return f(y, p)

    return inner()


def importing_relatively(y, p):
    from .random import noise  # not the standard library's

    return noise(y, p)


def importing_library(y, p):
    import numpy.linalg

    return numpy.linalg.norm(y - p)


def test_a_module_of_the_user_is_refused_but_not_what_is_imported_from_it():
    (through, one), (_, other) = calling("y - p"), calling("y + p")
    assert text(one) == text(calling("y - p")[1])
    assert text(one) != text(other)
    message = r"\(it uses the module helpers, whose code is not compared\); .* import names"
    for function in (through, importing_module, importing_name):
        with pytest.raises(ValueError, match=message):
            text(function)
    with pytest.raises(ValueError, match=r"uses the module \.random, whose code"):
        text(importing_relatively)
    assert text(importing_library) == text(importing_library)
    assert text(lambda y, p: layers.TiedDense) == text(lambda y, p: layers.TiedDense)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0, 0.0),
        (1e-3, np.float64(1e-3)),
        (0.5, np.float32(0.5)),
        (3, np.int64(3)),
        (True, np.True_),
        ((8, 4), [8, 4]),
        ((8, 4), np.array([8, 4])),
        ([(0, "a")], [[0, "a"]]),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}),
        (np.inf, float("inf")),
        (None, None),
    ],
    ids=str,
)
def test_what_means_the_same(one, other):
    assert text(one) == text(other)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, None), ("1", 1), ("a", b"a"), ([1], [[1]]), (1, 1 + 1e-9)]
)
def test_what_does_not(one, other):
    assert text(one) != text(other)


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock().acquire,
        (rate for rate in [1]),
        lambda epoch, lock=threading.Lock(): lock,  # noqa: B008
        keras.layers.Activation(closing_over),
        keras.layers.Lambda(closing_over),
    ],
    ids=["lock", "generator", "default", "activation", "layer"],
)
def test_what_cannot_be_compared_is_refused(value):
    with pytest.raises(ValueError, match=r"'loss' must be a value that can be compared .*\.$"):
        text(value)


SCRIPT = """
from functools import partial
from skmlp import MLPRegressor
from skmlp._checkpoints.settings import settings_text

def schedule(epoch, names=frozenset({"a", "b", "c"})):
    return 0.1 if epoch in {1, 2, 3} or "x" in {"x", "y", "z"} else len(names)

class Rate:
    a = b = 2
    def __call__(self, epoch):
        return super().__hash__()

for value in (schedule, partial(schedule, names={"q", "r", "s"}), Rate(), Rate):
    print(settings_text(MLPRegressor(learning_rate_schedule=value)))
"""


def test_other_processes_write_the_same():
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
