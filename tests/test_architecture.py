"""Imports go one way, and importing skmlp loads no TensorFlow."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skmlp

PACKAGE = Path(skmlp.__file__).parent
# A module may import modules of its own folder and of folders before it in this list.
ORDER = (
    "_warnings",
    "_sklearn",
    "_data",
    "_keras",
    "layers",
    "_kinds",
    "_network",
    "_program",
    "_engine",
    "_checkpoints",
    "_training",
    "_parameters",
    "_targets",
    "_estimators",
    "_estimators.mlp",
    "_estimators.wide_deep",
    "_estimators.autoencoder",
    "_estimators.keras",
    "_estimators.tabular",
    "_export",
    "_displays",
    "_search",
    "model_selection",
    "onnx",
)
# Folders and modules that may import TensorFlow; others may only inside functions.
TENSORFLOW_ALLOWED = (
    "_engine",
    "_estimators.exported",
    "_estimators.tabular.exported",
    "_export",
    "_keras.loss_rules",
    "_keras.losses",
    "_keras.objects",
    "_keras.optimizers",
    "_keras.tensorflow",
    "_kinds.noise",
    "_kinds.sparse_inputs",
    "_network.keras_conversion",
    "_network.keras_model",
    "_network.keras_chain",
    "_network.keras_text",
    "_network.keras_whole",
    "_program",
    "_search.threads",
    "_training.metrics",
    "_training.schedules",
    "layers",
)
# Fitted estimators hold these, and predict where TensorFlow is missing.
TENSORFLOW_FORBIDDEN = (
    "_engine.capacity",
    "_engine.fitted",
    "_engine.state",
    "_engine.stopping",
)
FOR_ANNOTATIONS = (  # import Keras or TensorFlow under TYPE_CHECKING
    "_estimators.fitted",
    "_estimators.keras.base",
    "_estimators.tabular.model",
    "_export.keras_model",
    "_kinds.activations",
    "_kinds.autoencoder",
    "_kinds.base",
    "_kinds.embeddings",
    "_kinds.keras_layers",
    "_kinds.layer_values",
    "_kinds.tabular",
    "_network.keras_network",
    "_network.model_text",
    "_network.padded",
)


@cache
def modules():
    """(name, syntax tree) of each module."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.append((name.removesuffix(".__init__"), tree))
    return found


@cache
def imports(tree):
    """(name, is inside a function) of each module that a module imports."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.append((node.module, id(node) in inside))
        elif isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
    return found


def folder(name):
    """The folder of a module; a module that stands in none is its own."""
    return name.rpartition(".")[0] or name


def imported_modules(tree):
    """Names, inside the package, of the modules that a module imports."""
    named = (module for module, _ in imports(tree))
    return {name.removeprefix("skmlp.") for name in named if name.startswith("skmlp.")}


@pytest.mark.parametrize(
    ("name", "tree"),
    [pytest.param(*module, id=module[0]) for module in modules() if module[0] != "__init__"],
)
def test_imports_go_one_way(name, tree):
    for imported in imported_modules(tree):
        assert ORDER.index(folder(imported)) <= ORDER.index(folder(name)), imported


def test_no_folder_holds_a_circle_of_imports():
    graph = {name: imported_modules(tree) for name, tree in modules()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_every_folder_has_its_place():
    assert {folder(name) for name, _ in modules()} == {*ORDER, "__init__"}


def test_modules_are_short_and_say_what_they_hold():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") <= 420, path


def test_tensorflow_is_imported_only_by_what_trains():
    for name, tree in modules():
        loads = {
            module
            for module, inside in imports(tree)
            if not inside and (is_tensorflow(module) or module == "skmlp._keras.tensorflow")
        }
        allowed = name.startswith(TENSORFLOW_ALLOWED) and name not in TENSORFLOW_FORBIDDEN
        assert not loads or allowed or name in FOR_ANNOTATIONS, name


def is_tensorflow(module):
    return module.split(".")[0] in ("tensorflow", "keras")


def test_tensorflow_is_imported_where_its_log_is_silenced():
    for name, tree in modules():
        if name not in ("_keras.tensorflow", *FOR_ANNOTATIONS):
            assert not any(is_tensorflow(module) for module, _ in imports(tree)), name


def test_the_engine_knows_nothing_of_scikit_learn():
    """Nor do the modules that the engine imports from other folders."""
    graph = {name: imported_modules(tree) for name, tree in modules()}
    trees = dict(modules())
    known, left = set(), [name for name in trees if folder(name) == "_engine"]
    while left:
        known.add(name := left.pop())
        left += [imported for imported in graph[name] if imported not in known]
    for name in known:
        assert not any(module.startswith("sklearn") for module, _ in imports(trees[name])), name
    below = ORDER[: ORDER.index("_engine") + 1]
    assert {folder(name) for name in known} <= {*below} - {"_sklearn"}


def test_private_names_of_scikit_learn_are_imported_in_one_file():
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn"):
                private = [a.name for a in node.names if a.name.startswith("_")]
                hidden = any(part.startswith("_") for part in node.module.split("."))
                assert name == "_sklearn" or not (private or hidden), name


def test_importing_and_configuring_loads_no_tensorflow():
    script = (
        "import sys, skmlp\n"
        "from sklearn.base import clone\n"
        "repr(clone(skmlp.MLPRegressor(learning_rate=0.1)))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
