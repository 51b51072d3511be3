"""Flashbax: pure functions of JAX, compiled, the state given away with each call."""

from __future__ import annotations

from typing import Any

from .base import ALPHA, BETA, Contender, Transitions


class Buffer(Contender):
    installs = (("flashbax==0.1.3",),)
    distributions = ("flashbax",)

    def open(self) -> None:
        import flashbax
        import jax

        self.jax, self.key = jax, jax.random.key(0)
        self.make = lambda count, many: flashbax.make_prioritised_item_buffer(
            self.capacity, 1, count, add_sequences=many, priority_exponent=ALPHA, device="cpu"
        )
        one, several = self.make(1, False), self.make(1, True)
        self.state = one.init(self.transition(*self.like.rows()[0]))
        self.add_one = jax.jit(one.add, donate_argnums=0)
        self.add_several = jax.jit(several.add, donate_argnums=0)
        self.set_priorities = jax.jit(one.set_priorities, donate_argnums=0)
        self.draws: dict[int, Any] = {}

    def transition(self, state: Any, action: Any, reward: Any, next_state: Any, done: Any) -> dict[str, Any]:
        as_array = self.jax.numpy.asarray
        return {
            "obs": as_array(state),
            "action": as_array(action),
            "reward": as_array(reward),
            "next_obs": as_array(next_state),
            "done": as_array(done),
        }

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.state = self.add_one(self.state, self.transition(state, action, reward, next_state, done))

    def add_batch(self, batch: Transitions) -> None:
        self.state = self.add_several(self.state, self.transition(*batch.columns))

    def sample(self, count: int) -> Any:
        if count not in self.draws:
            draw = self.make(count, False).sample

            def weighted(state: Any, key: Any) -> Any:
                key, used = self.jax.random.split(key)
                drawn = draw(state, used)
                weights = drawn.probabilities**-BETA
                return drawn, weights / weights.max(), key

            self.draws[count] = self.jax.jit(weighted)
        drawn, _, self.key = self.jax.block_until_ready(self.draws[count](self.state, self.key))
        return drawn.indices

    def update(self, drawn: Any, errors: Any) -> None:
        self.state = self.set_priorities(self.state, drawn, errors)

    def errors(self, values: Any) -> Any:
        return self.jax.numpy.asarray(values)
