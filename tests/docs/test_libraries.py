"""docs/libraries.md is what the data files say."""

import importlib.util
from pathlib import Path

from per_audit.graph import frameworks

DOCS = Path(__file__).parents[2] / "docs"


def page():
    spec = importlib.util.spec_from_file_location("make_libraries", DOCS / "make_libraries.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.render()


def test_the_page_is_up_to_date():
    assert (DOCS / "libraries.md").read_text(encoding="utf-8") == page(), "run: python docs/make_libraries.py"


def test_every_library_has_a_section_with_its_buffers():
    text = page()
    for package in frameworks.packages():
        known = frameworks.framework(package)
        assert f"## {known.title}\n" in text
        for kind in known.kinds:
            assert all(f"`{name}`" in text for name in kind.names)
