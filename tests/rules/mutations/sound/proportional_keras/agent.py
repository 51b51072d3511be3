import numpy as np


class Agent:
    def __init__(self, model, target_model, capacity, width):
        self.model, self.target_model = model, target_model
        self.capacity, self.count, self.alpha = capacity, 0, 0.6
        self.states, self.next_states = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards = np.zeros(capacity, int), np.zeros(capacity)
        self.terminated, self.priorities = np.zeros(capacity), np.zeros(capacity)

    def remember(self, state, action, reward, next_state, terminated):
        slot = self.count % self.capacity
        self.states[slot], self.next_states[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.terminated[slot] = action, reward, terminated
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        return slots, weights / weights.max()

    def learn(self, beta, n=32, gamma=0.99):
        slots, weights = self.sample(n, beta)
        values = self.model.predict(self.states[slots], verbose=0)
        ahead = self.target_model.predict(self.next_states[slots], verbose=0).max(axis=1)
        targets = self.rewards[slots] + gamma * (1 - self.terminated[slots]) * ahead
        rows = np.arange(n)
        errors = targets - values[rows, self.actions[slots]]
        values[rows, self.actions[slots]] = targets
        self.model.fit(self.states[slots], values, sample_weight=weights, verbose=0)
        self.priorities[slots] = np.abs(errors) + 1e-6


def main(env, model, target_model, steps):
    agent = Agent(model, target_model, 2000, 4)
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None], verbose=0)[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.remember(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step >= 32:
            agent.learn(0.4 + 0.6 * step / steps)
        if step % 500 == 0:
            target_model.set_weights(model.get_weights())
