"""What cannot be built of the user's code: each in one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from users_code import export, export_here, write

from deploy.capture.user.child.blame import Mistake
from deploy.support.errors import UserError

pytestmark = pytest.mark.usefixtures("users_folder")

BROKEN = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    def around(middle, *, classes=5):
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, classes),
        )

    class Gate(nn.Module):
        def forward(self, x):
            if x.mean() > 0:
                return x
            return -x

    class Read(nn.Module):
        def forward(self, x):
            return x * x.max().item()

    class Select(nn.Module):
        def forward(self, x):
            return x[x > 0].mean().reshape(1, 1, 1, 1).expand(1, 8, 4, 4)

    class Numpy(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.numpy())

    class Random(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.5)

    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)

    class Batch(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm2d(8)

        def forward(self, x):
            bn = self.bn
            return F.batch_norm(x, bn.running_mean, bn.running_var, training=True)

    class Frozen(nn.Dropout):
        def train(self, mode=True):
            return super().train(True)

    class Exporting(nn.Module):
        def forward(self, x):
            return x.relu() if torch.compiler.is_exporting() else x

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.times = 0

        def forward(self, x):
            self.times += 1
            return x * self.times

    class Branch(nn.Module):
        def forward(self, x):
            return torch.cond(x.mean() > 0, torch.sin, torch.cos, (x,))

    def only(forward):
        class Only(nn.Module):
            pass
        Only.forward = forward
        return Only

    decides = around(Gate())
    reads = around(Read())
    selects = around(Select())
    leaves_torch = around(Numpy())
    random = around(Random())
    noise = around(Noise())
    batch = around(Batch())
    no_statistics = lambda: around(nn.BatchNorm2d(8, track_running_stats=False))
    monte_carlo = lambda: around(Frozen(0.5))
    exporting = around(Exporting())
    counting = around(Counting())
    rrelu = lambda: around(nn.Sequential(nn.RReLU(), nn.Dropout2d(), nn.InstanceNorm2d(8)))
    branches = around(Branch())
    misfits = lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(4, 8, 3)))
    one_class = around(nn.Identity(), classes=1)
    gated = only(lambda self, x: x.mean((1, 2, 3)))
    unbatched = only(lambda self, x: x.mean((2, 3))[0])
    spatial = only(lambda self, x: x.mean((2, 3), keepdim=True))
    features = lambda: nn.Conv2d(3, 8, 3)
    two_inputs = only(lambda self, image, mask: image)
    pair = only(lambda self, x: (x.mean((2, 3)), x))
    named = only(lambda self, x: {"features": x, "logits": x.mean((2, 3))})
    nothing = only(lambda self, x: None)
    integers = only(lambda self, x: x.mean((2, 3)).argmax(1))
    no_number = only(lambda self, x: x.mean((2, 3)) / 0)

    def raises():
        raise ValueError("no checkpoint\\nat all")

    def leaves():
        raise SystemExit(3)

    def wants(classes):
        return around(Gate())

    def gives():
        return {"net": 1}
"""
MISTAKES = {
    "decides": r"layer 1 \(Gate\) decides by the values of its input \(nets.py line 14\)",
    "reads": r"layer 1 \(Read\) computes with numbers read from its input \(nets.py line 20\)",
    "selects": r"layer 1 \(Select\) computes with numbers read from its input \(nets.py line 24\)",
    "leaves_torch": r"layer 1 \(Numpy\) cannot be exported: .*numpy.* \(nets.py line 28\)",
    "random": r"layer 1 \(Random\) draws random numbers \(dropout \(nets.py line 32\)\)",
    "noise": r"layer 1 \(Noise\) draws random numbers \(randn_like \(nets.py line 36\)\)",
    "batch": r"layer 1 \(Batch\) is a batch norm .* from the batch .*: give training=False",
    "no_statistics": r"layer 1 \(BatchNorm2d\) is a batch norm .*track_running_stats=True",
    "monte_carlo": r"layer 1 \(Frozen\) draws random numbers \(dropout",
    "exporting": "Sequential computes something else once it is exported",
    "counting": "Sequential gives the same image another answer the second time",
    "branches": r"layer 1 \(Branch\) uses the operator cond \(nets.py line \d+\)",
    "misfits": r"layer 1.0 \(Conv2d\) cannot run on an image of 32x32: .* 4 channels, but got 8",
    "one_class": r"Sequential returns a tensor of shape \(1, 1\) for one image, not \(1, classes\)"
    r": of a single logit z that says yes or no build with --classes 2, or return two, no and yes",
    "gated": r"shape \(1\) for one image, not \(1, classes\): of a single logit z return two",
    "unbatched": r"shape \(3\) .* return one logit for each class, and keep the dimension of",
    "spatial": r"shape \(1, 3, 1, 1\) .* with its output through flatten\(1\)",
    "features": r"Conv2d returns a tensor of shape \(1, 8, 30, 30\) for one image",
    "two_inputs": r"forward of Only takes 2 inputs \(image, mask\), not one image",
    "pair": r"Only returns a tuple of 2 outputs \(0 \(1, 3\), 1 .*\): say which one .* --logits 0",
    "named": r"Only returns a dict of 2 .*features.*: say which one the logits .* --logits logits",
    "nothing": "Only returns None, not one tensor",
    "integers": "Only returns int64, not float32",
    "no_number": "Only returns NaN or infinity for a random image",
    "raises": r"raises\(\) raises ValueError: no checkpoint \(nets.py line \d+\)",
    "leaves": r"leaves\(\) raises SystemExit: 3",
    "wants": "wants cannot be called without arguments .*'classes'",
    "gives": r"gives\(\) returns a dict, not a torch.nn.Module",
    "BROKEN": "nets.py has no 'BROKEN'",
    "decide": "nets.py has no 'decide': did you mean decides?",
    "torch": "torch is a module: name a function",
}


@pytest.mark.parametrize(("factory", "said"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_named_in_one_line(factory: str, said: str) -> None:
    write("nets.py", BROKEN)
    with pytest.raises(Mistake, match=said) as caught:
        export_here(factory)
    assert "\n" not in str(caught.value)


def test_what_eval_mode_switches_off_is_no_chance() -> None:
    write("nets.py", BROKEN)
    assert export_here("rrelu")["classes"] == 5


def test_an_operator_of_the_users_own_is_named_with_its_layer() -> None:
    write(
        "nets.py",
        """
        import torch
        from torch import nn

        @torch.library.custom_op("test_user_network::twice", mutates_args=())
        def twice(x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @twice.register_fake
        def _(x):
            return torch.empty_like(x)

        class Twice(nn.Module):
            def forward(self, x):
                return twice(x)

        net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Twice(), nn.Linear(3, 2))
        """,
    )
    said = r"layer 2 \(Twice\) uses the operator test_user_network.twice.default \(nets.py line 15"
    with pytest.raises(Mistake, match=said):
        export_here("net")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import not_there_at_all", r"No module named 'not_there_at_all' \(nets.py line 1\): inst"),
        ("x = 1\ndef f(:", r"SyntaxError: invalid syntax \(nets.py line 2\)"),
        ("import sys\nsys.exit('bye')", r"SystemExit: bye \(nets.py line 2\)"),
    ],
)
def test_a_file_that_cannot_be_imported_says_where(code: str, said: str) -> None:
    write("nets.py", code)
    with pytest.raises(Mistake, match=said):
        export_here("make")


def test_a_module_that_is_not_there_is_named_with_its_neighbours(
    users_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pkg_of_test_user_network/nets.py", "")
    write("pkg_of_test_user_network/__init__.py", "")
    monkeypatch.syspath_prepend(users_folder)
    with pytest.raises(Mistake, match=r"there is no module 'pkg_.*\.nest' in .* mean pkg_.*\.nets"):
        export_here("make", location="pkg_of_test_user_network.nest")


def test_a_file_that_is_not_there_is_named_with_its_neighbours() -> None:
    write("nets.py", "")
    with pytest.raises(UserError, match=r"nest.py is not a file: did you mean nets.py\?"):
        export("nest.py:make")
