import numpy as np

SIZE = 512
ROWS = [None] * SIZE
PRIORITY = np.zeros(SIZE)
THETA = np.zeros((4, 4))


def observe(count, state, action, reward, next_state, terminated):
    slot = count % SIZE
    ROWS[slot] = (state, action, reward, next_state, terminated)
    PRIORITY[slot] = PRIORITY.max() or 1.0


def draw(count, n, beta):
    filled = min(count, SIZE)
    p = PRIORITY[:filled] / PRIORITY[:filled].sum()
    slots = np.random.choice(filled, n, p=p)
    weights = (filled * p[slots]) ** -beta
    return slots, weights / weights.max()


def improve(count, beta, rate=0.01):
    slots, weights = draw(count, 16, beta)
    for slot, weight in zip(slots, weights):
        state, action, reward, next_state, terminated = ROWS[slot]
        target = reward if terminated else reward + 0.95 * (THETA @ next_state).max()
        error = target - THETA[action] @ state
        THETA[action] += rate * weight * error * state
        PRIORITY[slot] = (abs(error) + 1e-6) ** 0.6


def run(env, steps):
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(THETA @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        observe(step, state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        improve(step + 1, min(1.0, 0.4 + 0.6 * step / steps))
