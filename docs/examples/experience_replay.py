"""Experience replay, shown: what a learner sees with and without it, what priorities do to the draws, and what both do
to a DQN on CartPole. Prints the numbers and writes the figures.

    python docs/examples/experience_replay.py --output figures
    python docs/examples/experience_replay.py --quick            # seconds in place of minutes; too short to learn

Needs torch, gymnasium and matplotlib.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experience_replay_optimizer import dqn, importance_weighted_loss, tensors_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

NEEDS = ("torch", "gymnasium", "matplotlib")
# Okabe and Ito's colours, which stay apart for colour-blind readers.
GREY, BLUE, ORANGE, GREEN = "#999999", "#0072B2", "#D55E00", "#009E73"


# --- 1. What a batch holds


@dataclass
class Batches:
    """Batches of one walk through the states."""

    walk: NDArray[np.float64]
    latest: NDArray[np.int64]
    replayed: NDArray[np.int64]
    spread_latest: float
    spread_replayed: float
    spread_walk: float


def consecutive_and_replayed(seed: int, length: int = 200, batch_size: int = 8) -> Batches:
    """A slow noisy oscillation; the newest states against states drawn from a buffer, and the spread within batches."""
    rng = np.random.default_rng(seed)
    walk = np.sin(0.08 * np.arange(length)) + 0.1 * rng.standard_normal(length)
    buffer = dqn.ReplayBuffer(length, seed=seed)
    for step in range(length - 1):
        buffer.push([step, walk[step]], 0, 0.0, [step + 1, walk[step + 1]], False)
    drawn = [buffer.sample(batch_size)[0] for _ in range(2000)]
    runs = np.lib.stride_tricks.sliding_window_view(walk, batch_size)
    return Batches(
        walk,
        np.arange(length - batch_size, length),
        drawn[0][:, 0].astype(np.int64),
        float(np.mean(np.std(runs, axis=1))),
        float(np.mean([np.std(states[:, 1]) for states in drawn])),
        float(np.std(walk)),
    )


# --- 2. What priorities do to the probabilities


SURPRISING = [5, 22, 38]


@dataclass
class Law:
    """Sampling probabilities of the transitions in a buffer."""

    priorities: NDArray[np.float64]
    expected: NDArray[np.float64]
    measured: NDArray[np.float64]
    draws: int


def law_of_the_draws(seed: int, count: int = 50, alpha: float = 0.6, batches: int = 2000) -> Law:
    """Mostly small TD errors and three large ones: p^alpha / sum p^alpha, and how often each was drawn."""
    priorities = np.random.default_rng(seed).exponential(1.0, count) + 0.01
    priorities[SURPRISING] = [10.0, 8.0, 12.0]
    buffer = _pushed(count, alpha, seed)
    buffer.priorities[:] = priorities
    counts = _counts(buffer, batches, batch_size=32)
    return Law(priorities, priorities**alpha / (priorities**alpha).sum(), counts / counts.sum(), int(counts.sum()))


# --- 3. How often the surprising ones come up


@dataclass
class Surprise:
    """How many of the draws were surprising transitions."""

    drawn: int
    expected: float
    deviation: float
    uniform: float
    draws: int


def surprising_draws(seed: int, count: int = 100, priority: float = 5.0, alpha: float = 0.6) -> Surprise:
    """Every tenth of `count` transitions has a priority above the 1.0 of the others."""
    buffer = _pushed(count, alpha, seed)
    surprising = np.arange(0, count, 10)
    for index in surprising:
        buffer.priorities[index] = priority
    drawn = _counts(buffer, batches=100, batch_size=20)
    draws = int(drawn.sum())
    mass = surprising.size * priority**alpha
    share = mass / (mass + (count - surprising.size))
    return Surprise(
        int(drawn[surprising].sum()),
        draws * share,
        float(np.sqrt(draws * share * (1 - share))),
        draws * surprising.size / count,
        draws,
    )


def _pushed(count: int, alpha: float, seed: int) -> tensors_out.PrioritizedReplayBuffer:
    buffer = tensors_out.PrioritizedReplayBuffer(count, alpha, seed=seed)
    rng = np.random.default_rng(seed)
    for step in range(count):
        buffer.push(rng.standard_normal(4), step % 2, rng.standard_normal(), rng.standard_normal(4), False)
    return buffer


def _counts(buffer: tensors_out.PrioritizedReplayBuffer, batches: int, batch_size: int) -> NDArray[np.int64]:
    # per-audit: ignore[PER003, PER005] the draws are counted, nobody learns from them
    indices = [buffer.sample(batch_size)[5] for _ in range(batches)]
    return np.bincount(np.concatenate(indices), minlength=len(buffer))


# --- 4. DQN with and without replay


@dataclass(frozen=True)
class Learner:
    """A way of choosing the batch; everything else is the same."""

    name: str
    colour: str
    buffer: Callable[[int, int], Any]  # of the steps of the training and a seed


BATCH_SIZE = 64
LEARNERS = (
    # A buffer that holds one batch: what is drawn is what was just seen.
    Learner("without replay", GREY, lambda _, seed: dqn.ReplayBuffer(BATCH_SIZE, seed)),
    Learner("uniform replay", BLUE, lambda steps, seed: dqn.ReplayBuffer(steps, seed)),
    Learner(
        "prioritised replay",
        ORANGE,
        lambda steps, seed: dqn.PrioritizedReplayBuffer(steps, beta_frames=steps, seed=seed),
    ),
)


def train(learner: Learner, steps: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """DQN on CartPole-v1, one update of 64 transitions a step.

    Returns:
        For each finished episode, the step at which it ended and its return.
    """
    import gymnasium
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    environment = gymnasium.make("CartPole-v1")
    buffer = learner.buffer(steps, seed)
    online, target = _network(), _network()
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=5e-4)
    ends, returns, total = [], [], 0.0
    state, _ = environment.reset(seed=seed)
    for step in range(steps):
        exploration = max(0.05, 1.0 - step / (0.2 * steps))
        if rng.random() < exploration:
            action = int(rng.integers(2))
        else:
            with torch.no_grad():
                action = int(online(torch.from_numpy(state)).argmax())
        next_state, reward, terminated, truncated, _ = environment.step(action)
        # A pole that still stands when the time is up is bootstrapped from: terminated, not truncated.
        buffer.push(state, action, reward, next_state, terminated)
        total += float(reward)
        state = next_state
        if terminated or truncated:
            ends.append(step)
            returns.append(total)
            total = 0.0
            state, _ = environment.reset()
        if buffer.is_ready(BATCH_SIZE):
            _update(buffer, online, target, optimizer)
        if step % 250 == 0:
            target.load_state_dict(online.state_dict())
    environment.close()
    return np.array(ends, np.int64), np.array(returns)


def _network() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def _update(buffer: Any, online: Any, target: Any, optimizer: Any, gamma: float = 0.99) -> None:
    import torch
    from torch.nn import functional

    arrays = buffer.sample(BATCH_SIZE)
    states, actions, rewards, next_states, dones = map(torch.from_numpy, arrays[:5])
    with torch.no_grad():
        goal = rewards + gamma * (1.0 - dones) * target(next_states).max(dim=1).values
    values = online(states).gather(1, actions.unsqueeze(1)).squeeze(1)
    errors = functional.smooth_l1_loss(values, goal, reduction="none")
    prioritised = isinstance(buffer, dqn.PrioritizedReplayBuffer)
    loss = importance_weighted_loss(errors, arrays[5]) if prioritised else errors.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if prioritised:
        buffer.update_priorities(arrays[6], (goal - values).detach())


def learning_curve(
    ends: NDArray[np.int64], returns: NDArray[np.float64], grid: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean return of the last 20 episodes that had ended by each step of `grid`; NaN before the first."""
    finished = np.searchsorted(ends, grid, side="right")
    return np.array([returns[max(0, n - 20) : n].mean() if n else np.nan for n in finished])


# --- Figures


def _figure(title: str, *titles: str) -> tuple[Any, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(titles), 4.2), layout="constrained")
    figure.suptitle(title, fontweight="bold")
    axes = list(np.atleast_1d(figure.subplots(1, len(titles))))
    for axis, text in zip(axes, titles, strict=True):
        axis.set_title(text, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_batches(found: Batches) -> Any:
    """The walk, with the newest states and with replayed ones."""
    figure, axes = _figure(
        "One batch of 8 states",
        f"the latest: spread {found.spread_latest:.2f}",
        f"replayed: spread {found.spread_replayed:.2f}, the walk's own {found.spread_walk:.2f}",
    )
    steps = np.arange(found.walk.size)
    for axis, chosen, colour in zip(axes, (found.latest, found.replayed), (ORANGE, BLUE), strict=True):
        axis.plot(steps, found.walk, color=GREY, linewidth=1)
        axis.scatter(chosen, found.walk[chosen], color=colour, zorder=3, label="in the batch")
        axis.set(xlabel="step", ylim=(-1.4, 1.7))
        axis.legend(loc="upper right")
    axes[0].set_ylabel("state")
    return figure


def draw_law(found: Law) -> Any:
    """The priorities, and the probabilities that follow."""
    figure, axes = _figure(
        "Priorities and the draws that follow", "priority = |TD error| + epsilon", "probability of being drawn"
    )
    at = np.arange(found.priorities.size)
    large = np.isin(at, SURPRISING)
    axes[0].bar(at, found.priorities, color=np.where(large, ORANGE, GREY))
    axes[0].set_ylabel("priority")
    axes[1].bar(at, 100 * found.expected, color=np.where(large, ORANGE, GREY), label="by priority, alpha = 0.6")
    axes[1].plot(at, 100 * found.measured, ".", color="black", markersize=4, label=f"counted, {found.draws:,} draws")
    axes[1].axhline(100 / at.size, color=BLUE, label="uniform")
    axes[1].set(ylabel="%", ylim=(0, 130 * found.expected.max()))
    axes[1].legend()
    for axis in axes:
        axis.set_xlabel("transition")
    return figure


def draw_surprise(found: Surprise) -> Any:
    """Draws of the surprising tenth: counted, expected, and expected of uniform draws."""
    figure, (axis,) = _figure(f"Draws of the surprising tenth, of {found.draws:,}", "line: two standard deviations")
    names = ["uniform,\nexpected", "by priority,\nexpected", "by priority,\ncounted"]
    bars = axis.bar(names, [found.uniform, found.expected, found.drawn], color=[BLUE, GREY, ORANGE], width=0.6)
    axis.errorbar([1], [found.expected], yerr=[2 * found.deviation], color="black", capsize=4)
    axis.bar_label(bars, fmt="%.0f", label_type="center", color="white", fontweight="bold")
    axis.set_ylabel("draws")
    return figure


def draw_learning(grid: NDArray[np.int64], curves: dict[str, NDArray[np.float64]]) -> Any:
    """Mean return over the steps; one thin line a seed, the thick one their mean."""
    figure, (axis,) = _figure("DQN on CartPole-v1", "mean return of the last 20 episodes; thin lines: single seeds")
    for learner in LEARNERS:
        seeds = curves[learner.name]
        axis.plot(grid, seeds.T, color=learner.colour, linewidth=0.7, alpha=0.5)
        axis.plot(grid, seeds.mean(axis=0), color=learner.colour, linewidth=2.5, label=learner.name)
    axis.set_xlabel("environment step")
    axis.set_ylabel("return")
    axis.set_ylim(bottom=0)
    axis.legend(loc="upper left")
    return figure


# --- Command line


def main(arguments: list[str] | None = None) -> int:
    """Print the numbers and write the figures. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=Path("figures"), help="folder of the PNG files (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="train for seconds only: too short to learn anything")
    parser.add_argument("--steps", type=int, default=15_000, help="environment steps of each training (%(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each learner (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (%(default)s)")
    options = parser.parse_args(arguments)
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}; pip install {' '.join(missing)}")
    if options.steps < 100 or options.seeds < 1:
        parser.error("--steps must be at least 100 and --seeds at least 1")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {options.output}: {error.strerror}")
    steps, seeds = (600, 1) if options.quick else (options.steps, options.seeds)

    batches = consecutive_and_replayed(options.seed)
    print("1. Spread (standard deviation) of the states within a batch of 8")
    print(f"   the latest {batches.spread_latest:.3f}, replayed {batches.spread_replayed:.3f},", end=" ")
    print(f"the whole walk {batches.spread_walk:.3f}")
    law = law_of_the_draws(options.seed)
    print(
        f"2. Probability of transition 5, priority {law.priorities[5]:g}: uniform {1 / law.priorities.size:.1%},",
        end=" ",
    )
    print(f"by priority {law.expected[5]:.2%}, counted {law.measured[5]:.2%} of {law.draws:,} draws")
    surprise = surprising_draws(options.seed)
    print(f"3. Surprising tenth: {surprise.drawn} of {surprise.draws:,} draws;", end=" ")
    print(f"expected {surprise.expected:.0f} +- {surprise.deviation:.0f}, uniform {surprise.uniform:.0f}")
    print(f"4. DQN on CartPole-v1, {steps:,} steps, {seeds} seed(s): mean return of the last 20 episodes")
    grid = np.linspace(steps // 50, steps, 50).astype(np.int64)
    curves = {}
    for learner in LEARNERS:
        began = time.perf_counter()
        runs = [train(learner, steps, options.seed + seed) for seed in range(seeds)]
        curves[learner.name] = np.array([learning_curve(ends, returns, grid) for ends, returns in runs])
        mean, final = np.nanmean(curves[learner.name]), curves[learner.name][:, -1]
        print(f"   {learner.name:18} over the whole training {mean:3.0f};", end=" ")
        print(f"at its end {final.mean():3.0f}, from {final.min():.0f} to {final.max():.0f}", end=" ")
        print(f"({time.perf_counter() - began:.0f} s)", flush=True)

    figures = {
        "1_batches.png": draw_batches(batches),
        "2_priorities.png": draw_law(law),
        "3_surprise.png": draw_surprise(surprise),
        "4_learning.png": draw_learning(grid, curves),
    }
    for name, figure in figures.items():
        figure.savefig(options.output / name, dpi=100)
        print(f"written: {options.output / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
