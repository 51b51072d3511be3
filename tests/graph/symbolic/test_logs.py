"""Powers that are computed by logarithms."""

import pytest

HEADER = "import math\nimport numpy as np\nimport torch\nimport jax.numpy as jnp\nimport tensorflow as tf\n"


@pytest.mark.parametrize(
    ("expression", "term"),
    [
        ("np.exp(np.log(x))", "param[f.x]"),
        ("np.exp(-b * np.log(x))", "pow(param[f.x], neg(param[f.b]))"),
        ("math.exp(math.log(x) * -b)", "pow(param[f.x], neg(param[f.b]))"),
        ("np.exp(-(b * np.log(x)))", "pow(param[f.x], neg(param[f.b]))"),
        ("np.exp(-np.log(x) * b)", "pow(param[f.x], neg(param[f.b]))"),
        ("np.exp(-np.log(x))", "pow(param[f.x], const[-1])"),
        ("np.exp(0.5 * np.log(x))", "pow(param[f.x], const[0.5])"),
        ("np.exp(-(0.5 * np.log(x)))", "pow(param[f.x], const[-0.5])"),
        ("np.exp(-(-b * np.log(x)))", "pow(param[f.x], param[f.b])"),
        ("np.exp(np.log(x) / b)", "pow(param[f.x], div(const[1], param[f.b]))"),
        ("torch.exp(-b * torch.log(n * x))", "pow(mul(param[f.n], param[f.x]), neg(param[f.b]))"),
        ("jnp.exp(-b * (jnp.log(n) + jnp.log(x)))", "pow(mul(param[f.n], param[f.x]), neg(param[f.b]))"),
        ("tf.exp(-b * (tf.math.log(x) - tf.math.log(n)))", "pow(div(param[f.x], param[f.n]), neg(param[f.b]))"),
        ("(x.log() * -b).exp()", "pow(param[f.x], neg(param[f.b]))"),
        ("np.exp(-b * np.log(x)[n])", "pow(at(param[f.x], param[f.n]), neg(param[f.b]))"),
        ("np.exp(np.log(x) - np.log(x).max())", "div(param[f.x], max(param[f.x]))"),
        ("np.exp(np.log(x if b else n))", "phi(param[f.x], param[f.n])"),
        ("np.exp(b * (np.log(x) if n else np.log(b)))", "pow(phi(param[f.x], param[f.b]), param[f.b])"),
        # what is no logarithm, or no multiple of one, stays as it is written
        ("np.exp(-b * x)", "exp(mul(neg(param[f.b]), param[f.x]))"),
        ("np.exp(b + np.log(x))", "mul(exp(param[f.b]), param[f.x])"),
        ("np.exp(np.log(x) * np.log(b))", "exp(mul(log(param[f.x]), log(param[f.b])))"),
        ("np.exp(b / np.log(x))", "exp(div(param[f.b], log(param[f.x])))"),
        ("np.exp(np.log(x) ** 2)", "exp(pow(log(param[f.x]), const[2]))"),
        ("np.exp(np.log(x).sum())", "exp(sum(log(param[f.x])))"),
    ],
)
def test_the_exponential_of_logarithms_is_a_power(term_of, expression, term):
    assert repr(term_of(expression, f"{HEADER}def f(x, b, n):\n    made = {expression}\n")) == term
