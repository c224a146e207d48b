"""A compiled network gives the same numbers under the same names; what no graph can hold is said and runs as it is."""

import logging

import pytest
import torch
from torch import nn

from trainer.models import batch_norm
from trainer.models.compiled import compile_network


def network() -> nn.Module:
    torch.manual_seed(0)
    return batch_norm.convert(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))


def test_same_numbers_under_the_same_names() -> None:
    plain, compiled = network(), network()
    assert compile_network(compiled, over_ranks=False)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    images = torch.randn(4, 3, 8, 8)
    groups = (batch_norm.Group(3, 0.19), batch_norm.Group(1, 0.1))
    for net in (plain, compiled):
        with batch_norm.grouped(net, groups):
            net(images).square().sum().backward()
    for (name, expected), actual in zip(plain.state_dict().items(), compiled.state_dict().values(), strict=True):
        torch.testing.assert_close(actual, expected, msg=lambda m, n=name: f"{n}: {m}")
    for expected, actual in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(actual.grad, expected.grad, atol=1e-4, rtol=1e-4)


def test_batch_norm_over_ranks_is_no_graph(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not compile_network(network(), over_ranks=True)
    assert "the network runs as it is" in caplog.text
