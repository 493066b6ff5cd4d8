"""Hostile and damaged files: loading them executes nothing."""

import io
import json
import os
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone

import skmlp.layers
from skmlp import KerasRegressor, MLPClassifier, skops_trusted_types

N_MUTANTS = 100
# Names that an attacker would put in the place of a class: (module, name)
STRANGE = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("subprocess", "Popen"),
    ("pickle", "loads"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("keras.utils", "get_file"),
    ("operator", "methodcaller"),
    ("skmlp._keras.tensorflow", "os.system"),
]
COMMAND = "echo executed"
EXECUTING = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "pickle.find_class",
    "code.__new__",
)
found: list | None = None  # events of the thread that loads a file; None outside of a load


def _hear(event, arguments):
    if found is not None and threading.get_ident() == found[0]:
        is_text = event == "compile" and COMMAND in str(arguments[0])
        if event in EXECUTING or is_text:
            found.append((event, arguments))


sys.addaudithook(_hear)  # Python has no way to take it off


@contextmanager
def executing_nothing():
    global found
    found = [threading.get_ident()]
    try:
        yield
    finally:
        events, found = found[1:], None
    assert not events, events


def test_the_hook_hears():
    with pytest.raises(AssertionError, match="Popen"), executing_nothing():
        sys.audit("subprocess.Popen", "test")


def flipped(data, rng):
    """Some bytes changed."""
    mutant = bytearray(data)
    for i in rng.integers(len(data), size=rng.integers(1, 9)):
        mutant[i] ^= rng.integers(1, 256)
    return bytes(mutant)


def cut(data, rng):
    return data[: rng.integers(len(data))]


def entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return buffer.getvalue()


def renamed(data, rng):
    """An entry under another name, swapped with one, or left out."""
    contents = entries(data)
    one, other = rng.choice(list(contents), 2)
    kind = rng.integers(4)
    if kind == 0:
        contents[one], contents[other] = contents[other], contents[one]
    elif kind == 1:
        del contents[one]
    else:
        contents[["../", "/absent/"][kind - 2] + one] = contents.pop(one)
    return zipped(contents)


def flipped_inside(data, rng):
    """A changed entry, whose checksum is right."""
    contents = entries(data)
    one = rng.choice(list(contents))
    contents[one] = flipped(contents[one], rng) if contents[one] else b"x"
    return zipped(contents)


def nodes(value):
    """All dicts in JSON."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, (dict, list)):
            yield from nodes(one)


def mutants(data, hostile):
    """`N_MUTANTS` files: damaged ones and, every other one, `hostile(data, rng)`."""
    damages = [flipped, cut, renamed, flipped_inside]
    for seed in range(N_MUTANTS):
        rng = np.random.default_rng(seed)
        change = hostile if seed % 2 else damages[seed // 2 % len(damages)]
        yield change(data, rng)


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    numbers = keras.Input((2,), name="numbers")
    text = keras.Input((1,), name="text", dtype="string")
    x = skmlp.layers.PeriodicEmbedding(4, 2, seed=0)(numbers)
    x = skmlp.layers.ParametricActivation("mish")(skmlp.layers.NTKDense(3)(x))
    code = keras.layers.StringLookup(vocabulary=["a", "b"])(text)
    x = keras.ops.concatenate([x, skmlp.layers.LevelEmbedding(3, 2)(code)], axis=1)
    model = keras.Model([numbers, text], keras.layers.Dense(1, activation="relu")(x))
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    model.save(path)
    return path.read_bytes()


class TestKerasFiles:
    """Keras reads them in its safe mode, with our layers."""

    @staticmethod
    def hostile(data, rng):
        """A strange class, function or Lambda in the configuration."""
        contents = entries(data)
        config = json.loads(contents["config.json"])
        named = [node for node in nodes(config) if "class_name" in node]
        node = named[rng.integers(len(named))]
        module, name = STRANGE[rng.integers(len(STRANGE))]
        kind = rng.integers(4)
        if kind == 0:
            node |= {"module": module, "class_name": name, "registered_name": name}
            node["config"] = {"command": COMMAND}
        elif kind == 1:
            function = {"module": module, "class_name": "function", "config": name}
            layer = next(one for one in named if one["class_name"] == "Dense")
            layer["config"]["activation"] = {**function, "registered_name": name}
        elif kind == 2:
            code = {"class_name": "__lambda__", "config": {"value": "4wAAAAA="}}
            node |= {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
            node["config"] = {"name": "x", "function": code}
        else:
            layer = next(one for one in named if one["class_name"] == "ParametricActivation")
            layer["config"]["function"] = {"class_name": name, "module": module, "config": {}}
        contents["config.json"] = json.dumps(config).encode()
        return zipped(contents)

    def test_mutants(self, keras_file, tmp_path):
        path = tmp_path / "folder" / "model.keras"
        path.parent.mkdir()
        n_loaded = 0
        for mutant in mutants(keras_file, self.hostile):
            path.write_bytes(mutant)
            with executing_nothing():
                try:
                    keras.models.load_model(path)
                    n_loaded += 1
                except Exception:
                    continue
        assert n_loaded < N_MUTANTS / 4
        assert [one.name for one in tmp_path.rglob("*")] == ["folder", "model.keras"]


@pytest.fixture(scope="module")
def fitted(iris, tmp_path_factory):
    """A classifier with a Keras object among its parameters, and a checkpoint."""
    directory = tmp_path_factory.mktemp("checkpoint")
    classifier = MLPClassifier(
        (4,),
        activation="prelu",
        optimizer=keras.optimizers.Adam(0.01),
        epochs=1,
        random_state=0,
        checkpoint_dir=str(directory),
    )
    return classifier.fit(*iris)


class TestSkopsFiles:
    """skops reads them, and trusts the types of `skops_trusted_types`."""

    @staticmethod
    def hostile(data, rng):
        """A node of another type, or of a type that skops calls."""
        contents = entries(data)
        schema = json.loads(contents["schema.json"])
        typed = [node for node in nodes(schema["content"]) if "__class__" in node]
        node = typed[rng.integers(len(typed))]
        module, name = STRANGE[rng.integers(len(STRANGE))]
        loaders = ["TypeNode", "FunctionNode", "ReduceNode", "MethodNode", "PartialNode"]
        kind = rng.integers(3)
        if kind == 0:
            node |= {"__module__": module, "__class__": name}
        elif kind == 1:
            node |= {"__module__": module, "__class__": name}
            node["__loader__"] = loaders[rng.integers(len(loaders))]
        else:
            other = typed[rng.integers(len(typed))]
            node |= {key: other[key] for key in ("__module__", "__class__", "__loader__")}
        contents["schema.json"] = json.dumps(schema).encode()
        return zipped(contents)

    def test_mutants(self, fitted, iris):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        data = skops_io.dumps(fitted)
        for mutant in mutants(data, self.hostile):
            with executing_nothing():
                try:
                    loaded = skops_io.loads(mutant, trusted=skops_trusted_types())
                    loaded.predict(iris[0])
                except Exception:
                    continue

    def test_types_that_are_not_trusted_are_named(self, fitted):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        contents = entries(skops_io.dumps(fitted))
        schema = json.loads(contents["schema.json"])
        schema["content"] |= {"__module__": "os", "__class__": "system"}
        contents["schema.json"] = json.dumps(schema).encode()
        with executing_nothing(), pytest.raises(TypeError, match=r"os\.system"):
            skops_io.loads(zipped(contents), trusted=skops_trusted_types())

    @pytest.mark.parametrize("kind", ["class", "function"])
    @pytest.mark.parametrize(("module", "name"), STRANGE)
    def test_text_of_keras_objects_names_nothing_strange(self, fitted, module, name, kind):
        """Nor does a file without a strange type, in which the text is exchanged."""
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        contents = entries(skops_io.dumps(fitted))
        named = {
            "class": {"class_name": name, "config": {}},
            "function": {"class_name": "function", "config": name, "registered_name": name},
        }
        text = json.dumps({"module": module, **named[kind]})
        schema = contents["schema.json"].decode()
        (old,) = {
            node["content"]
            for node in nodes(json.loads(schema))
            if "keras.optimizers" in str(node.get("content"))
            and isinstance(node["content"], str)
        }
        contents["schema.json"] = schema.replace(
            json.dumps(old), json.dumps(json.dumps(text))
        ).encode()
        loaded = skops_io.loads(zipped(contents), trusted=skops_trusted_types())
        with executing_nothing(), pytest.raises((ValueError, TypeError)):
            loaded.optimizer  # noqa: B018

    def test_nor_does_the_text_of_a_compiled_model(self, sine):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        regressor = KerasRegressor(model, epochs=1).fit(*sine)
        strange = {"module": "os", "class_name": "system", "config": {}}
        text = json.dumps({"optimizer": strange, "loss": "mse"})
        object.__setattr__(regressor._compiled, "text", text)
        with executing_nothing(), pytest.raises(ValueError, match="'system' of 'os'"):
            regressor.model_  # noqa: B018


class TestCheckpointFiles:
    """Ours alone: one sentence for each that is not whole."""

    @staticmethod
    def hostile(data, rng):
        """An array of pickled objects, or a fact of another type."""
        contents = entries(data)
        if rng.integers(2):
            name = rng.choice([one for one in contents if one != "facts.npy"])
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.array([Executed()]), allow_pickle=True)
            contents[name] = buffer.getvalue()
            return zipped(contents)
        facts = json.loads(str(np.load(io.BytesIO(contents["facts.npy"]))))
        name = rng.choice([one for one in facts if one != "format"])
        facts[name] = {"os.system": COMMAND}
        buffer = io.BytesIO()
        np.save(buffer, np.array(json.dumps(facts)))
        contents["facts.npy"] = buffer.getvalue()
        return zipped(contents)

    def test_mutants(self, fitted, tmp_path):
        data = (Path(fitted.checkpoint_dir) / "checkpoint.npz").read_bytes()
        path = tmp_path / "checkpoint.npz"
        loader = clone(fitted).set_params(checkpoint_dir=str(tmp_path))
        n_loaded = 0
        for mutant in mutants(data, self.hostile):
            path.write_bytes(mutant)
            with executing_nothing():
                try:
                    loader.load_checkpoint()
                    n_loaded += 1
                except ValueError as error:
                    message = str(error)
                    assert message.startswith("'checkpoint_dir' must"), message
                    assert message.count(". ") == 0
        assert n_loaded < N_MUTANTS / 4


class Executed:
    """An object whose pickle runs a command."""

    def __reduce__(self):
        return os.system, (COMMAND,)
