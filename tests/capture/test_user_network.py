"""The user's own network: found, run apart from us, held to what phones need, and told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.export import ExportedProgram

import deploy
from deploy.capture.program import graph_module
from deploy.capture.simplify import simplify
from deploy.capture.spec import NetworkSpec
from deploy.capture.user.child.blame import Mistake
from deploy.capture.user.child.run import answer_request
from deploy.capture.user.export import UserNetwork, export_user_network
from deploy.capture.user.functional import functionalize
from deploy.capture.user.plan import oddities, plan_user_network
from deploy.capture.user.reference import parse_reference
from deploy.support.errors import DeployError, RunError, UserError, WeightsError
from deploy.support.reporter import Silent

CROP = (32, 32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, code: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(textwrap.dedent(code))


def export(network: str) -> UserNetwork:
    reference = parse_reference(network)
    assert reference is not None
    return export_user_network(reference, CROP, seed=0)


def export_here(factory: str, *, location: str = "nets.py") -> dict[str, Any]:
    """What the child does, in this process: quicker, and the same but for the path."""
    request = {
        "location": location,
        "factory": factory,
        "is_file": location.endswith(".py"),
        "crop": CROP,
    }
    return answer_request(request | {"wanted": "program"}, Path())


# --- Names


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
def user_package(folder: Path) -> None:
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
from deploy.capture.user.reference import parse_reference
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


# --- What cannot be built, each in one line that names it

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
    named = only(lambda self, x: {"logits": x.mean((2, 3))})
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
    r": of a single logit z return two, no and yes, torch.cat",
    "gated": r"shape \(1\) for one image, not \(1, classes\): of a single logit z return two",
    "unbatched": r"shape \(3\) .* return one logit for each class, and keep the dimension of",
    "spatial": r"shape \(1, 3, 1, 1\) .* with its output through flatten\(1\)",
    "features": r"Conv2d returns a tensor of shape \(1, 8, 30, 30\) for one image",
    "two_inputs": r"forward of Only takes 2 inputs \(image, mask\), not one image",
    "pair": "Only returns a tuple of 2, not one tensor",
    "named": "Only returns a dict with logits, not one tensor",
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
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pkg_of_test_user_network/nets.py", "")
    write("pkg_of_test_user_network/__init__.py", "")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(Mistake, match=r"there is no module 'pkg_.*\.nest' in .* mean pkg_.*\.nets"):
        export_here("make", location="pkg_of_test_user_network.nest")


def test_a_file_that_is_not_there_is_named_with_its_neighbours() -> None:
    write("nets.py", "")
    with pytest.raises(UserError, match=r"nest.py is not a file: did you mean nets.py\?"):
        export("nest.py:make")


# --- Weights, preprocessing, and what is odd


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


def test_a_lazy_layer_has_its_shape_before_weights_go_into_it() -> None:
    write("lazy.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))")
    count = 3 * CROP[0] * CROP[1]
    save_file({"1.weight": torch.ones(4, count), "1.bias": torch.ones(4)}, "w.safetensors")
    network = plan("lazy.py:net", weights="w.safetensors").network
    logits = network.program.module()(torch.ones(1, 3, *CROP))
    assert torch.allclose(logits, torch.full((1, 4), count + 1.0))


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


def test_weights_of_another_network_are_refused_by_name() -> None:
    write("nets.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))")
    save_file({"1.weight": torch.ones(4, 3072), "head.bias": torch.ones(4)}, "w.safetensors")
    with pytest.raises(
        WeightsError, match=r"1 of 2 .*missing \(1.bias\) .*left over \(head.bias\)"
    ):
        plan("nets.py:net", weights="w.safetensors")


def test_a_toml_file_beside_the_network_is_its_preprocessing_and_options_go_before() -> None:
    write("nets.py", "from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))")
    write("nets.toml", 'scale = "1/127.5"\nmean = 1\nstd = [1, 2, 3]\ncrop = 99\nresize = "40x50"')
    preprocessing = plan("nets.py:net").preprocessing
    assert preprocessing.scale == 1 / 127.5
    assert preprocessing.mean == (1.0, 1.0, 1.0)
    assert preprocessing.std == (1.0, 2.0, 3.0)
    assert preprocessing.crop == CROP
    assert preprocessing.resize == (40, 50)


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


# --- Programs that write over their input


class InPlace(nn.Module):
    """A shortcut that is written over after it was taken, as in pre-activation ResNets."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.other = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        shortcut = x
        y = nn.functional.dropout(nn.functional.relu(x, inplace=True), training=self.training)
        y = self.other(y * 0.5)
        y += shortcut
        logits: Tensor = self.head(y.mean((2, 3)))
        return logits


def test_a_program_that_writes_over_its_input_is_made_functional() -> None:
    torch.manual_seed(0)
    network = InPlace().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    targets = [str(node.target) for node in program.graph.nodes]
    assert not [target for target in targets if "_." in target]
    assert targets.count("aten.batch_norm.default") == 2
    assert "aten.clone.default" not in targets
    assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


class Shuffling(nn.Module):
    """A channel shuffle as in ShuffleNet, behind an activation in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.conv(x), inplace=True)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        logits: Tensor = self.head((x * torch.arange(8.0).view(8, 1, 1)).mean((2, 3)))
        return logits


def test_a_copy_that_a_view_needs_may_go_all_the_same() -> None:
    torch.manual_seed(0)
    network = Shuffling().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


class WritingTransposed(nn.Module):
    """Writes through a transposed view, and then reads its values in their own order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 2, 3, stride=8), nn.Linear(2 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(self.conv(x), (4, 4))
        x.transpose(2, 3)[:, :, 0].add_(1)
        logits: Tensor = self.head(x.flatten(1))
        return logits


def test_what_is_written_through_a_transposed_view_is_read_in_its_own_order() -> None:
    torch.manual_seed(0)
    network = WritingTransposed().eval()
    x = torch.randn(1, 3, *CROP)
    program = functionalize(torch.export.export(network, (x,)))
    with torch.no_grad():
        assert torch.allclose(graph_module(simplify(program))(x), network(x), atol=1e-5)


def test_a_program_that_writes_nothing_over_is_left_as_it_is() -> None:
    program = torch.export.export(nn.Conv2d(3, 8, 3).eval(), (torch.zeros(1, 3, 8, 8),))
    assert functionalize(program) is program


def test_every_error_of_ours_is_a_deploy_error() -> None:
    write("nets.py", "def make(): raise ValueError('\\x1b[31mred\\x07')")
    with pytest.raises(DeployError) as caught:
        export("nets.py:make")
    assert str(caught.value).isprintable()
    assert "Traceback" in caught.value.__notes__[0]
