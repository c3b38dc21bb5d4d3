"""Settings of Sphinx for the site. ``build_site.py`` copies this file beside the pages that it collects."""

import json
import os
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
SETTINGS = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))  # by build_site.py

project = html_title = "L-PRNet"
author = "L-PRNet contributors"
release = SETTINGS["version"]
language = "en"
extensions = ["myst_nb", "sphinx_copybutton"]
exclude_patterns = ["_static"]
highlight_language = "none"  # of code blocks that name no language: commands
nb_execution_mode = "off"  # the notebooks are committed with their outputs
nb_number_source_lines = False
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4  # links to a heading are checked
myst_links_external_new_tab = False

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_baseurl = SETTINGS["address"] + "/"
html_copy_source = True  # what the download button gives
html_show_sourcelink = False
html_last_updated_fmt = ""
html_theme_options = {
    "repository_url": SETTINGS["repository"],
    "repository_branch": SETTINGS["branch"],
    "path_to_docs": "",
    "use_repository_button": True,
    "use_issues_button": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "launch_buttons": {"colab_url": "https://colab.research.google.com", "notebook_interface": "jupyterlab"},
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search is in the side bar
    "home_page_in_toc": True,
}

# external links, checked every week: these servers refuse programs, or need somebody who is logged in
linkcheck_timeout = 30
linkcheck_retries = 3
linkcheck_anchors = False
linkcheck_ignore = [
    rf"{SETTINGS['repository']}/(compare|security|issues/new)",
    r"http://localhost",
    r"https://doi\.org",
]


def describe_pictures(app, doctree):
    """Give the figures of notebooks the descriptions that are stored with them, by the hash that names the file."""
    for node in doctree.findall(nodes.image):
        known = SETTINGS["descriptions"].get(os.path.splitext(os.path.basename(node["uri"]))[0])
        if known:
            node["alt"] = known
        node.attributes.pop("height", None)  # the width is enough: a phone makes both smaller


def setup(app):
    app.connect("doctree-read", describe_pictures)
