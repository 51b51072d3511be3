"""The order of atoms, which no hash of a run decides."""

import random

from per_audit.facts import extract, ir
from per_audit.graph.interpret.order import Order
from per_audit.graph.interpret.values import (
    Alloc,
    ClassRef,
    External,
    Func,
    Instance,
    Item,
    Literal,
    ModuleRef,
    Record,
    RecordType,
    TupleOf,
    Value,
)
from per_audit.graph.project import Project

CODE = b"""
class First:
    def run(self):
        return [1], [2], {"a": 1}


class Second(First):
    pass
"""


def _project():
    return Project([extract("a.py", CODE), extract("copy.py", CODE)])


def _classes(project, path):
    return sorted((cls for cls in project.classes if project.path_of(cls) == path), key=lambda cls: cls.start)


def _atoms(project):
    """One of each kind and more, no two of which are equal."""
    first, second = _classes(project, "a.py")
    run = next(function for function in project.functions if project.path_of(function) == "a.py")
    lists = [
        node
        for module in project.modules.values()
        for node in module.nodes
        if isinstance(node, ir.Seq) and node.kind == "list"
    ]
    dicts = RecordType("dict", ("a",))
    return [
        *(Alloc(node, "list") for node in lists),
        Alloc(lists[0], "list", leaf="left"),
        External("torch.nn"),
        Item(lists[0]),
        Literal("1"),
        Literal(1.0),
        Literal(1),
        Literal(2),
        ModuleRef("a.py"),
        ModuleRef("copy.py"),
        Record(dicts, lists[0], (Value(),)),
        dicts,
        TupleOf(lists[0], (Value(),)),
        TupleOf(lists[1], (Value(),)),
        ClassRef(first),
        Instance(first),
        Func(run),
        Func(run, Instance(first)),
        Func(run, Instance(second)),
        ClassRef(second),
    ]


def test_atoms_of_all_kinds_have_one_order_whatever_set_they_come_from():
    project = _project()
    atoms = _atoms(project)
    orders = []
    for seed in range(20):
        random.Random(seed).shuffle(atoms)
        orders.append(list(Order(project).atoms(frozenset(atoms))))
    assert all(order == orders[0] for order in orders)
    places = {Order(project)._place(atom) for atom in atoms}
    assert len(places) == len(atoms), "two atoms of one place would come in the order of a set"


def test_functions_and_classes_of_the_project_come_last_by_their_places():
    project = _project()
    first, second = _classes(project, "a.py")
    copied = _classes(project, "copy.py")[0]
    atoms = frozenset((ClassRef(copied), ClassRef(second), ClassRef(first), External("torch")))
    wanted = [External("torch"), ClassRef(first), ClassRef(second), ClassRef(copied)]
    assert list(Order(project).atoms(atoms)) == wanted


def test_nodes_come_by_file_and_place():
    project = _project()
    nodes = [node for module in project.modules.values() for node in module.nodes if isinstance(node, ir.Const)]
    places = [(project.path_of(node), node.start) for node in Order(project).nodes(frozenset(nodes))]
    assert places == sorted((project.path_of(node), node.start) for node in nodes)
    assert len(places) > 2
