"""The code of README and documentation runs and prints what the pages show."""

import contextlib
import inspect
import io
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import skmlp
import skmlp.layers
import skmlp.model_selection

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
# Pages of most use, of one to three seconds each; others are marked slow
QUICK = "README", "index", "getting_started", "training", "validation", "checkpoints", "keras"
NOT_RUN = r"<!-- not run: [^\n]+ -->\n"
BLOCK = re.compile(
    rf"^(?P<not_run>{NOT_RUN})?```python\n(?P<code>.*?)^```$"
    r"(?:\n+```text\n(?P<output>.*?)^```$)?",
    flags=re.M | re.S,
)
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w])")


def blocks_of(page, not_run=False):
    """Each block's code, on the lines it has in the page, and the output that is shown or None.

    Blocks that are marked as not run are left out, unless `not_run`.
    """
    text = page.read_text(encoding="utf-8")
    return [
        ("\n" * text.count("\n", 0, block.start("code")) + block["code"], block["output"])
        for block in BLOCK.finditer(text)
        if not_run or not block["not_run"]
    ]


def run(page, blocks, monkeypatch):
    """Run blocks of a page in order in one namespace."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    script = types.ModuleType("__main__")  # where pickle looks for a page's own classes
    monkeypatch.setitem(sys.modules, "__main__", script)
    for code, shown in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, str(page), "exec"), vars(script))
        if shown is not None:
            assert_same_output(printed.getvalue(), shown)


def assert_same_output(printed, shown):
    """Equal words; numbers within 5 % or 0.02, because machines differ."""
    words, shown_words = (" ".join(NUMBER.sub(" # ", t).split()) for t in (printed, shown))
    assert words == shown_words
    numbers, shown_numbers = (np.array(NUMBER.findall(t), float) for t in (printed, shown))
    difference = np.abs(numbers - shown_numbers)
    wrong = difference > np.maximum(0.05 * np.abs(shown_numbers), 0.02)
    assert not wrong.any(), f"{numbers[wrong]}, but the page shows {shown_numbers[wrong]}"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if page.stem in QUICK else pytest.mark.slow)
        for name, page in PAGES.items()
        if blocks_of(page)
    ],
)
def test_code_of_the_page(name, tmp_path, monkeypatch):
    """A block of text that follows a block of code is what the code prints."""
    monkeypatch.chdir(tmp_path)
    run(PAGES[name], blocks_of(PAGES[name]), monkeypatch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow warns about itself, during import too
def test_code_that_needs_mlflow(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    page = PAGES["docs/saving.md"]
    always = blocks_of(page)
    blocks = [b for b in blocks_of(page, not_run=True) if b in always or "mlflow" in b[0]]
    assert len(blocks) > len(always)
    run(page, blocks, monkeypatch)


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("R2: 0.48\n", "R2: 0.49\n", True),
        ("[[0.97 0.03]]", "[[ 0.96  0.04 ]]", True),
        ("after 100 epochs", "after 104 epochs", True),
        ("loss 1e-05", "loss 1.4e-5", True),
        ("R2: 0.48", "R2: 0.51", False),
        ("after 100 epochs", "after 106 epochs", False),
        ("{'n_neurons': 30}", "{'n_hidden': 30}", False),
        ("float32", "float64", False),
        ("-1", "1", False),
        ("0.5 0.5", "0.5", False),
    ],
)
def test_output_may_differ_in_numbers_only(printed, shown, same):
    with contextlib.nullcontext() if same else pytest.raises(AssertionError):
        assert_same_output(printed, shown)


def test_blocks_are_written_as_the_tests_read_them():
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        fences = re.findall(r"^ *```(?:py|pycon|python3|python)\b.*$", text, flags=re.M)
        assert set(fences) <= {"```python"}, name
        assert len(fences) == len(BLOCK.findall(text)), name
        marks = re.findall("^<!-- not run", text, re.M)
        assert len(marks) == len(re.findall(f"^{NOT_RUN}```python$", text, re.M)), name


def test_links_of_the_readme_lead_to_files():
    """Sphinx checks those of the pages."""
    links = re.findall(r"\]\((?!http)([^)#]+)", PAGES["README.md"].read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("module", [skmlp, skmlp.layers, skmlp.model_selection])
def test_the_reference_has_every_public_name_with_examples(module):
    listed = PAGES["docs/api.md"].read_text(encoding="utf-8")
    listed = listed.split(f"currentmodule:: {module.__name__}\n", 1)[1]
    for name in set(module.__all__) - {"__version__"}:
        assert re.search(rf"^   {name}$", listed, re.M), name
        documentation = inspect.getdoc(getattr(module, name))
        assert re.search(r"^Examples\n-+\n(.*\n)*?>>> ", documentation, re.M), name
