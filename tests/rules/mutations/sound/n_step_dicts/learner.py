"""The learning step on the dictionaries."""

import torch


def learn(net, target, optimizer, batch):
    q = net(torch.as_tensor(batch["state"])).gather(1, torch.as_tensor(batch["action"])[:, None])[:, 0]
    with torch.no_grad():
        ahead = target(torch.as_tensor(batch["next_state"])).max(1).values
        alive = 1 - torch.as_tensor(batch["terminated"])
        goal = torch.as_tensor(batch["reward"]) + torch.as_tensor(batch["discount"]) * alive * ahead
    errors = q - goal
    loss = (torch.as_tensor(batch["weight"]) * errors.pow(2)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return errors.detach().numpy()
