"""Functions that a library calls one of."""

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "tf.cond(flag, lambda: len, lambda: len)",
        "tf.cond(flag, true_fn=lambda: len, false_fn=lambda: len)",
        "tf.compat.v1.cond(flag, plain, plain)",
        "tf.case([(flag, lambda: len), (flag, plain)], default=lambda: len)",
        "tf.case([(flag, lambda: len), (flag, plain)])",
        "tf.switch_case(flag, [lambda: len, lambda: len])",
        "tf.cond(flag, lambda: tf.cond(flag, plain, plain), plain)",
        "tf.keras.backend.switch(flag, len, plain)",
        "jax.lax.cond(flag, same, same, len)",
        "jax.lax.cond(flag, same, lambda x: x, operand=len)",
        "jax.lax.cond(flag, len, same, len, same)",
        "jax.lax.switch(flag, [same, same], len)",
        "torch.cond(flag, same, same, (len,))",
    ],
)
def test_what_a_library_returns_is_what_the_functions_do(project, value_of, code):
    graph = project(f"""
        import jax
        import tensorflow as tf
        import torch
        from elsewhere import flag

        def plain():
            return len

        def same(x):
            return x

        {code}
    """)
    (atom,) = value_of(graph, code).atoms
    assert atom.name == "builtins.len"


@pytest.mark.parametrize("code", ["torch.linalg.cond(flag)", "tf.cond(flag, flag, flag)", "torch.cond(len, len)"])
def test_a_call_without_functions_is_none(project, value_of, code):
    graph = project(f"import torch, tensorflow as tf\nfrom elsewhere import flag\n{code}\n")
    assert not any(getattr(atom, "name", "") == "builtins.len" for atom in value_of(graph, code).atoms)
