"""What ExecuTorch computes outside its delegate, with kernels made for size and not for speed.

On an AVX2 processor, one thread, 32 channels of 56 x 56: a dense 3 x 3 convolution takes 214 ms
where the delegate takes 1.6, 131 times; layer and group norm, pooling and copies 2 to 20 ns an
element, in which the delegate makes some 50 multiply-accumulates.
"""

from __future__ import annotations

from collections import Counter

from deploy.exporters.operators import OperatorCount

# In multiply-accumulates of the delegate in float.
PORTABLE_MAC = 100
PORTABLE_ELEMENT = 50
# Of the estimated time.
NOTABLE = 0.05
_NAMED = 4


def slow_kernels(artifact: str, operators: OperatorCount, macs: int) -> list[str]:
    """A warning where kernels outside the delegate take a notable share of the artifact's time.

    `macs` are the multiply-accumulates of the whole network.
    """
    cost: Counter[str] = Counter()
    outside = 0
    for work in operators.outside_work:
        cost[work.operator] += work.macs * PORTABLE_MAC + work.elements * PORTABLE_ELEMENT
        outside += work.macs
    slow = sum(cost.values())
    share = slow / max(slow + max(macs - outside, 0), 1)
    if share < NOTABLE:
        return []
    calls = Counter(work.operator for work in operators.outside_work)
    told = [f"{calls[name]} {name}" for name, _ in cost.most_common(_NAMED)]
    if len(cost) > _NAMED:
        told.append(f"{len(cost) - _NAMED} kinds more")
    products = f", {100 * outside / macs:.0f} % of its multiply-accumulates" if outside else ""
    return [
        f"{artifact} computes {', '.join(told)} outside XNNPACK{products}: with slow portable "
        f"kernels, an estimated {100 * share:.0f} % of its time"
    ]
