import torch

from inversion.optimization.adam import Adam


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, 4), (5,), (2, 2))]


def gradients(step):
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(shape, generator=generator) for shape in ((3, 4), (5,), (2, 2))]


def step_both(ours, mine, steps, first=0):
    for step in range(first, first + steps):
        ours.zero_grad()
        for parameter, gradient in zip(mine, gradients(step), strict=True):
            parameter.grad = gradient
        ours.step(0.5**step)


def test_it_is_torchs_adam_bit_for_bit():
    theirs, mine = parameters(), parameters()
    adam = torch.optim.Adam([{"params": theirs[:2], "lr": 0.1}, {"params": theirs[2:], "lr": 0.02}], fused=True)
    rates = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 0.5**step)
    for step in range(6):
        for parameter, gradient in zip(theirs, gradients(step), strict=True):
            parameter.grad = gradient
        adam.step()
        rates.step()
    step_both(Adam([(mine[:2], 0.1), (mine[2:], 0.02)]), mine, 6)
    assert all(torch.equal(a, b) for a, b in zip(theirs, mine, strict=True))


def test_it_goes_on_from_a_state_as_if_it_had_not_stopped():
    whole, parts = parameters(), parameters()
    step_both(Adam([(whole, 0.1)]), whole, 6)
    first = Adam([(parts, 0.1)])
    step_both(first, parts, 3)
    second = Adam([(parts, 0.1)])
    second.load({name: [tensor.clone() for tensor in tensors] for name, tensors in first.state.items()})
    step_both(second, parts, 3, first=3)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
