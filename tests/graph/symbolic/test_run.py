"""Statements with terms: branches, loops, what is left early."""

import pytest


def test_names_are_followed(term_of):
    assert repr(term_of("c", "def f(a):\n    b = a + 1\n    c = b\n    return c\n")) == "add(param[f.a], const[1])"


def test_branches_are_alternatives(term_of):
    code = "def f(a, b):\n    if b:\n        c = a\n    else:\n        c = 2\n    return [c]\n"
    assert repr(term_of("[c]", code)) == "tuple(phi(param[f.a], const[2]))"


def test_a_branch_that_returns_goes_no_further(term_of):
    code = "def f(a):\n    if a is None:\n        a = 0\n        return a\n    return [a]\n"
    assert repr(term_of("[a]", code)) == "tuple(param[f.a])"


def test_a_branch_that_raises_goes_no_further(term_of):
    code = "def f(a, b):\n    c = a\n    if b:\n        c = 1\n        raise ValueError(c)\n    return [c]\n"
    assert repr(term_of("[c]", code)) == "tuple(param[f.a])"


def test_a_loop_may_not_run(term_of):
    code = "def f(n):\n    c = 0\n    for i in range(n):\n        c = i\n    return [c]\n"
    assert repr(term_of("[c]", code)) == "tuple(phi(const[0], element(range(param[f.n]))))"


def test_a_loop_that_changes_a_name_knows_that_it_does(term_of):
    code = "def f(n):\n    c = 0\n    while n:\n        c = c + 2\n    return c\n"
    assert term_of("c + 2", code).args[0].op == "loop"


def test_a_loop_that_changes_an_attribute_knows_that_it_does(term_of):
    code = """
        class C:
            def f(self, n):
                self.c = 1
                while self.c < n:
                    self.c *= 2
                return [self.c]
    """
    first, doubled = term_of("[self.c]", code).args[0].args
    assert (first.number, doubled.op) == (1, "mul")
    assert (doubled.args[0].op, doubled.args[0].args[0].number) == ("loop", 1)


def test_what_is_bound_before_a_break_is_known_after_the_loop(term_of):
    code = "def f(a):\n    while a:\n        if a > 1:\n            c = 7\n            break\n    return [c]\n"
    assert "const[7]" in repr(term_of("[c]", code))


def test_lists_collect_what_is_appended(term_of):
    code = "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x * 2)\n    return [out]\n"
    assert repr(term_of("[out]", code)) == "tuple(collect(mul(element(param[f.xs]), const[2])))"


def test_arrays_are_filled(term_of):
    code = """
        import numpy as np
        def f(n, p):
            w = np.empty((n, 1))
            for i in range(n):
                w[i, 0] = p[i]
            return [w]
    """
    assert repr(term_of("[w]", code)) == (
        "tuple(filled(alloc[empty](param[f.n], const[1]), at(param[f.p], element(range(param[f.n])))))"
    )


def test_attributes_have_the_value_assigned_last(term_of):
    code = "class C:\n    def f(self, a):\n        self.x = a\n        return [self.x]\n"
    assert repr(term_of("[self.x]", code)) == "tuple(param[f.a])"


def test_attributes_assigned_elsewhere_are_fields(term_of):
    code = "class C:\n    def __init__(self):\n        self.x = 3\n    def f(self):\n        return [self.x]\n"
    assert repr(term_of("[self.x]", code)) == "tuple(field[C.x])"


def test_augmented_assignments_compute(term_of):
    code = "def f(a):\n    a /= a.sum()\n    return [a]\n"
    assert repr(term_of("[a]", code)) == "tuple(div(param[f.a], sum(param[f.a])))"


def test_what_a_random_number_chooses_is_found(term_of):
    code = """
        import random
        class Tree:
            def __init__(self):
                self.sums = [0.0] * 8
            def find(self):
                mass, node = random.uniform(0, self.sums[1]), 1
                while node < 4:
                    if mass <= self.sums[2 * node]:
                        node = 2 * node
                    else:
                        mass -= self.sums[2 * node]
                        node = 2 * node + 1
                return [node]
    """
    found = term_of("[node]", code).args[0]
    assert any(part.op == "found" for part in found.walk())


@pytest.mark.parametrize("header", ["with a as b:", "try:", "for _ in a:"])
def test_bodies_of_other_statements_are_executed(term_of, header):
    tail = "    except Exception:\n        pass\n" if header == "try:" else ""
    code = f"def f(a):\n    c = 0\n    {header}\n        c = 5\n{tail}    return [c]\n"
    assert "const[5]" in repr(term_of("[c]", code))


def test_matches_are_alternatives(term_of):
    code = "def f(a):\n    c = 0\n    match a:\n        case 1:\n            c = 5\n    return [c]\n"
    assert repr(term_of("[c]", code)) == "tuple(phi(const[0], const[5]))"


@pytest.mark.parametrize(
    ("first", "again", "found"),
    [
        ("if b:\n        c = a", "if b:", "param[f.a]"),
        ("if isinstance(b, int):\n        c = a", "if isinstance(b, int):", "param[f.a]"),
        ("if not b:\n        c = a", "if b:", "const[2]"),
        ("if b is not None:\n        c = a\n    else:\n        c = 3", "if b is None:", "const[3]"),
        ("if b:\n        c = a", "if a:", "phi(param[f.a], const[2])"),
        ("if b:\n        c = a\n    b = a", "if b:", "phi(param[f.a], const[2])"),  # another test by then
        ("if b > 1:\n        c = a", "if b > 1:", "phi(param[f.a], const[2])"),  # what is counted may have grown
        ("if g(b):\n        c = a", "if g(b):", "phi(param[f.a], const[2])"),  # another answer
    ],
)
def test_a_test_that_is_asked_again_holds_again(term_of, first, again, found):
    code = f"def f(a, b):\n    c = 2\n    {first}\n    {again}\n        return [c]\n"
    assert repr(term_of("[c]", code)) == f"tuple({found})"


def test_what_is_changed_after_a_test_is_not_what_the_branch_made_it(term_of):
    code = "def f(a, b):\n    c = 2\n    if b:\n        c = a\n    c = c + 1\n    if b:\n        return [c]\n"
    assert repr(term_of("[c]", code)) == "tuple(add(phi(param[f.a], const[2]), const[1]))"


@pytest.mark.parametrize(
    ("test", "given", "found"),
    [
        ("b is not None", "", "const[2]"),
        ("b is not None", ", b=None", "const[2]"),
        ("b is None", "", "param[g.x]"),
        ("b", ", b=True", "param[g.x]"),
        ("not b", ", b=True", "const[2]"),
        ("a is not None and b is not None", "", "const[2]"),
        ("b is not None", ", b=x", "phi(param[g.x], const[2])"),
    ],
)
def test_a_test_of_what_a_call_gives_comes_out_one_way(term_of, test, given, found):
    code = f"def f(a, b=None):\n    c = 2\n    if {test}:\n        c = a\n    return c\n"
    code += f"def g(x):\n    return [f(x{given})]\n"
    assert repr(term_of(f"[f(x{given})]", code)) == f"tuple({found})"
    chosen = f"def f(a, b=None):\n    return a if {test} else 2\ndef g(x):\n    return [f(x{given})]\n"
    assert repr(term_of(f"[f(x{given})]", chosen)) == f"tuple({found})"


def test_a_parameter_that_is_bound_again_is_no_longer_what_the_call_gave(term_of):
    code = "def f(a, b=None):\n    c = 2\n    b = b or a\n    if b is not None:\n        c = a\n    return c\n"
    assert "param[g.x]" in repr(term_of("[f(x)]", code + "def g(x):\n    return [f(x)]\n"))


@pytest.mark.parametrize(
    ("signature", "called", "made"),
    [
        ("a, b, w", "*parts, 7", "const[7]"),
        ("a, w, b", "*parts, 7, 8", "const[7]"),
        ("w, a, b", "*parts, 7", "item[0](param[run.parts])"),
        ("a, w, b=3", "*parts, 7", "phi(item[1](param[run.parts]), const[7])"),
        ("a, b, w", "*parts", "item[2](param[run.parts])"),
    ],
)
def test_arguments_behind_a_star_are_for_the_last_parameters(term_of, signature, called, made):
    code = f"def learn({signature}):\n    return w\n\ndef run(parts):\n    return [learn({called})]\n"
    assert repr(term_of(f"[learn({called})]", code)) == f"tuple({made})"
