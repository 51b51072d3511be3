"""Expressions as terms."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic.expressions import Expressions

NUMPY = (
    "import pickle\nimport zlib\nfrom typing import cast\n"
    "import numpy as np\nimport torch\nimport torch.nn.functional as F\n"
)


@pytest.mark.parametrize(
    ("expression", "term"),
    [
        ("a + 2 * 3", "add(param[f.a], const[6])"),
        ("-a", "neg(param[f.a])"),
        ("-2", "const[-2]"),
        ("a if b else 0", "phi(param[f.a], const[0])"),
        ("a or 1", "phi(param[f.a], const[1])"),
        ("(a, 1)[0]", "param[f.a]"),
        ("{'w': a}['w']", "param[f.a]"),
        ("dict(w=a, i=b)['i']", "param[f.b]"),
        ("{'w': a, 'i': b}.get('i')", "param[f.b]"),
        ("dict(w=a).get('w', b)", "param[f.a]"),
        ("{'w': a}.get('i', b)", "call[.get](record[w](param[f.a]), const[i], param[f.b])"),
        ("a.get('w')", "call[.get](param[f.a], const[w])"),
        ("a[-1]", "item[-1](param[f.a])"),
        ("a[b]", "at(param[f.a], param[f.b])"),
        ("a[:b]", "slice(param[f.a], const, param[f.b], const)"),
        ("a[:]", "param[f.a]"),
        ("a[:, None]", "unsqueeze[1](param[f.a])"),
        ("a[None]", "unsqueeze[0](param[f.a])"),
        ("a[b, :]", "at(param[f.a], param[f.b])"),
        ("a[b, ..., :]", "at(param[f.a], param[f.b])"),
        ("a[0, :]", "item[0](param[f.a])"),
        ("a[:b, :]", "slice(param[f.a], const, param[f.b], const)"),
        ("a[np.newaxis, :]", "unsqueeze[0](param[f.a])"),
        ("a[:, 0]", "call[column](param[f.a], const[0])"),
        ("a[range(3), b]", "at(param[f.a], tuple(range(const[3]), param[f.b]))"),
        ("[x + 1 for x in a]", "collect(add(element(param[f.a]), const[1]))"),
        ("[x + 1 for x in (a, b)]", "tuple(add(param[f.a], const[1]), add(param[f.b], const[1]))"),
        ("[x + 1 for x in (a, *b)]", "collect(add(phi(param[f.a], element(param[f.b])), const[1]))"),
        ("[x for x in (a, b) if x]", "collect(phi(param[f.a], param[f.b]))"),
        ("list(filter(lambda x: x > b, a))", "collect(element(param[f.a]))"),
        (
            "torch.linspace(0, 1, 5).view(1, 5)",
            "reshape(call[torch.linspace](const[0], const[1], const[5]), const[1], const[5])",
        ),
        ("list(zip(a, b))", "collect(tuple(element(param[f.a]), element(param[f.b])))"),
        ("[a + 1] * b", "filled(alloc[list](param[f.b]), add(param[f.a], const[1]))"),
        ("[0.0] * b", "alloc[list](param[f.b])"),
        ("a.data", "detach(param[f.a])"),
        ("a.weights", "item[weights](param[f.a])"),
    ],
)
def test_expressions(term_of, expression, term):
    found = repr(term_of(expression, f"{NUMPY}def f(a, b):\n    return [{expression}]\n"))
    assert found == term


@pytest.mark.parametrize(
    ("expression", "term"),
    [
        ("pickle.loads(zlib.decompress(zlib.compress(pickle.dumps(a))))", "param[f.a]"),
        ("cast(int, a)", "param[f.a]"),
        ("np.power(a, b)", "pow(param[f.a], param[f.b])"),
        ("np.full(b, a.mean())", "filled(alloc[full](param[f.b]), mean(param[f.a]))"),
        ("np.full(b, 1.0)", "alloc[full](param[f.b])"),
        ("a.pow(2)", "pow(param[f.a], const[2])"),
        ("np.abs(a)", "abs(param[f.a])"),
        ("abs(a)", "abs(param[f.a])"),
        ("a.abs()", "abs(param[f.a])"),
        ("np.square(a)", "pow(param[f.a], const[2])"),
        ("a.sum()", "sum(param[f.a])"),
        ("np.mean(a, axis=1)", "mean[1](param[f.a])"),
        ("a.max(1)[0]", "max[1](param[f.a])"),
        ("torch.max(a, 1)[0]", "max[1](param[f.a])"),
        ("a.max(dim=1).values", "max[1](param[f.a])"),
        ("a.max(1, keepdim=True)[0]", "max[(1, 'keep')](param[f.a])"),
        ("torch.max(a, b)", "maximum(param[f.a], param[f.b])"),
        ("max(a, 1)", "maximum(param[f.a], const[1])"),
        ("np.min([1.0, a])", "minimum(const[1.0], param[f.a])"),
        ("np.clip(a, 0, b)", "clip(param[f.a], const[0], param[f.b])"),
        (
            "np.interp(a, [0, b], [0.4, 1.0])",
            "add(const[0.4], mul(clip(div(param[f.a], param[f.b]), const[0], const[1]), const[0.6]))",
        ),
        (
            "np.interp(a, (b, 9), (1, b))",
            "add(const[1], mul(clip(div(sub(param[f.a], param[f.b]), sub(const[9], param[f.b])), const[0], const[1]), "
            "sub(param[f.b], const[1])))",
        ),
        (
            "np.interp(a, [0, 1, 2], b)",
            "call[numpy.interp](param[f.a], tuple(const[0], const[1], const[2]), param[f.b])",
        ),
        ("a.clamp(min=1)", "clip(param[f.a], const[1], const)"),
        ("torch.tensor(a).float().to('cuda')", "param[f.a]"),
        ("round(float(a), 5)", "param[f.a]"),
        ("a.detach().cpu().numpy()", "detach(param[f.a])"),
        ("torch.max(a, b).cpu().numpy()", "maximum(param[f.a], param[f.b])"),
        ("torch.abs(a).mean(1)", "mean[1](abs(param[f.a]))"),
        ("a.unsqueeze(1)", "unsqueeze[1](param[f.a])"),
        ("a.reshape(-1, 1)", "reshape(param[f.a], const[-1], const[1])"),
        ("a.gather(1, b)", "gather[1](param[f.a], param[f.b])"),
        ("np.zeros((b, 1))", "alloc[zeros](param[f.b], const[1])"),
        ("F.mse_loss(a, b, reduction='none')", "loss[mse_loss.elementwise](param[f.a], param[f.b])"),
        ("F.mse_loss(a, b)", "loss[mse_loss.scalar](param[f.a], param[f.b])"),
        ("len(a)", "len(param[f.a])"),
        ("np.searchsorted(a, b)", "call[numpy.searchsorted](param[f.a], param[f.b])"),
        ("a.frobnicate(b)", "call[.frobnicate](param[f.a], param[f.b])"),
    ],
)
def test_calls_of_libraries(term_of, expression, term):
    found = repr(term_of(expression, f"{NUMPY}def f(a, b):\n    return [{expression}]\n"))
    assert found.replace("[(1, 'keep')]", "[1.keep]") == term.replace("[(1, 'keep')]", "[1.keep]")


def test_a_library_s_function_is_mapped_as_it_would_be_called(term_of):
    code = """
        import torch
        from pool import each
        def f(rows):
            return [map(torch.cat, rows), map(torch.as_tensor, rows), map(each, rows), rows.map(torch.cat, rows)]
    """
    text = "[map(torch.cat, rows), map(torch.as_tensor, rows), map(each, rows), rows.map(torch.cat, rows)]"
    joined, made, *others = term_of(text, code).args
    assert repr(joined) == "collect(stack[cat](element(param[f.rows])))"
    assert repr(made) == "collect(element(param[f.rows]))"
    assert [other.op for other in others] == ["call", "call"]


@pytest.mark.parametrize(
    ("before", "after", "most"),
    [("[y for y in ", "]", 1), ("[(", ") for y in (1, 2, 3)]", 400)],
    ids=["of one another", "over displays"],
)
def test_comprehensions_within_one_another_are_not_evaluated_again_with_each_level(
    term_of, monkeypatch, before, after, most
):
    seen = []
    evaluated = Expressions.eval

    def counted(self, node):
        seen.append(node)
        return evaluated(self, node)

    monkeypatch.setattr(Expressions, "eval", counted)
    nested = before * 8 + "rows" + after * 8
    term_of(nested, f"def f(rows):\n    return [{nested}]\n")
    assert 1 <= sum(isinstance(node, ir.Name) and node.id == "rows" for node in seen) <= most
