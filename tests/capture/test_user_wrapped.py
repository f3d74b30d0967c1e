"""What training puts around a network, and what stands at its end: taken off, and said."""

from __future__ import annotations

import contextlib
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from users_code import CROP, export, export_here, write

from deploy.capture.program import capture, graph_module
from deploy.capture.spec import NetworkSpec
from deploy.capture.user.child.blame import Mistake
from deploy.capture.user.child.merge import merge_branches
from deploy.capture.user.child.program import load_program
from deploy.capture.user.child.run import answer_request
from deploy.capture.user.child.unwrap import unwrap
from deploy.capture.user.endings import end_in_logits
from deploy.capture.user.plan import plan_user_network
from deploy.capture.user.telling import telling_where, users_line
from deploy.support.errors import UserError
from deploy.support.reporter import Silent

pytestmark = pytest.mark.usefixtures("users_folder")
X = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def network(*last: nn.Module, classes: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, classes), *last
    ).eval()


def test_wrappers_come_off_at_the_root_and_inside() -> None:
    plain = network()
    plain[2].compile()
    outer = nn.DataParallel(nn.Sequential(torch.compile(plain), nn.DataParallel(nn.ReLU())))
    inner = unwrap(outer)
    assert list(inner.state_dict()) == ["0.2.weight", "0.2.bias"]
    assert inner[0] is plain
    assert type(inner[1]) is nn.ReLU
    assert plain[2]._compiled_call_impl is None


def test_a_network_of_torch_jit_is_refused() -> None:
    with pytest.raises(Mistake, match=r"is of torch.jit, which cannot be exported: return the"):
        unwrap(nn.Sequential(torch.jit.trace(network(), X)))


SEVERAL = """
import torch
from dataclasses import dataclass
from torch import nn

@dataclass
class Out:
    logits: torch.Tensor
    loss: object = None

class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.head = kind, nn.Linear(3, 5)
    def forward(self, x):
        features = x.mean((2, 3))
        logits = self.head(features)
        return {"one": Out(logits), "dict": {"f": features, "y": logits},
                "list": [features, logits], "plain": logits}[self.kind]

half = Net("plain").half()

class Casts(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net("plain").half()
    def forward(self, x):
        return self.net(x.half()).float()

casts = Casts()
"""
for _kind in ("one", "dict", "list", "plain"):
    SEVERAL += f"\n{_kind} = lambda: Net({_kind!r})\n"


def ask(factory: str, **options: object) -> dict[str, object]:
    request = {"location": "several.py", "factory": factory, "is_file": True, "crop": CROP}
    answered: dict[str, object] = answer_request(request | {"wanted": "program"} | options, Path())
    return answered


def test_of_several_outputs_the_logits_are_the_named_ones() -> None:
    write("several.py", SEVERAL)
    assert ask("one")["classes"] == 5  # The only tensor that there is.
    assert ask("dict", logits="y")["classes"] == 5
    assert ask("list", logits="1")["classes"] == 5
    with pytest.raises(Mistake, match=r"2 outputs \(f \(1, 3\), y \(1, 5\)\): say which one"):
        ask("dict")
    with pytest.raises(Mistake, match="no output 'z': known are f, y"):
        ask("dict", logits="z")
    with pytest.raises(Mistake, match="returns one tensor: leave --logits y out"):
        ask("plain", logits="y")
    with pytest.raises(UserError, match="--logits is for a network of your own"):
        NetworkSpec("mobilenet_v2", logits="y")


def test_half_precision_is_computed_in_float32_and_told() -> None:
    write("several.py", SEVERAL)
    assert export_here("half", location="several.py")["told"] == [
        "is on float16: its weights as they are, computed with in float32"
    ]
    assert export_here("casts", location="several.py")["told"] == []


class Ends(nn.Module):
    def __init__(self, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(x)


class SigmoidInPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid_()


@pytest.mark.parametrize(
    ("last", "classes", "said"),
    [
        (nn.Softmax(1), 4, ["ends in a softmax, which is taken off: apps"]),
        (nn.LogSoftmax(-1), 4, ["ends in a log-softmax, which is taken off: apps"]),
        (nn.Sigmoid(), 4, ["ends in a sigmoid, which is taken off: classes are in the same"]),
        (SigmoidInPlace(), 4, ["ends in a sigmoid, which is taken off: classes are in the same"]),
        (nn.Sigmoid(), 1, ["ends in a sigmoid, which is taken off", "gives one logit"]),
        (Ends(lambda z: z.double().softmax(1).float()), 4, ["ends in a softmax, which is taken"]),
        (Ends(lambda z: z.softmax(1)[0].unsqueeze(0).type_as(z)), 4, ["ends in a softmax, which"]),
        (Ends(lambda z: z[..., None].softmax(1).squeeze(-1)), 4, ["ends in a softmax, which is"]),
        (Ends(lambda z: z.softmax(1).clamp(1e-7, 1 - 1e-7)), 4, ["ends in a softmax and clamp, "]),
        (Ends(lambda z: z.log_softmax(1).exp_()), 4, ["ends in a log-softmax and exp, which is"]),
        (Ends(lambda z: 100 * z.softmax(1) + 1e-6), 4, ["ends in a softmax and mul and add, "]),
        (nn.LogSigmoid(), 1, ["ends in a log-sigmoid, which is taken", "gives one logit"]),
        (nn.Identity(), 1, ["gives one logit: class 0 is no, class 1 is yes"]),
        (nn.Softmax(0), 4, []),
        (nn.Identity(), 4, []),
    ],
    ids=lambda value: str(value),
)
def test_what_makes_probabilities_at_the_end_is_taken_off(
    last: nn.Module, classes: int, said: list[str]
) -> None:
    given = network(last, classes=classes)
    program, told = end_in_logits(capture(given, (1, 3, 8, 8)))
    assert len(told) == len(said)
    assert all(text.startswith(start) for text, start in zip(told, said, strict=True))
    logits = graph_module(program)(X)
    before: Tensor = network(classes=classes)(X)
    if classes == 1:
        assert torch.equal(logits[:, :1], torch.zeros(1, 1))
        logits = logits[:, 1:]
    assert torch.equal(logits, before if said else given(X))


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (lambda z: z.softmax(1).clamp(0.1, 0.9), "softmax and then clamp"),
        (lambda z: z.softmax(1).half().float(), "softmax and then to"),
        (lambda z: (z.sigmoid() > 0.5).float(), "sigmoid and then gt"),
        (lambda z: -z.log_softmax(1), "log-softmax and then neg"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stands_behind_probabilities_and_changes_them_stays_and_is_told(
    end: Callable[[Tensor], Tensor], name: str
) -> None:
    program = capture(network(Ends(end)), (1, 3, 8, 8))
    assert end_in_logits(program) == (
        program,
        [
            f"ends in a {name}, which cannot be taken off: what it gives is judged as it is; "
            "return the logits instead, before both"
        ],
    )


def test_what_writes_in_place_before_the_end_is_not_taken_off() -> None:
    def end(z: Tensor) -> Tensor:
        z.mul_(2.0)
        return z.softmax(1).clamp_(0, 1)

    program, (told,) = end_in_logits(capture(network(Ends(end)), (1, 3, 8, 8)))
    assert told.startswith("ends in a softmax and clamp, which is taken off")
    assert torch.equal(graph_module(program)(X), 2 * network()(X))


class Branches(nn.Module):
    def __init__(self, error: float) -> None:
        super().__init__()
        self.weight, self.error = nn.Parameter(torch.rand(4)), error
        self.both = True

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + x if self.both else x * self.weight

    def switch_to_deploy(self) -> None:
        self.weight.data += 1 + self.error
        self.both = False


def test_branches_are_merged_only_where_that_is_exact() -> None:
    exact = network(Branches(0.0))
    merged, told = merge_branches(exact, X)
    assert told == ["has branches for training in 1 blocks: merged by its own method"]
    assert not merged[3].both
    assert exact[3].both
    assert torch.allclose(merged(X), exact(X))
    wrong = network(Branches(0.1))
    assert merge_branches(wrong, X) == (wrong, [])


def save(path: str, given: nn.Module, *, batch: int = 1, size: tuple[int, int] = (8, 16)) -> None:
    torch.export.save(torch.export.export(given, (torch.zeros(batch, 3, *size),)), path)


def test_a_program_is_a_network_of_the_size_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 4)).eval()
    save("net.pt2", given, size=(32, 48))
    plan = plan_user_network(*spec_of("net.pt2"), Silent())  # In its own process.
    assert plan.preprocessing.crop == (32, 48)
    assert plan.classes == 4
    assert plan.weights.source == "as made by net.pt2"
    x = torch.rand(1, 3, 32, 48)
    assert torch.equal(graph_module(plan.network.program)(x), given(x))
    monkeypatch.setattr("deploy.capture.user.plan.size_of_program", lambda _: (32, 48))
    with pytest.raises(UserError, match="takes images of 32x48, not 64x64: leave --resolution"):
        plan_user_network(*spec_of("net.pt2", resolution=(64, 64)), Silent())
    with pytest.raises(UserError, match="has its weights in it: leave --weights out"):
        NetworkSpec("net.pt2", weights="w.safetensors")


def spec_of(name: str, **options: object) -> tuple[NetworkSpec, object]:
    spec = NetworkSpec(name, **options)
    return spec, spec.reference


def test_what_is_no_program_for_phones_says_so() -> None:
    Path("garbage.pt2").write_bytes(b"no archive")
    with pytest.raises(Mistake, match=r"is no program that this torch .* can read"):
        load_program(Path("garbage.pt2"))
    save("batch.pt2", network(), batch=2, size=(8, 8))
    with pytest.raises(Mistake, match=r"takes \(2, 3, 8, 8\), not one image"):
        ask("", location="batch.pt2", wanted="size")
    save("train.pt2", nn.Sequential(nn.Dropout(0.5), *network()).train(), size=CROP)
    with pytest.raises(Mistake, match=r"draws random numbers .* export it anew, after network.ev"):
        ask("", location="train.pt2")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("executed", "w"))


def test_no_pickle_in_a_program_is_executed() -> None:
    """torch.export.load itself executes what its sample inputs say."""
    save("net.pt2", network(), size=CROP)
    pickled = io.BytesIO()
    torch.save(((Evil(),), {}), pickled)
    with zipfile.ZipFile("net.pt2") as good, zipfile.ZipFile("evil.pt2", "w") as evil:
        for name in good.namelist():
            is_pickle = "sample_inputs" in name
            evil.writestr(name, pickled.getvalue() if is_pickle else good.read(name))
    with contextlib.suppress(Exception):  # Whatever it says of it afterwards.
        torch.export.load("evil.pt2")
    assert Path("executed").exists()
    Path("executed").unlink()
    shutil.copy("evil.pt2", "sent.pt2")
    with pytest.raises(UserError, match="is no program that this torch"):
        export("sent.pt2")
    assert not Path("executed").exists()


def test_what_torch_stumbles_on_in_a_users_graph_is_said_with_their_line() -> None:
    trace = (
        'While executing %view\nOriginal traceback:\n  File "/home/me/nets.py", line 7, in forward'
    )
    with pytest.raises(UserError) as caught, telling_where("nets.py:make", "captured"):
        raise ValueError(f"Cannot view a tensor\n{trace}")
    assert str(caught.value) == (
        "nets.py:make cannot be captured: Cannot view a tensor (/home/me/nets.py line 7): write "
        "that line in another way, or report it to us"
    )
    beside = Path(torch.__file__).parents[1] / "torchvision" / "ops.py"
    assert users_line(f'File "{beside}", line 3, in forward') == f"{beside} line 3"
    with pytest.raises(ValueError, match="of no line"), telling_where("nets.py:make", "captured"):
        raise ValueError("of no line")
