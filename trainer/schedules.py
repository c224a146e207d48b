"""Learning-rate and reversal laws: pure functions of the step, so that a resumed run needs no state for them."""

import math


def inverse_decay(step: int, horizon: int, gamma: float = 10.0, power: float = 0.75) -> float:
    """Factor on the learning rate at a step: (1 + gamma * step / horizon) ** -power.

    ToAlign takes the length of the run as horizon; GVB, HDA, MetaAlign and BIWAA write 0.001 * step, which is
    gamma 10 over a horizon of 10000. Source: microsoft/UDA utils/lr_scheduler.py, cuishuhao/GVB lr_schedule.py.
    """
    return math.pow(1.0 + gamma * step / horizon, -power)


def reversal_coefficient(step: int, horizon: int) -> float:
    """Strength of a gradient reversal at a step, rising from 0 to 1: 2 / (1 + exp(-10 * step / horizon)) - 1.

    Source: Ganin et al. 2016, section 5.2.2; microsoft/UDA utils/utils.py.
    """
    return 2.0 / (1.0 + math.exp(-10.0 * step / horizon)) - 1.0
