"""Sphinx's settings; build with `sphinx-build -W docs docs/_build`."""

import inspect
import os
import re
from pathlib import Path

from sklearn.datasets import get_data_home

from skmlp import __version__ as release

EXAMPLES = Path(__file__).parent.parent / "examples"
KERAS_DATA = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "datasets")
# A call in a script, the environment variable that names the data, and a file of its download
DATA = {
    "mnist": ("MNIST_NPZ", KERAS_DATA / "mnist.npz"),
    "fashion_mnist": ("FASHION_MNIST_NPZ", KERAS_DATA / "fashion-mnist"),
    "cifar10": ("CIFAR10_NPZ", KERAS_DATA / "cifar-10-batches-py-target"),
    "fetch_california_housing": ("", Path(get_data_home(), "cal_housing_py3.pkz")),
}


def scripts_with_data():
    """Names of the examples that run here; a build downloads nothing and shows the others."""
    return [
        script.name
        for script in sorted(EXAMPLES.glob("*.py"))
        if all(
            os.environ.get(variable) or download.exists()
            for call, (variable, download) in DATA.items()
            if re.search(rf"\b{call}\(", script.read_text(encoding="utf-8"))
        )
    ]


project = "skmlp"
author = "The skmlp developers"
project_copyright = author
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "literal"
smartquotes = False  # options begin with two hyphens, and strings are in straight quotes
# References of inherited scikit-learn docstrings to its own pages
suppress_warnings = ["ref.ref", "ref.term"]

myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

copybutton_selector = (
    "div.highlight-python pre, div.highlight-Python pre, div.highlight-console pre"
)

html_title = "skmlp"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("index", "getting_started", "experiments", "changelog", "search")
}
html_theme_options = {
    "logo": {"text": "skmlp"},
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
}

sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "auto_examples",
    "filename_pattern": rf"[\\/]({'|'.join(map(re.escape, scripts_with_data()))})$",
    "ignore_pattern": r"(^|[\\/])experiments\.py$",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("skmlp",),
    "backreferences_dir": "api/examples",
    "download_all_examples": False,
    "notebook_extensions": set(),
    "show_signature": False,
    "write_computation_times": False,
}


def constructor_signature(app, what, name, obj, options, signature, returns):
    """The parameters of a class; autodoc reads those of `__new__`, which takes anything."""
    if what != "class":
        return None
    constructor = inspect.signature(obj)
    plain = [p.replace(annotation=p.empty) for p in constructor.parameters.values()]
    return str(constructor.replace(parameters=plain, return_annotation=constructor.empty)), None


def link_examples_to_the_gallery(app, docname, source):
    """Links to scripts, which a repository's web pages follow, lead to pages of the site."""
    source[0] = re.sub(r"\]\(\.\./examples/(\w+)\.py\)", r"](auto_examples/\1.rst)", source[0])


def setup(app):
    app.connect("source-read", link_examples_to_the_gallery)
    app.connect("autodoc-process-signature", constructor_signature)
