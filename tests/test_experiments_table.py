"""What the examples share, and the table of their results."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def load(path):
    spec = importlib.util.spec_from_file_location(f"shared_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load(ROOT / "docs" / "experiments.py")
shared = load(ROOT / "examples" / "experiments.py")


def arguments(monkeypatch, *given, **kwargs):
    monkeypatch.setattr("sys.argv", ["example.py", *given])
    return shared.arguments("An example.", **kwargs)


def test_the_page_is_that_of_the_records():
    assert table.PAGE.read_text() == table.page(), "run python docs/experiments.py"


@pytest.mark.parametrize("script", sorted({row.script for row in table.EXPERIMENTS.values()}))
def test_each_row_has_its_script(script):
    assert (ROOT / "examples" / f"{script}.py").exists()


def test_options(monkeypatch):
    given = arguments(monkeypatch)
    assert (given.full, given.data, given.seeds, given.json) == (False, None, 1, None)
    assert arguments(monkeypatch, ids=("C1", "C2")).only == ["C1", "C2"]
    given = arguments(monkeypatch, "--full", "--only", "C2", "--seeds", "3", ids=("C1", "C2"))
    assert (given.full, given.only, given.seeds) == (True, ["C2"], 3)


def test_images_come_from_a_file(monkeypatch, tmp_path):
    X, y = np.zeros((3, 28, 28), np.uint8), np.array([[1], [2], [3]], np.uint8)
    file = tmp_path / "images.npz"
    np.savez(file, X_train=X, y_train=y, X_test=X[:1], y_test=y[:1])
    monkeypatch.setenv("MNIST_NPZ", str(file))
    for images in (shared.mnist(), shared.fashion_mnist(str(file))):
        assert [array.shape for array in images] == [(3, 28, 28), (3,), (1, 28, 28), (1,)]


def test_a_second_record_replaces_the_first(monkeypatch, tmp_path):
    file = tmp_path / "results.json"
    given = arguments(monkeypatch, "--json", str(file))
    shared.record(given, "C2", 1.0, configuration="one", measured={"accuracy": 0.5})
    shared.record(given, "C2", 1.0, configuration="two", measured={"accuracy": 0.6})
    shared.record(
        given, "C2", [1.0, 2.0], configuration="one", measured={"accuracy": [0.7, 0.8]}
    )
    two, one = json.loads(file.read_text())
    assert (two["configuration"], two["measured"]) == ("two", {"accuracy": [0.6]})
    assert (one["seconds"], one["measured"]) == ([1.0, 2.0], {"accuracy": [0.7, 0.8]})


def test_a_row_shows_medians():
    rows = [
        {
            "configuration": name,
            "seconds": [3.0, 1.0, 2.0],
            "measured": {"accuracy": [0.1, 0.9, value]},
        }
        for name, value in (("small", 0.5), ("large", 0.6))
    ]
    line = table.line("C2", rows)
    assert "small: accuracy 0.5<br>large: accuracy 0.6 | 3 | 2<br>2 |" in line
    assert "not yet run" in table.line("C2", [])
