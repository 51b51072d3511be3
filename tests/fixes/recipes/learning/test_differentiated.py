"""Losses of JAX: weights go into the differentiated function, TD errors come out of it as an auxiliary value."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

MEMORY = """
import random
from collections import deque

import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows = deque(maxlen=capacity)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        batch = random.sample(self.rows, n)
        states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
        return states, actions, rewards, next_states, dones
"""
MEMORY_FIXED = """
import numpy as np
from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer


class Memory:
    def __init__(self, capacity):
        self.rows = PrioritizedReplayBuffer(
            capacity,
            beta=LinearSchedule(0.4, 1.0, steps=50_000),
            reward=2,
        )

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        batch, weights, indices = self.rows.sample(n)
        states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
        return states, actions, rewards, next_states, dones, weights, indices

    def update_priorities(self, indices, td_errors):
        self.rows.update_priorities(indices, td_errors)
"""
LEARNER = """
import jax
import jax.numpy as jnp
import optax

from memory import Memory


@jax.jit
def update(params, goal_params, opt_state, states, actions, rewards, next_states, dones):
    goals = rewards + 0.99 * (1 - dones) * jnp.max(network.apply(goal_params, next_states), axis=-1)

    def loss_fn(params):
        q = network.apply(params, states)[jnp.arange(states.shape[0]), actions]
        return jnp.mean((goals - q) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    updates, opt_state = optimizer.update(grads, opt_state)
    return optax.apply_updates(params, updates), opt_state, loss


def main(env, params, goal_params, opt_state):
    memory = Memory(10_000)
    state = env.reset()
    for step in range(50_000):
        action = act(params, state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        states, actions, rewards, next_states, dones = memory.sample(32)
        params, opt_state, loss = update(params, goal_params, opt_state, states, actions, rewards, next_states, dones)
"""
FILES = {"memory.py": MEMORY, "learner.py": LEARNER}
_SIGNATURE = "opt_state, states, actions, rewards, next_states, dones):"
_RETURNED = "    return optax.apply_updates(params, updates), opt_state, loss\n"
_DRAWN = "        states, actions, rewards, next_states, dones = memory.sample(32)\n"
_CALL = (
    "        params, opt_state, loss = "
    "update(params, goal_params, opt_state, states, actions, rewards, next_states, dones)\n"
)
CARRIED = (
    (_SIGNATURE, _SIGNATURE.replace("dones)", "dones, weights)")),
    (_RETURNED, _RETURNED.replace("loss\n", "loss, td_errors\n")),
    (_DRAWN, _DRAWN.replace("dones =", "dones, weights, indices =")),
    (
        _CALL,
        _CALL.replace("loss =", "loss, td_errors =").replace("dones)", "dones, weights)")
        + "        memory.update_priorities(indices, td_errors)\n",
    ),
    ("import optax\n\n", "import optax\nfrom experience_replay_optimizer import importance_weighted_loss\n\n"),
)
MEAN = "jnp.mean((goals - q) ** 2)"
WEIGHTED = "importance_weighted_loss((goals - q) ** 2, weights)"
ASSUMED = "has one value a transition"
PLAIN = "    loss, grads = jax.value_and_grad(loss_fn)(params)\n"
WITH_ERRORS = "    (loss, td_errors), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)\n"


def _fixed(before: Files, *more: tuple[str, str]) -> Files:
    learner = changed({"learner.py": before["learner.py"]}, *CARRIED, *more)
    return {"memory.py": MEMORY_FIXED, **learner}


def test_a_loss_inside_the_function_that_takes_the_derivative() -> None:
    check_fixed(FILES, _fixed(FILES, (MEAN, f"{WEIGHTED}, abs(q - goals)"), (PLAIN, WITH_ERRORS)), unsafe=ASSUMED)


@pytest.mark.parametrize(
    ("mean", "weighted"),
    [
        ("jnp.mean(jnp.square(goals - q))", "importance_weighted_loss(jnp.square(goals - q), weights)"),
        ("jnp.square(goals - q).mean()", "importance_weighted_loss(jnp.square(goals - q), weights)"),
        ("(0.5 * (goals - q) ** 2).mean()", "importance_weighted_loss(0.5 * (goals - q) ** 2, weights)"),
        ("optax.l2_loss(q, goals).mean()", "importance_weighted_loss(optax.l2_loss(q, goals), weights)"),
        ("jnp.mean(optax.huber_loss(q, goals))", "importance_weighted_loss(optax.huber_loss(q, goals), weights)"),
    ],
)
def test_element_wise_losses(mean: str, weighted: str) -> None:
    before = changed(FILES, (MEAN, mean))
    check_fixed(before, _fixed(before, (mean, f"{weighted}, abs(q - goals)"), (PLAIN, WITH_ERRORS)), unsafe=ASSUMED)


def test_the_gradient_alone() -> None:
    plain = "    grads = jax.grad(loss_fn)(params)\n"
    before = changed(FILES, (PLAIN, plain), ("opt_state, loss\n", "opt_state, 0\n"))
    after = changed(
        {"learner.py": before["learner.py"]},
        *[pair for pair in CARRIED if pair[0] != _RETURNED],
        ("opt_state, 0\n", "opt_state, 0, td_errors\n"),
        (MEAN, f"{WEIGHTED}, abs(q - goals)"),
        (plain, "    grads, td_errors = jax.grad(loss_fn, has_aux=True)(params)\n"),
    )
    check_fixed(before, {"memory.py": MEMORY_FIXED, **after}, unsafe=ASSUMED)


def test_an_auxiliary_value_keeps_its_place() -> None:
    before = changed(
        FILES,
        (f"return {MEAN}", "loss = ((q - goals) ** 2).mean()\n        return loss, q.mean()"),
        (PLAIN, "    (loss, mean), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)\n"),
    )
    after = _fixed(
        before,
        ("loss = ((q - goals) ** 2).mean()", "loss = importance_weighted_loss((q - goals) ** 2, weights)"),
        ("return loss, q.mean()", "return loss, (q.mean(), abs(q - goals))"),
        ("(loss, mean), grads", "(loss, (mean, td_errors)), grads"),
    )
    check_fixed(before, after, unsafe=ASSUMED)


OUTSIDE = """
def loss_fn(params, states, actions, goals):
    q = network.apply(params, states)[jnp.arange(states.shape[0]), actions]
    return jnp.mean((goals - q) ** 2)


@jax.jit
def update("""
NESTED = """
    def loss_fn(params):
        q = network.apply(params, states)[jnp.arange(states.shape[0]), actions]
        return jnp.mean((goals - q) ** 2)
"""


def test_a_loss_function_that_stands_elsewhere_is_given_the_weights() -> None:
    call = "(params, states, actions, rewards + 0.99 * goals * (1 - dones))\n"
    before = changed(
        FILES,
        (NESTED, ""),
        ("\n@jax.jit\ndef update(", OUTSIDE),
        ("goals = rewards + 0.99 * (1 - dones) * jnp.max", "goals = jnp.max"),
        (PLAIN, f"    loss, grads = jax.value_and_grad(loss_fn){call}"),
    )
    after = _fixed(
        before,
        ("actions, goals):", "actions, goals, weights):"),
        (MEAN, f"{WEIGHTED}, abs(q - goals)"),
        (
            f"    loss, grads = jax.value_and_grad(loss_fn){call}",
            "    (loss, td_errors), grads = jax.value_and_grad(loss_fn, has_aux=True)"
            f"{call.replace('dones))', 'dones), weights)')}",
        ),
    )
    check_fixed(before, after, unsafe=ASSUMED)


def test_two_critics_that_share_a_loss_function() -> None:
    second = PLAIN.replace("loss, grads", "other_loss, other_grads").replace("(params)", "(goal_params)")
    before = changed(FILES, (PLAIN, PLAIN + second))
    with_errors = WITH_ERRORS.replace("td_errors)", "td_errors1)")
    after = _fixed(
        before,
        (MEAN, f"{WEIGHTED}, abs(q - goals)"),
        (PLAIN, with_errors),
        (
            second,
            "    (other_loss, td_errors2), other_grads = jax.value_and_grad(loss_fn, has_aux=True)(goal_params)\n",
        ),
    )
    after = changed(
        after,
        ("            reward=2,\n", "            rare_fraction=0,\n"),
        (
            "    updates, opt_state = ",
            "    td_errors = jnp.maximum(td_errors1, td_errors2)\n    updates, opt_state = ",
        ),
    )
    result = check_fixed(before, after, unsafe=ASSUMED)
    assert "actor-critic" in " ".join(result.applied[0].steps)


def test_a_function_that_draws_the_batch_itself() -> None:
    body = LEARNER[LEARNER.index("    goals = ") : LEARNER.index(_RETURNED)]
    step = "        params, opt_state, loss = learn(memory, params, goal_params, opt_state)\n"
    before = {
        "memory.py": MEMORY,
        "learner.py": LEARNER.replace("@jax.jit\n", "")
        .replace(f"def update(params, goal_params, {_SIGNATURE}", "def learn(memory, params, goal_params, opt_state):")
        .replace(body, _DRAWN[4:] + body)
        .replace(_DRAWN + _CALL, step),
    }
    after = {
        "memory.py": MEMORY_FIXED,
        "learner.py": before["learner.py"]
        .replace("dones = memory", "dones, weights, indices = memory")
        .replace(MEAN, f"{WEIGHTED}, abs(q - goals)")
        .replace(PLAIN, f"{WITH_ERRORS}    memory.update_priorities(indices, td_errors)\n")
        .replace(*CARRIED[-1]),
    }
    check_fixed(before, after, unsafe=ASSUMED)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (PLAIN, PLAIN + "    print(loss_fn(goal_params))\n", "the function with the loss is also used at"),
        (PLAIN, "    both = jax.value_and_grad(loss_fn)(params)\n    loss, grads = both\n", "is not taken apart"),
        (f"return {MEAN}", f"if q is None:\n            return 0.0\n        return {MEAN}", "returns early"),
        ("    def loss_fn", "    @jax.checkpoint\n    def loss_fn", "a decorator that is not understood"),
        ("@jax.jit", "@jax.vmap", "a signature or decorator that cannot take weights"),
        ("@jax.jit", "@functools.partial(jax.jit, static_argnums=(-1,))", "cannot take weights"),
        ("@jax.jit", "@functools.partial(jax.jit, in_shardings=(None,) * 8)", "cannot take weights"),
        ("(loss_fn)(params)", "(loss_fn, 0, False)(params)", "has positional options"),
        (
            PLAIN,
            "    grad_fn = jax.value_and_grad(loss_fn)\n    loss, grads = grad_fn(params)\n"
            "    losses, _ = jax.vmap(grad_fn)(goal_params)\n",
            "the derivative is also used at",
        ),
        (f"return {MEAN}", f"loss = {MEAN}\n        q = q.mean()\n        return loss + 0 * q", "is bound anew"),
        (
            f"return {MEAN}",
            "td = goals - q\n        q = q.mean()\n        return jnp.mean(td**2) + 0 * q",
            "is bound anew",
        ),
        (
            f"        return {MEAN}",
            f"        if wide:\n            loss = {MEAN}\n        else:\n            loss = 0.0\n        return loss",
            "depends on a condition",
        ),
        (MEAN, "jnp.mean((goals - q) ** 4)", "no TD loss that can be weighted was found"),
    ],
)
def test_refused(old: str, new: str, reason: str) -> None:
    check_refused(changed(FILES, (old, new)), reason)


def test_there_is_no_lap_for_jax() -> None:
    check_refused(FILES, "for which there is no loss of LAP", buffer="lap")


def test_a_part_of_the_batch() -> None:
    before = changed(
        FILES,
        (NESTED, ""),
        ("\n@jax.jit\ndef update(", OUTSIDE),
        ("goals = rewards + 0.99 * (1 - dones) * jnp.max", "goals = jnp.max"),
        (
            PLAIN,
            "    loss, grads = jax.value_and_grad(loss_fn)(params, states[:8], actions[:8], rewards[:8] + goals[:8])\n",
        ),
    )
    check_refused(before, "may be of a part of the batch")


def test_what_is_only_returned_beside_the_loss_is_left() -> None:
    before = changed(
        FILES,
        (
            f"return {MEAN}",
            "loss = jnp.mean(optax.huber_loss(q, goals))\n        return loss, jnp.mean((q - goals) ** 2)",
        ),
        (PLAIN, "    (loss, (error)), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)\n"),
    )
    after = _fixed(
        before,
        ("jnp.mean(optax.huber_loss(q, goals))", "importance_weighted_loss(optax.huber_loss(q, goals), weights)"),
        ("return loss, jnp.mean((q - goals) ** 2)", "return loss, (jnp.mean((q - goals) ** 2), abs(q - goals))"),
        ("(loss, (error)), grads", "(loss, ((error), td_errors)), grads"),
    )
    check_fixed(before, after, unsafe=ASSUMED)


def test_an_auxiliary_tuple_keeps_its_brackets() -> None:
    before = changed(
        FILES,
        (f"return {MEAN}", f"return {MEAN}, (q.mean(), q.max())"),
        (PLAIN, "    (loss, (mean, most)), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)\n"),
    )
    after = _fixed(
        before,
        (f"return {MEAN}, (q.mean(), q.max())", f"return {WEIGHTED}, ((q.mean(), q.max()), abs(q - goals))"),
        ("(loss, (mean, most)), grads", "(loss, ((mean, most), td_errors)), grads"),
    )
    check_fixed(before, after, unsafe=ASSUMED)


def test_a_long_line_gets_a_name_for_the_errors() -> None:
    value = "jnp.stack([q.mean(), q.max(), q.min(), goals.mean()])"
    before = changed(
        FILES,
        (f"return {MEAN}", f"return {MEAN}, {value}"),
        (PLAIN, "    (loss, told), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)\n"),
    )
    after = _fixed(
        before,
        (
            f"        return {MEAN}, {value}",
            f"        td_errors = abs(q - goals)\n        return {WEIGHTED}, ({value}, td_errors)",
        ),
        ("(loss, told), grads", "(loss, (told, td_errors)), grads"),
    )
    check_fixed(before, after, unsafe=ASSUMED)


def test_a_derivative_with_a_name() -> None:
    named = "    grad_fn = jax.value_and_grad(loss_fn)\n    loss, grads = grad_fn(params)\n"
    before = changed(FILES, (PLAIN, named))
    after = _fixed(
        before,
        (MEAN, f"{WEIGHTED}, abs(q - goals)"),
        (
            "value_and_grad(loss_fn)\n    loss, grads",
            "value_and_grad(loss_fn, has_aux=True)\n    (loss, td_errors), grads",
        ),
    )
    check_fixed(before, after, unsafe=ASSUMED)


def test_options_of_jit_are_no_hindrance() -> None:
    options = "@functools.partial(jax.jit, static_argnums=(0,))"
    before = changed(FILES, ("@jax.jit", options), ("import jax\n", "import functools\n\nimport jax\n"))
    check_fixed(before, _fixed(before, (MEAN, f"{WEIGHTED}, abs(q - goals)"), (PLAIN, WITH_ERRORS)), unsafe=ASSUMED)
