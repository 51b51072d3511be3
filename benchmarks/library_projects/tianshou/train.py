"""DQN on CartPole with tianshou's collector, algorithm and replay buffer."""

import gymnasium as gym
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.utils.net.common import Net
from tianshou.utils.torch_utils import policy_within_training_step

UPDATES = 480


def main():
    env = gym.make("CartPole-v1")
    envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(10)])
    net = Net(state_shape=env.observation_space.shape, action_shape=env.action_space.n, hidden_sizes=[64, 64])
    policy = DiscreteQLearningPolicy(model=net, action_space=env.action_space, eps_training=0.1)
    algorithm = DQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=1e-3),
        gamma=0.95,
        n_step_return_horizon=3,
        target_update_freq=50,
    )
    buffer = VectorReplayBuffer(20_000, buffer_num=10)
    collector = Collector(policy, envs, buffer, exploration_noise=True)
    collector.reset()
    collector.collect(n_step=200, random=True)
    with policy_within_training_step(policy):
        for _update in range(UPDATES):
            collector.collect(n_step=10)
            algorithm.update(buffer=buffer, sample_size=64)


if __name__ == "__main__":
    main()
