"""The user's own network: found, run apart from us, with its weights and preprocessing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.export import ExportedProgram
from users_code import CROP, export, write

import deploy
from deploy.capture.program import graph_module
from deploy.capture.simplify import simplify
from deploy.capture.spec import NetworkSpec
from deploy.capture.user import export as user_export
from deploy.capture.user.child.run import answer_request
from deploy.capture.user.functional import functionalize
from deploy.capture.user.plan import oddities, plan_user_network
from deploy.capture.user.reference import Reference, parse_reference
from deploy.support.errors import DeployError, RunError, UserError, WeightsError
from deploy.support.reporter import Silent

pytestmark = pytest.mark.usefixtures("users_folder")


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("my_pkg.nets:make_net", "my_pkg.nets.make_net"),
        ("/some where/größe.py:Net.small", "gr__e.Net.small"),
        (".hidden.py:net", "_hidden.net"),
    ],
)
def test_a_network_of_the_users_names_its_files_in_ascii(network: str, name: str) -> None:
    reference = parse_reference(network)
    assert reference is not None
    assert str(reference) == network
    assert reference.name == name


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("nets.py", "names no factory: give nets.py:FACTORY"),
        ("nets.py:", "after the colon give the name of the function"),
        ("nets.py:make()", "after the colon give the name of the function"),
        ("my_pkg/nets:make", "before the colon give a module such as my_pkg.nets"),
        (":make", "before the colon give a module"),
    ],
)
def test_what_is_no_reference_is_refused(network: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_reference(network)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 0.5}, "--width is for our own networks"),
        ({"weights": "none"}, "--weights none is for our own networks"),
    ],
)
def test_a_spec_refuses_what_only_our_networks_have(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        NetworkSpec("nets.py:make", **options)


# --- In a process of its own

BLOCKS = """
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.act = nn.ReLU(inplace=True)

        def forward(self, x):
            y = self.bn(self.conv(x))
            y += x
            return self.act(y)
"""
NETS = """
    from models.blocks import Block
    from torch import nn

    def make_net():
        print("printed by the user's code")
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(inplace=True), Block(), nn.Dropout(0.2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
        )
"""


@pytest.fixture
def user_package(users_folder: Path) -> None:
    """A module whose helpers are in a package named like ours, without an __init__.py."""
    write("my_pkg/nets.py", NETS)
    write("models/blocks.py", BLOCKS)


@pytest.mark.usefixtures("user_package")
def test_a_users_package_named_models_is_theirs_and_prints_go_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    network = export("my_pkg.nets:make_net")
    out, err = capfd.readouterr()
    assert out == ""
    assert "printed by the user's code" in err
    assert network.classes == 5
    assert network.params == (3 * 9 * 8 + 8) + (8 * 9 * 8 + 8) + 16 + (8 * 5 + 5)
    assert "2.conv.weight" in network.program.state_dict
    assert not list(Path().rglob("__pycache__"))


def test_the_folder_of_a_file_is_on_the_path_and_ours_is_not() -> None:
    write("else/where/helper.py", "from torch import nn\nnet = nn.Linear(3, 2)")
    write(
        "else/where/nets.py",
        """
        import importlib.util
        from helper import net

        def make():
            for name in ("deploy", "models"):
                try:
                    __import__(name)
                except ModuleNotFoundError:
                    continue
                raise RuntimeError(f"{name} is ours")
            raise RuntimeError("neither")
        """,
    )
    with pytest.raises(UserError, match=r"RuntimeError: neither \(else/where/nets.py line 12\)"):
        export("else/where/nets.py:make")


def test_a_killed_process_is_told_from_a_broken_network() -> None:
    write("nets.py", "import os\ndef make(): os.kill(os.getpid(), 9)")
    with pytest.raises(RunError, match=r"nets\.py:make was killed, most likely for want of memory"):
        export("nets.py:make")


def test_the_process_ends_with_us_even_by_sigkill() -> None:
    write("nets.py", "import time\nopen('started', 'w').close()\ntime.sleep(600)")
    code = """
from deploy.capture.user.export import export_user_network
from deploy.capture.user.reference import Reference, parse_reference
export_user_network(parse_reference("nets.py:make"), (32, 32), seed=0)
"""
    root = Path(deploy.__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        while not Path("started").exists():
            assert parent.poll() is None
        children = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert children
    assert alive == []


# --- Weights, preprocessing, and what is odd


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's code runs here: seconds quicker, where the process is not the question."""

    def ask(reference: Reference, folder: Path, **options: Any) -> dict[str, Any]:
        request = {
            "location": reference.location,
            "factory": reference.factory,
            "is_file": reference.is_file,
        }
        return answer_request(request | options, folder)

    monkeypatch.setattr(user_export, "_ask", ask)


def plan(network: str, **options: Any) -> Any:
    spec = NetworkSpec(network, resolution=CROP, **options)
    assert spec.reference is not None
    return plan_user_network(spec, spec.reference, Silent())


@pytest.mark.usefixtures("user_package")
def test_a_weights_file_replaces_what_the_factory_made() -> None:
    made = plan("my_pkg.nets:make_net")
    assert made.weights.source == "as made by my_pkg.nets:make_net"
    state = made.network.program.state_dict
    twice = {f"module.{name}": tensor.detach() * 2 for name, tensor in state.items()}
    save_file(twice, "best.safetensors")
    loaded = plan("my_pkg.nets:make_net", weights="best.safetensors")
    assert loaded.weights.file == "best.safetensors"
    x = torch.rand(1, 3, *CROP)
    weight = "6.weight"
    assert torch.equal(loaded.network.program.state_dict[weight], state[weight] * 2)
    logits = graph_module(simplify(functionalize(loaded.network.program)))(x)
    expected = made_with(made.network.program, twice, x)
    assert torch.allclose(logits, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


MERGES = """
import torch
from torch import nn

class Adapted(nn.Linear):
    # Adds what its adapter learned to its weight on the way to eval mode, as LoRA layers do.
    def __init__(self):
        super().__init__(48, 4)
        self.down, self.up = nn.Parameter(torch.ones(2, 48)), nn.Parameter(torch.zeros(4, 2))
        self.merged = False

    def train(self, mode=True):
        if not mode and not self.merged:
            self.weight.data += self.up @ self.down
            self.merged = True
        return super().train(mode)

def make_net():
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), Adapted())
"""


@pytest.mark.usefixtures("no_process")
def test_weights_are_in_the_network_before_eval_mode_merges_what_they_hold() -> None:
    write("merging.py", MERGES)
    generator = torch.Generator().manual_seed(1)
    shapes = {"2.weight": (4, 48), "2.bias": (4,), "2.down": (2, 48), "2.up": (4, 2)}
    given = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    save_file(given, "adapter.safetensors")
    network = plan("merging.py:make_net", weights="adapter.safetensors").network
    x = torch.rand(1, 3, *CROP, generator=generator)
    merged = given["2.weight"] + given["2.up"] @ given["2.down"]
    pooled = torch.nn.functional.avg_pool2d(x, 8).flatten(1)
    expected = torch.nn.functional.linear(pooled, merged, given["2.bias"])
    assert torch.allclose(network.program.module()(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("no_process")
def test_a_lazy_layer_has_its_shape_before_weights_go_into_it() -> None:
    write("lazy.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))")
    count = 3 * CROP[0] * CROP[1]
    save_file({"1.weight": torch.ones(4, count), "1.bias": torch.ones(4)}, "w.safetensors")
    network = plan("lazy.py:net", weights="w.safetensors").network
    logits = network.program.module()(torch.ones(1, 3, *CROP))
    assert torch.allclose(logits, torch.full((1, 4), count + 1.0))


@pytest.mark.usefixtures("no_process")
def test_a_network_that_divides_by_its_own_spread_is_no_other_once_exported() -> None:
    """Of an image of one colour it makes NaN, eagerly and exported alike."""
    write(
        "own_spread.py",
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.head = nn.Linear(3072, 4)\n"
        "    def forward(self, x):\n"
        "        return self.head(((x - x.mean()) / x.std()).flatten(1))\n",
    )
    assert plan("own_spread.py:Net").network.classes == 4


def made_with(program: ExportedProgram, state: dict[str, Tensor], x: Tensor) -> Tensor:
    bare = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    logits: Tensor = torch.func.functional_call(program.module(), bare, (x,))
    return logits


@pytest.mark.usefixtures("no_process")
def test_weights_of_another_network_are_refused_by_name() -> None:
    write("nets.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))")
    save_file({"1.weight": torch.ones(4, 3072), "head.bias": torch.ones(4)}, "w.safetensors")
    with pytest.raises(
        WeightsError, match=r"1 of 2 .*missing \(1.bias\) .*left over \(head.bias\)"
    ):
        plan("nets.py:net", weights="w.safetensors")


@pytest.mark.usefixtures("no_process")
def test_a_toml_file_beside_the_network_is_its_preprocessing_and_options_go_before() -> None:
    write("nets.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))")
    write("nets.toml", 'scale = "1/127.5"\nmean = 1\nstd = [1, 2, 3]\ncrop = 99\nresize = "40x50"')
    preprocessing = plan("nets.py:net").preprocessing
    assert preprocessing.scale == 1 / 127.5
    assert preprocessing.mean == (1.0, 1.0, 1.0)
    assert preprocessing.std == (1.0, 2.0, 3.0)
    assert preprocessing.crop == CROP
    assert preprocessing.resize == (40, 50)


@pytest.mark.usefixtures("no_process")
def test_classes_that_contradict_the_network_are_refused() -> None:
    write("nets.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))")
    with pytest.raises(UserError, match=r"--classes 5 contradicts nets\.py:net, which gives 4"):
        plan("nets.py:net", classes=5)


def test_logits_that_say_little_are_told() -> None:
    assert oddities(torch.randn(8, 5)) == []
    (same,) = oddities(torch.ones(8, 5) + 1e-4 * torch.randn(8, 5))
    assert "nearly the same logits for every photo" in same
    (zero,) = oddities(torch.zeros(8, 5))
    assert zero.startswith("gives all zero")
    (probabilities,) = oddities(torch.randn(8, 5).softmax(1))
    assert "gives probabilities" in probabilities


def test_every_error_of_ours_is_a_deploy_error() -> None:
    write("nets.py", "def make(): raise ValueError('\\x1b[31mred\\x07')")
    with pytest.raises(DeployError) as caught:
        export("nets.py:make")
    assert str(caught.value).isprintable()
    assert "Traceback" in caught.value.__notes__[0]
