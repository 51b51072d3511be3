import random

import numpy as np
from segments import Segments


class Replay:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.segments, self.alpha = [None] * capacity, Segments(capacity), alpha
        self.next, self.filled, self.largest = 0, 0, 1.0

    def store(self, state, action, reward, next_state, terminated):
        self.rows[self.next] = (state, action, reward, next_state, terminated)
        self.segments[self.next] = self.largest**self.alpha
        self.next = (self.next + 1) % len(self.rows)
        self.filled = min(self.filled + 1, len(self.rows))

    def sample(self, n, beta):
        mass = self.segments.sum(0, self.filled)
        width = mass / n
        slots = [self.segments.search(random.uniform(i * width, (i + 1) * width)) for i in range(n)]
        p = np.array([self.segments[slot] for slot in slots]) / self.segments.total()
        weights = (self.filled * p) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            priority = abs(float(error)) + 1e-6
            self.largest = max(self.largest, priority)
            self.segments[slot] = priority**self.alpha


def learn(env, model, target_model, steps, gamma=0.99):
    replay, n = Replay(500), 16
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        replay.store(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step < n:
            continue
        rows, slots, weights = replay.sample(n, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        targets = rewards + gamma * (1 - ends) * target_model.predict(next_states).max(axis=1)
        errors = targets - values[np.arange(n), actions]
        values[np.arange(n), actions] = targets
        model.fit(states, values, sample_weight=weights)
        replay.update(slots, errors)
        if step % 100 == 0:
            target_model.set_weights(model.get_weights())
