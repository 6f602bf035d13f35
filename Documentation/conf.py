# SPDX-License-Identifier: GPL-2.0
"""How Sphinx makes pages of this directory; run by scripts/htmldocs.

kernel-doc and the extensions around it are those of the kernel's source in
$KERNEL_SOURCE: "kerneldoc" takes comments out of C files, "automarkup" makes links
of function names and of names of pages.
"""

import os
import sys

kernel = os.environ["KERNEL_SOURCE"]
sys.path.insert(0, kernel + "/Documentation/sphinx")

project = "kspan"
extensions = ["kerneldoc", "automarkup", "sphinx.ext.graphviz"]
needs_sphinx = "5.0"
primary_domain = "c"
highlight_language = "none"

kerneldoc_bin = kernel + "/scripts/kernel-doc"
kerneldoc_srctree = os.path.dirname(os.path.abspath(os.path.dirname(__file__) or "."))

# What kernel headers define, and stands in declarations.
c_id_attributes = ["__malloc", "__always_inline", "notrace"]
c_paren_attributes = ["__alloc_size"]

# One look for all pictures, so that a .dot file says only what there is.
graphviz_output_format = "svg"
graphviz_dot_args = ["-Gfontname=sans-serif", "-Nfontname=sans-serif", "-Efontname=sans-serif",
                     "-Gfontsize=11", "-Nfontsize=10", "-Efontsize=9", "-Nshape=box",
                     "-Nheight=0.3", "-Ncolor=#444444", "-Ecolor=#444444",
                     "-Earrowsize=0.7", "-Gbgcolor=transparent"]

html_theme = "alabaster"
html_theme_options = {"description": "a slab allocator whose heap can be profiled",
                      "page_width": "min(1280px, 100%)", "sidebar_width": "220px",
                      "body_max_width": "none", "font_size": "15px",
                      "font_family": "sans-serif", "head_font_family": "sans-serif"}
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
