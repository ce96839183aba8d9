"""How the documentation is built: `make docs`. Nothing is fetched, neither by the build nor by a reader's browser."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import matdisc

project = "matdisc"
author = "The matdisc developers"
project_copyright = author
release = version = matdisc.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "pages",
    "llms",
]
exclude_patterns = ["_build", "_ext", "_static", "deploy"]
suppress_warnings = ["toc.empty_glob"]  # a list may name all of its pages, and take in those that come later

html_theme = "furo"
html_title = f"matdisc {version}"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sphinx = False
html_copy_source = False
html_domain_indices = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"

myst_enable_extensions = ["attrs_inline", "deflist"]
myst_heading_anchors = 4

# Cells run in an empty folder, once for each change of the notebook; one that fails ends the build.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

default_role = "literal"  # docstrings have their code in single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Bools", "Floats", "Ints")}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]  # as a list: names there are no links
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
# Types in signatures are often of other packages, or of parts of ours that nobody handles by name.
nitpick_ignore_regex = [(r"py:(class|obj)", r".*")]

linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1|[^/]*example\.).*"]
