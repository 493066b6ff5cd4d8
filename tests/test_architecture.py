"""Imports go one way, and importing skmlp loads no TensorFlow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skmlp

PACKAGE = Path(skmlp.__file__).parent
# From what knows nothing of the others to what knows all: a module may import those of lines
# above its own, and within a line those to its left.
ORDER = """
_tensorflow _sklearn _activations _spec _state _docstrings _keras_text
_params _settings _portable _learned _column_types _encoding _columns _progress
_keras_objects _losses _optimizers _network _inference _metrics _exported
_engine.noise _engine.compiled _engine.recipe _engine.forward _engine.update _engine.program
_engine.stack_forward _engine.stack _engine.schedules _engine.stopping _engine.store
_engine.loop _engine.stack_loop _engine.callbacks _engine
_schedules _checkpoint_file _checkpoint _job _setup _single _stacking _halving
_gathering _training _fit_arguments _other_names _fit_warnings _fitted _checkpointed _base
_classifier _regressor
_wide_deep _wide_deep_classifier _wide_deep_regressor model_selection
_saved_types
""".split()  # noqa: SIM905
TENSORFLOW_ALLOWED = (
    "_tensorflow",
    "_keras_objects",
    "_losses",
    "_optimizers",
    "_network",
    "_metrics",
    "_exported",
    "_schedules",
    "_engine",
    "_setup",
    "_single",
    "_stacking",
    "_halving",
    "_gathering",
    "_training",
)
FOR_ANNOTATIONS = ("_fitted", "_job")  # import Keras under TYPE_CHECKING


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree):
    """(name, is inside a function) of every module that a module imports."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module, id(node) in inside
        elif isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)


@pytest.mark.parametrize(
    ("name", "tree"),
    [pytest.param(*module, id=module[0]) for module in modules() if module[0] != "__init__"],
)
def test_imports_go_one_way(name, tree):
    for imported, _ in imports(tree):
        if imported.startswith("skmlp."):
            assert ORDER.index(imported.removeprefix("skmlp.")) < ORDER.index(name), imported


def test_every_module_has_its_place():
    assert {name for name, _ in modules()} == {*ORDER, "__init__"}


def test_tensorflow_is_imported_only_by_what_trains():
    for name, tree in modules():
        loads = {
            module
            for module, inside in imports(tree)
            if not inside and (is_tensorflow(module) or module == "skmlp._tensorflow")
        }
        guarded = name in FOR_ANNOTATIONS
        assert not loads or guarded or name.startswith(TENSORFLOW_ALLOWED), name


def is_tensorflow(module):
    return module.split(".")[0] in ("tensorflow", "keras")


def test_tensorflow_is_first_imported_where_its_log_is_silenced():
    for name, tree in modules():
        if name == "_engine":
            first, *_ = (module for module, _ in imports(tree))
            assert first == "skmlp._tensorflow"
        elif not name.startswith(("_engine", "_tensorflow")) and name not in FOR_ANNOTATIONS:
            assert not any(is_tensorflow(module) for module, _ in imports(tree)), name


def test_the_engine_knows_nothing_of_scikit_learn_or_of_the_rest():
    for name, tree in modules():
        if name.startswith("_engine"):
            for imported, _ in imports(tree):
                assert not imported.startswith("sklearn")
                known = ("skmlp._engine", "skmlp._tensorflow")
                assert not imported.startswith("skmlp.") or imported.startswith(known)


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
