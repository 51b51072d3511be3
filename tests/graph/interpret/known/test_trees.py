"""Memories of arrays in a tree, that a function is called for leaf by leaf."""

import pytest

MEMORY = """
    from typing import NamedTuple
    import jax
    import jax.numpy as jnp

    class Row(NamedTuple):
        obs: jax.Array
        action: jax.Array
        reward: jax.Array
        discount: jax.Array
        next_obs: jax.Array

    class Memory(NamedTuple):
        rows: Row
        mass: jax.Array
        at: int
        size: int

    def init(example, capacity):
        rows = jax.tree_util.tree_map(lambda x: jnp.zeros((capacity, *jnp.shape(x))), example)
        return Memory(rows, jnp.zeros(capacity), 0, 0)

    def add(memory, row):
        rows = jax.tree_util.tree_map(lambda held, new: held.at[memory.at].set(new), memory.rows, row)
        mass = memory.mass.at[memory.at].set(1.0)
        return Memory(rows, mass, (memory.at + 1) % memory.mass.shape[0], memory.size + 1)

    def sample(memory, key, n):
        sums = jnp.cumsum(memory.mass**0.6)
        slots = jnp.searchsorted(sums, jax.random.uniform(key, (n,)) * sums[-1])
        weights = (memory.size * memory.mass[slots] / sums[-1]) ** -0.4
        return slots, jax.tree_util.tree_map(lambda held: held[slots], memory.rows), weights

    def rate(memory, slots, errors):
        return memory._replace(mass=memory.mass.at[slots].set(errors))

    def train(env, params, key):
        memory = init(Row(jnp.zeros(4), 0, 0.0, 0.0, jnp.zeros(4)), 5000)
        obs, _ = env.reset()
        for _ in range(50_000):
            action = (obs @ params).argmax()
            next_obs, reward, terminated, truncated, _ = env.step(action)
            memory = add(memory, Row(obs, action, reward, 0.9 * (1 - terminated), next_obs))
            obs = next_obs
            slots, batch, weights = sample(memory, key, 32)
            aim = batch.reward + batch.discount * (batch.next_obs @ params).max(-1)
            errors = aim - (batch.obs @ params)[:, 0]
            params = params + 0.1 * (weights * errors) @ batch.obs
            memory = rate(memory, slots, jnp.abs(errors))
"""
SEARCHED = """sums = jnp.cumsum(memory.mass**0.6)
        slots = jnp.searchsorted(sums, jax.random.uniform(key, (n,)) * sums[-1])"""


@pytest.mark.parametrize("function", ["jax.tree_util.tree_map", "jax.tree.map", "jax.tree_map"])
def test_a_memory_is_made_filled_and_read_leaf_by_leaf(project, function):
    graph = project(MEMORY.replace("jax.tree_util.tree_map", function))
    (memory,) = graph.buffers
    assert memory.kind == "prioritised"
    assert {"state", "reward", "next", "done"} <= memory.roles
    leaves = {container.leaf for container in memory.containers}
    assert leaves == {"obs.", "action.", "reward.", "discount.", "next_obs.", ""}
    assert graph.priorities(memory).updated()


def test_it_is_drawn_from_uniformly_where_every_position_has_the_same_chance(project):
    uniform = "sums, slots = [1.0], jax.random.randint(key, (n,), 0, memory.size)"
    (memory,) = project(MEMORY.replace(SEARCHED, uniform).replace("memory.mass[slots]", "memory.mass[0]")).buffers
    assert memory.kind == "uniform"


def test_priorities_that_nothing_rates_anew_are_not_updated(project):
    graph = project(MEMORY.replace("memory = rate(", "kept = len("))
    (memory,) = graph.buffers
    assert not graph.priorities(memory).updated()


def test_a_library_function_leaves_a_tree_as_it_is_where_it_converts_its_leaves(project, value_of):
    graph = project("""
        import jax
        import jax.numpy as jnp

        rows = (1, {"a": [2]})
        jax.tree.map(jnp.asarray, rows)
    """)
    assert value_of(graph, "jax.tree.map(jnp.asarray, rows)") == value_of(graph, "rows")


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("lambda x: len, (1, 2)", 2),
        ("lambda x, y: len, (1, 2), (3, 4)", 2),
        ("lambda x, y: len, (1, 2), other", 2),
        ("lambda x, y: len, (1, 2), (3, 4, 5)", 2),
        ("lambda *x: len, *other", None),
        ("other, (1, 2)", None),
    ],
)
def test_what_is_known_of_a_tree_is_known_of_what_is_made_of_it(project, value_of, given, items):
    graph = project(f"import jax\nfrom elsewhere import other\njax.tree.map({given})\n")
    (atom,) = value_of(graph, f"jax.tree.map({given})").atoms or [None]
    assert len(getattr(atom, "items", ())) == (items or 0)
    if items:
        assert all(next(iter(item.atoms)).name == "builtins.len" for item in atom.items)
