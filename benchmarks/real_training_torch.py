"""Drives the agent of one repository that learns with PyTorch, and watches it from outside.

`real_training.py` starts it: `python real_training_torch.py DRIVER FOLDER STEPS MODE`, MODE being "watched" or "timed".
The last line of its output is JSON. Watching takes time of its own, so what is timed is not watched.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from real_training_watch import PACKAGE, Quiet, Watch, drive, follow, images, make, stub

if TYPE_CHECKING:
    from collections.abc import Callable


class TorchWatch(Watch):
    """Counts the steps of optimisers, and follows the weights to the losses."""

    def wrap_learning(self) -> None:
        for optimizer in (torch.optim.Adam, torch.optim.RMSprop):
            self.wrap(optimizer, "step", self.on_step)
        if self.is_watching:
            self.wrap(importlib.import_module(PACKAGE), "importance_weighted_loss", self.on_loss)

    def on_step(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.count()
        return call(*args, **kwargs)

    def on_loss(self, call: Callable[..., Any], elementwise: Any, weights: Any) -> Any:
        result = call(elementwise, weights)
        if weights is not None:
            self.note(weights, len(elementwise), float(result))
        return result


# ------------------------------------------------------------------------------------------------ drivers


def spinningup(algorithm: str) -> None:
    for name in ("spinup", "spinup.utils"):
        stub(name, __path__=[str(Path(sys.path[0], *name.split(".")))])
    stub("spinup.utils.logx", EpochLogger=Quiet)
    code = importlib.import_module(f"spinup.algos.pytorch.{algorithm}.{algorithm}")
    getattr(code, algorithm)(
        lambda: make("Pendulum-v1"),
        ac_kwargs={"hidden_sizes": (64, 64)},
        start_steps=300,
        update_after=300,
        steps_per_epoch=100_000,
        epochs=1,
        replay_size=20_000,
    )


def pytorch_sac() -> None:
    stub("hydra", utils=Namespace(instantiate=lambda made: made()))
    stub("dmc2gym", make=None)
    stub("gym", make=make, spaces=gymnasium.spaces, Wrapper=gymnasium.Wrapper)
    code = importlib.import_module("agent.sac")
    critic, actor = importlib.import_module("agent.critic"), importlib.import_module("agent.actor")
    memory = importlib.import_module("replay_buffer").ReplayBuffer((3,), (1,), 20_000, torch.device("cpu"))
    agent = code.SACAgent(
        3, 1, (-2.0, 2.0), "cpu",
        lambda: critic.DoubleQCritic(3, 1, 64, 2),
        lambda: actor.DiagGaussianActor(3, 1, 64, 2, (-5.0, 2.0)),
        0.99, 0.1, 1e-4, (0.9, 0.999), 1e-4, (0.9, 0.999), 1, 1e-4, (0.9, 0.999), 0.005, 2, 64, True,
    )  # fmt: skip
    follow(
        "Pendulum-v1",
        lambda state: agent.act(state, sample=True),
        lambda s, a, r, n, d: memory.add(s, a, r, n, d, False),
        lambda: agent.update(memory, Quiet(), agent.batch_size * 2),
    )


def snake() -> None:
    stub("game", SnakeGameAI=Quiet, Direction=Namespace(), Point=Quiet)
    stub("helper", plot=Quiet)
    agent = importlib.import_module("agent").Agent()
    rng = np.random.default_rng(0)
    state = rng.integers(0, 2, 11)
    while True:
        for _ in range(40):
            action, following = [0, 0, 0], rng.integers(0, 2, 11)
            action[int(rng.integers(3))] = 1
            done = bool(rng.random() < 0.05)
            reward = -10 if done else 10 if action[0] and state[0] and state[1] else 0
            agent.train_short_memory(state, action, reward, following, done)
            agent.remember(state, action, reward, following, done)
            state = following
        agent.train_long_memory()


def paper_dqn() -> None:
    code = importlib.import_module("dqn_agent")
    agent = code.DQNAgent(
        0.99, 0.5, 1e-4, input_dims=(1, 44, 44), n_actions=2, mem_size=2000, batch_size=32, algo="a", env_name="e"
    )
    images(agent.choose_action, agent.store_transition, agent.learn, (1, 44, 44))


def wukong() -> None:
    stub("log", log=print)
    options = {"replay_size": 2000, "batch_size": 16}
    agent = importlib.import_module("models.dqn").DQN((16, 16), 3, 2, options, ".")
    context = np.zeros(2, np.float32)
    images(
        lambda state: agent.choose_action((state, context))[0],
        lambda s, a, r, n, d: agent.store_data((s, context), a, r, (n, context), d),
        agent.train_network,
        (1, 3, 16, 16),
    )


def youtube_dqn() -> None:
    code = importlib.import_module("simple_dqn_torch_2020")
    agent = code.Agent(0.99, 1.0, 1e-3, [4], 64, 2, max_mem_size=20_000)
    follow("CartPole-v1", agent.choose_action, agent.store_transition, agent.learn, shape=np.float32)


def youtube_td3() -> None:
    env = make("Pendulum-v1")
    agent = importlib.import_module("td3_torch").Agent(
        1e-3, 1e-3, [3], 0.005, env, n_actions=1, max_size=20_000, layer1_size=64, layer2_size=64, batch_size=64
    )
    follow("Pendulum-v1", agent.choose_action, agent.remember, agent.learn)


def soft_actor_critic() -> None:
    code, memories = importlib.import_module("sac"), importlib.import_module("replay_memory")
    options = Namespace(
        gamma=0.99, tau=0.005, alpha=0.2, policy="Gaussian", target_update_interval=1, cuda=False,
        automatic_entropy_tuning=True, hidden_size=64, lr=3e-4,
    )  # fmt: skip
    agent = code.SAC(3, make("Pendulum-v1").action_space, options)
    memory = memories.ReplayMemory(20_000, 0)
    follow("Pendulum-v1", agent.select_action, memory.push, lambda: agent.update_parameters(memory, 64, 1))


def bcq_ddpg() -> None:
    device = torch.device("cpu")
    agent = importlib.import_module("DDPG").DDPG(3, 1, 2.0, device)
    memory = importlib.import_module("utils").ReplayBuffer(3, 1, device, 20_000)
    follow(
        "Pendulum-v1",
        agent.select_action,
        lambda s, a, r, n, d: memory.add(s, a, n, r, float(d)),
        lambda: agent.train(memory, 64),
    )


def traffic() -> None:
    for name in ("tlcs", "tlcs.logger", "tlcs.settings"):
        stub(name, __path__=[str(Path(sys.path[0], *name.split(".")))], get_logger=Quiet, TrainingSettings=Namespace)
    memories = importlib.import_module("tlcs.memory")
    agents, constants = importlib.import_module("tlcs.agent"), importlib.import_module("tlcs.constants")
    agent = agents.Agent(Namespace(num_layers=2, width_layers=64, learning_rate=1e-3), epsilon=0.3)
    memory = memories.Memory(20_000, 300)
    images(
        agent.choose_action,
        lambda s, a, r, n, _: memory.add_sample(memories.Sample(s, a, r, n)),
        lambda: agent.replay(memory, 0.75, 64),
        (constants.STATE_SIZE,),
    )


def namuori(kind: str) -> None:
    for name in ("cv2", "imageio", "matplotlib", "matplotlib.pyplot"):
        stub(name)
    for name in ("src", "src.agents", "src.core"):
        stub(name, __path__=[str(Path(sys.path[0], *name.split(".")))])
    for name in ("buffer", "noise", "utils"):
        vars(sys.modules["src.core"]).update(vars(importlib.import_module(f"src.core.{name}")))
    code = importlib.import_module(f"src.agents.{kind}_agent")
    if kind == "dqn":
        agent = code.DQNAgent(4, 2, buffer_size=20_000)
        select, world = lambda state: int(agent.select_action(state)), "CartPole-v1"
    else:
        agent = code.DDPGAgent(3, 1, buffer_size=20_000)
        select, world = lambda state: np.asarray(agent.select_action(state)).reshape(1), "Pendulum-v1"
    follow(world, select, agent.store_transition, agent.update)


def minimal(kind: str) -> None:
    code = importlib.import_module(kind)
    memory = code.ReplayBuffer()
    if kind == "dqn":
        q, q_target = code.Qnet(), code.Qnet()
        optimizer = torch.optim.Adam(q.parameters(), lr=code.learning_rate)
        follow(
            "CartPole-v1",
            lambda state: q.sample_action(torch.from_numpy(state).float(), 0.08),
            lambda s, a, r, n, d: memory.put((s, a, r / 100.0, n, 0.0 if d else 1.0)),
            lambda: code.train(q, q_target, memory, optimizer),
        )
    q, q_target, mu, mu_target = code.QNet(), code.QNet(), code.MuNet(), code.MuNet()
    optimizers = [torch.optim.Adam(net.parameters(), lr=5e-4) for net in (q, mu)]
    follow(
        "Pendulum-v1",
        lambda state: [mu(torch.from_numpy(state).float()).item() + np.random.normal(0, 0.1)],
        lambda s, a, r, n, d: memory.put((s, a[0], r / 100.0, n, d)),
        lambda: code.train(mu, mu_target, q, q_target, memory, *optimizers),
    )


def udacity() -> None:
    agent = importlib.import_module("dqn_agent").Agent(state_size=4, action_size=2, seed=0)
    follow("CartPole-v1", lambda state: int(agent.act(state, 0.1)), agent.step, lambda: None, shape=np.float32)


def td3(module: str, name: str) -> None:
    code, memories = importlib.import_module(module), importlib.import_module("utils")
    policy, memory = getattr(code, name)(state_dim=3, action_dim=1, max_action=2.0), memories.ReplayBuffer(3, 1)
    follow(
        "Pendulum-v1",
        lambda state: (policy.select_action(state) + np.random.normal(0, 0.2, size=1)).clip(-2.0, 2.0),
        lambda s, a, r, n, d: memory.add(s, a, n, r, float(d)),
        lambda: policy.train(memory, 64),
    )


DRIVERS: dict[str, Callable[[], None]] = {
    "minimalRL/dqn": lambda: minimal("dqn"),
    "minimalRL/ddpg": lambda: minimal("ddpg"),
    "udacity/dqn": udacity,
    "TD3/TD3": lambda: td3("TD3", "TD3"),
    "TD3/DDPG": lambda: td3("DDPG", "DDPG"),
    "TD3/OurDDPG": lambda: td3("OurDDPG", "DDPG"),
    "spinningup/ddpg": lambda: spinningup("ddpg"),
    "spinningup/td3": lambda: spinningup("td3"),
    "spinningup/sac": lambda: spinningup("sac"),
    "pytorch_sac": pytorch_sac,
    "snake": snake,
    "paper/dqn": paper_dqn,
    "wukong/dqn": wukong,
    "youtube/dqn": youtube_dqn,
    "youtube/td3": youtube_td3,
    "soft-actor-critic": soft_actor_critic,
    "bcq/ddpg": bcq_ddpg,
    "traffic": traffic,
    "dqn-ddpg/dqn": lambda: namuori("dqn"),
    "dqn-ddpg/ddpg": lambda: namuori("ddpg"),
}


def main() -> None:
    """Drive the agent that the command line names."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("error", message="Using a target size")
    drive(DRIVERS, TorchWatch)


if __name__ == "__main__":
    main()
