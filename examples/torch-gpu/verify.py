"""Run on a machine with a GPU: a matrix product and one training step, compared with the CPU's."""

import sys

import torch


def main() -> int:
    if not torch.cuda.is_available():
        print("No GPU to be seen in this container; start it with one.", file=sys.stderr)
        return 1
    torch.manual_seed(7)
    a, b = torch.randn(512, 512), torch.randn(512, 512)
    torch.testing.assert_close((a.cuda() @ b.cuda()).cpu(), a @ b, rtol=1e-3, atol=1e-2)

    model = torch.nn.Sequential(torch.nn.Linear(512, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = model(a.cuda()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0], losses
    name = torch.cuda.get_device_name()
    print(f"torch {torch.__version__} on {name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
