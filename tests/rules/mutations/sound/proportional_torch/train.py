import torch
import torch.nn.functional as F
from memory import PrioritizedMemory


def train(env, net, target_net, optimizer, steps, capacity=1024, batch_size=32, gamma=0.99):
    memory = PrioritizedMemory(capacity, 4)
    state, _ = env.reset()
    for step in range(steps):
        with torch.no_grad():
            action = int(net(torch.as_tensor(state, dtype=torch.float32)).argmax())
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if memory.size < batch_size:
            continue
        beta = 0.4 + 0.6 * step / steps
        batch, weights, slots = memory.sample(batch_size, beta)
        states, actions, rewards, next_states, ends = map(torch.as_tensor, batch)
        q = net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            target = rewards + gamma * (1 - ends) * target_net(next_states).max(1).values
        losses = F.smooth_l1_loss(q, target, reduction="none")
        loss = (torch.as_tensor(weights) * losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update_priorities(slots, (q - target).abs().detach().numpy())
        if step % 100 == 0:
            target_net.load_state_dict(net.state_dict())
    return memory
