"""Dictionaries that are made of others."""

import pytest

BATCH = """
    def drawn(w, rows, name):
        {code}

    batch = drawn(1, 2.5, input())
    batch["w"], batch["rows"], batch["other"]
"""


@pytest.mark.parametrize(
    "code",
    [
        "d = {'rows': rows}; d['w'] = w; return d",
        "d = {'rows': rows}; d.update(w=w); return d",
        "d = {'rows': rows}; d.setdefault('w', w); return d",
        "d = {'rows': rows}; d.update(dict(w=w)); return d",
        "d = {'rows': rows}; d.update({'w': w}); return d",
        "d = {'rows': rows}; d.update([('w', w)]); return d",
        "d = {'rows': rows, 'w': 0}; d.update({'w': w}); return d",
        "d = {'rows': rows}; d |= {'w': w}; return d",
        "d = {'rows': rows} | {'w': w}; return d",
        "d = {'rows': rows}; return {**d, 'w': w}",
        "d = {'rows': rows}; return {'w': w, **d}",
        "d = {'rows': rows}; return dict(d, w=w)",
        "d = {'rows': rows}; return dict(**d, w=w)",
        "return dict([('w', w), ('rows', rows)])",
        "d = dict(rows=rows).copy(); d['w'] = w; return d",
    ],
)
def test_what_a_dictionary_holds_is_known_by_its_keys(project, value_of, code):
    graph = project(BATCH.replace("{code}", code))
    assert value_of(graph, 'batch["w"]').literal() == 1
    assert value_of(graph, 'batch["rows"]').literal() == 2.5


@pytest.mark.parametrize("code", ["d.update({name: w})", "d.update(zip(name, (w,)))", "d |= name"])
def test_what_keys_are_not_known_of_may_be_under_any(project, value_of, code):
    code = f"d = {{'rows': rows}}; {code}; return d"
    graph = project(BATCH.replace("{code}", code).replace("input()", "{input(): 1}"))
    assert value_of(graph, 'batch["other"]').literal() == 1
    assert value_of(graph, 'batch["rows"]').literal() == 2.5


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("rows.get('w')", 1),
        ("rows.pop('w')", 1),
        ("rows.get('w', 1)", 1),
        ("rows.get('w', 2)", None),  # either
        ("rows.get('elsewhere')", None),
    ],
)
def test_an_item_is_asked_for_by_its_key(project, value_of, code, known):
    graph = project(f"rows = dict(w=1, v=2)\n{code}\n")
    assert value_of(graph, code).literal() == known


def test_an_attribute_may_hold_a_dictionary_that_gets_another_key(project, value_of):
    graph = project("""
        class Holder:
            def __init__(self):
                self.batch = {"rows": 2}

            def fill(self, w):
                self.batch["w"] = w

        holder = Holder()
        holder.fill(1)
        holder.batch["w"], holder.batch["rows"]
    """)
    assert value_of(graph, 'holder.batch["w"]').literal() == 1
    assert value_of(graph, 'holder.batch["rows"]').literal() == 2


def test_sets_are_united_as_sets(project, value_of):
    graph = project("seen = {1} | {2}\nseen |= {3}\nseen\n")
    assert not any(hasattr(atom, "items") for atom in value_of(graph, "seen").atoms)
