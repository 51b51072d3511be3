"""Names and endings of names are matched as git would match them."""

from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from per_audit.source.filters import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Names, compile_patterns

WORDS = st.sampled_from(["a", "b", "a.py", ".py", "x.y.py", "build", ".venv", "py", "-", "a-b_c", "A"])
LINES = st.lists(st.one_of(WORDS, st.sampled_from(["*.py", "*.y.py", "*.egg-info", "*.-"])), max_size=4)
PATHS = st.lists(st.one_of(WORDS, st.sampled_from(["c.egg-info", "q.-"])), min_size=1, max_size=4).map("/".join)


@given(LINES, PATHS, st.booleans())
def test_the_fast_matcher_agrees_with_the_general_one(lines, path, is_directory):
    plain = compile_patterns(lines)
    assert isinstance(plain, Names)
    inner = path + "/" * is_directory
    assert plain.verdict(inner) == GitIgnoreSpec.from_lines(lines).check_file(inner).include


def test_the_defaults_are_matched_fast():
    assert isinstance(compile_patterns(DEFAULT_EXCLUDE), Names)
    assert isinstance(compile_patterns(DEFAULT_INCLUDE), Names)


def test_other_patterns_are_not():
    for line in ("a/b", "a/", "!a", "*", "a*", "*.[ch]", "# a", "a\\ b", "**/a", " a"):
        assert isinstance(compile_patterns([line]), GitIgnoreSpec), line
