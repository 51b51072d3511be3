"""Terms through calls, files and objects."""

import pytest


def test_helpers_are_inlined(term_of):
    code = "def g(x, k=2):\n    return x ** k\ndef f(a):\n    return [g(a)]\n"
    assert repr(term_of("[g(a)]", code)) == "tuple(pow(param[f.a], const[2]))"


def test_methods_of_other_files_are_inlined(term_of):
    memory = "class Memory:\n    def scaled(self, e):\n        return abs(e) + 1\n"
    main = "from memory import Memory\nm = Memory()\ndef f(a):\n    return [m.scaled(a)]\n"
    assert repr(term_of("[m.scaled(a)]", main, memory=memory)) == "tuple(add(abs(param[f.a]), const[1]))"


def test_items_of_what_is_returned_are_told_apart(term_of):
    code = "def g(x):\n    return x, 1\ndef f(a):\n    p, q = g(a)\n    return [q]\n"
    assert repr(term_of("[q]", code)) == "tuple(const[1])"


def test_records_keep_their_fields(term_of):
    code = """
        from collections import namedtuple
        Batch = namedtuple("Batch", "rows weights")
        def g(x):
            return Batch(x, x + 1)
        def f(a):
            return [g(a).weights]
    """
    assert repr(term_of("[g(a).weights]", code)) == "tuple(add(param[f.a], const[1]))"


def test_what_is_put_under_a_key_of_a_dictionary_is_found_there(term_of):
    code = """
        import numpy as np
        def f(a, n):
            made = {"rows": np.zeros(shape=n), "weights": np.zeros(shape=n)}
            for i in range(n):
                made["rows"][i] = i
            for i in range(n):
                made["weights"][i] = a
            made["sizes"] = n
            return [made["weights"], made["sizes"]]
    """
    weights, sizes = term_of('[made["weights"], made["sizes"]]', code).args
    assert repr(weights) == "filled(alloc[zeros](param[f.n]), param[f.a])"
    assert repr(sizes) == "param[f.n]"


def test_what_is_put_under_a_key_that_nobody_knows_may_be_any_item(term_of):
    code = """
        def f(a, b, keys):
            made = {"rows": a}
            for key in keys:
                made[key] = b
            return [made["rows"]]
    """
    assert {option.op for option in term_of('[made["rows"]]', code).args[0].args} == {"param", "unknown"}


def test_options_that_cannot_be_taken_apart_into_as_many_are_left_out(term_of):
    code = """
        def f(a, b, c):
            pair = (a, b) if c else (b, a, c)
            first, second, third = pair
            return [second]
    """
    assert repr(term_of("[second]", code)) == "tuple(param[f.a])"


def test_recursion_ends(term_of):
    code = "def g(x):\n    return g(x - 1) if x else 0\ndef f(a):\n    return [g(a)]\n"
    assert "call[project.g]" in repr(term_of("[g(a)]", code))


def test_properties_are_read(term_of):
    code = """
        class C:
            def __init__(self):
                self.sums = [0.0]
            @property
            def total(self):
                return self.sums[0]
            def f(self):
                return [self.total]
    """
    assert repr(term_of("[self.total]", code)) == "tuple(item[0](field[C.sums]))"


def test_constants_of_the_module_are_numbers(term_of):
    code = "LIMIT = int(1e5)\ndef f():\n    return [LIMIT]\n"
    assert repr(term_of("[LIMIT]", code)) == "tuple(const[100000.0])"


@pytest.fixture
def graph(project):
    return project("""
        class Memory:
            def __init__(self, size, alpha=0.6):
                self.size, self.alpha = size, alpha
            def update(self, i, error):
                self.rows = error
            def __setitem__(self, i, value):
                self.value = value
        def train(net):
            memory = Memory(100)
            memory.update(0, net.error() + 1)
            memory[3] = 5
    """)


def function(graph, name):
    return next(f for f in graph.project.functions if f.name == name)


def test_callers_pass_terms(graph):
    update = function(graph, "update")
    error = graph.symbols.run(update, "main.py").env["error"]
    assert [repr(term) for term, _, _ in graph.symbols.passed(error)] == [
        "add(call[.error](param[train.net]), const[1])"
    ]


def test_subscripts_of_objects_are_calls(graph):
    setter = function(graph, "__setitem__")
    value = graph.symbols.run(setter, "main.py").env["value"]
    assert [repr(term) for term, _, _ in graph.symbols.passed(value)] == ["const[5]"]


def test_attributes_have_what_is_assigned_to_them(graph):
    memory = next(c for c in graph.project.classes if c.name == "Memory")
    symbols = graph.symbols
    assert [repr(t) for t in symbols.options(symbols.field(memory, "size"))] == ["param[__init__.size]"]
    assert repr(symbols.expanded(symbols.field(memory, "size"))) == "const[100]"
    assert repr(symbols.expanded(symbols.field(memory, "alpha"))) == "const[0.6]"


def test_an_attribute_of_a_base_is_that_of_its_heirs(project):
    graph = project("""
        class Base:
            def __init__(self):
                self.x = 1
        class Heir(Base):
            def f(self):
                return self.x
    """)
    base, heir = sorted(graph.project.classes, key=lambda c: c.start)
    assert graph.symbols.field(heir, "x") == graph.symbols.field(base, "x")


@pytest.mark.parametrize(
    ("calls", "known"),
    [
        ("run(1)\n        run(2, size=200)", ["const[200]"]),
        ("run(1)", ["const[100]"]),  # nobody gives one: the default
        ("run(1, **read())", ["item[size](param[run.options])"]),
        ("pass", ["item[size](param[run.options])"]),  # whoever calls may give one
    ],
)
def test_what_callers_give_by_name_is_passed_on(project, calls, known):
    graph = project(f"""
        class Memory:
            def __init__(self, size=100):
                self.size = size
        def run(seed, **options):
            return Memory(**options)
        {calls}
    """)
    symbols = graph.symbols
    (size,) = symbols.options(symbols.field(graph.project.classes[0], "size"))
    found = [option for given in symbols.options(size) for option in symbols.options(given) or [given]]
    assert [repr(term) for term in found] == known


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ('{"memory": {"size": 50}}', ["const[50]"]),
        ('{"memory": {}}', ["const[100]"]),  # the default, as none of the dicts has the key
        ('{"memory": {"size": 50}} if big else {"memory": {"rate": 1}}', ["const[50]"]),
        ("read()", ["item[size](item[memory](param[make.settings]))"]),
    ],
)
def test_dicts_that_are_spread_give_what_they_hold(project, given, known):
    graph = project(f"""
        class Memory:
            def __init__(self, size=100):
                self.size = size
        def make(settings):
            return Memory(**settings["memory"])
        make({given})
    """)
    symbols = graph.symbols
    (size,) = symbols.options(symbols.field(graph.project.classes[0], "size"))
    found = [option for passed in symbols.options(size) for option in symbols.options(passed) or [passed]]
    assert [repr(option) for option in found] == known


def test_a_method_that_is_called_through_its_class_is_given_the_object(project):
    graph = project("""
        class Base:
            def __init__(self, size, rate=2):
                self.size, self.rate = size, rate
        class Heir(Base):
            def __init__(self, size, rate=3):
                Base.__init__(self, size, rate)
        Heir(5)
    """)
    base = next(c for c in graph.project.classes if c.name == "Base")
    symbols = graph.symbols
    assert repr(symbols.expanded(symbols.field(base, "size"))) == "const[5]"
    assert repr(symbols.expanded(symbols.field(base, "rate"))) == "const[3]"


def test_a_class_method_is_given_its_class(project):
    graph = project("""
        class Memory:
            def __init__(self, size):
                self.size = size
            @classmethod
            def of(cls, size):
                return cls(size)
        Memory.of(5)
    """)
    made = function(graph, "of")
    size = graph.symbols.run(made, "main.py").env["size"]
    assert [repr(term) for term, _, _ in graph.symbols.passed(size)] == ["const[5]"]


@pytest.mark.parametrize(
    "made", ["Actor.remote(7, 0.5)", "make(Actor, [7, 0.5])", "Memory.__init__(object.__new__(Memory), 7, 0.5)"]
)
def test_an_object_in_another_process_is_made_as_any_other(project, made):
    code = f"""
        import ray
        class Memory:
            def __init__(self, size, share):
                self.size, self.share = size, share
        Actor = ray.remote(Memory)
        def make(cls, given):
            return cls.remote(*given)
        held = {made}
    """
    graph = project(code)
    memory = next(c for c in graph.project.classes if c.name == "Memory")
    symbols = graph.symbols
    assert repr(symbols.expanded(symbols.field(memory, "size"))) == "const[7]"
    assert repr(symbols.expanded(symbols.field(memory, "share"))) == "const[0.5]"


def test_settings_that_a_function_hands_on_to_itself_are_followed_to_an_end(project, term_of):
    graph = project("""
        def walk(tree, depth=1):
            if depth:
                walk(tree["left"], tree["depth"])
            return walk(tree["right"]["left"], tree["left"]["depth"])

        walk({"left": {"depth": 1}, "depth": 3})
    """)
    symbols = graph.symbols
    (function,) = graph.project.functions
    read = [node for node in graph.events.values if type(node).__name__ == "Sub"]
    found = [symbols.options(part) for node in read for part in symbols.term("main.py", node).walk()]
    assert function.name == "walk"
    assert any(found)
