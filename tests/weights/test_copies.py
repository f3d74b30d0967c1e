"""Checkpoints that hold more than the network: what is taken, what is left out and named."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from weight_files import ROW, Tiny, assert_loads, averaged, beside, misfit, prefixed, save, trained

from deploy.support.errors import WeightsError
from deploy.weights import read_state_dict
from deploy.weights.fit import load_weights

NUMBER = torch.tensor(0.5)
# What a training script leaves beside the network, and what we say is left out.
MORE: dict[str, tuple[Callable[[], object], str]] = {
    "Lightning": (
        lambda: {
            "epoch": 3,
            "state_dict": prefixed("model.") | beside(criterion__pos_weight=ROW),
            "optimizer_states": [{"state": {0: {"exp_avg": ROW}}, "param_groups": []}],
            "lr_schedulers": [],
        },
        "the 8 tensors under state_dict.model and leaves 1 out (state_dict.criterion.pos_weight)",
    ),
    "Lightning's metrics": (
        lambda: {
            "state_dict": prefixed("net.module.") | beside(train_acc__tp=ROW, **{"val/f1": NUMBER})
        },
        "under state_dict.net and leaves 2 out (state_dict.train_acc.tp, state_dict.val/f1)",
    ),
    "a loss beside plain names": (
        lambda: trained().state_dict() | beside(loss_fn__weight=ROW),
        "takes the 8 tensors and leaves 1 out (loss_fn.weight)",
    ),
    "an auxiliary head": (
        lambda: prefixed("") | beside(aux__0__weight=ROW, aux__0__bias=ROW),
        "leaves 2 out (aux.0.weight, aux.0.bias)",
    ),
    "observers of quantization-aware training": (
        lambda: prefixed("") | beside(features__0__weight_fake_quant__scale=ROW),
        "leaves 1 out (features.0.weight_fake_quant.scale)",
    ),
    "an average beside it": (
        lambda: {"model": averaged(trained().state_dict()), "model_ema": trained().state_dict()},
        "takes the 8 tensors under model_ema and leaves 8 out (model.features.0.weight, ",
    ),
    "an average that is none yet": (
        lambda: {"ema": {"decay": NUMBER}, "model": trained().state_dict()},
        "under model and leaves 1 out (ema.decay)",
    ),
    "an average without its statistics": (
        lambda: {
            "ema": {k: t for k, t in trained().state_dict().items() if "running" not in k},
            "model": trained().state_dict(),
        },
        "under model and leaves 6 out (ema.features.0.weight, ",
    ),
    "a network of another size": (
        lambda: {"teacher": Tiny(channels=8).state_dict(), "student": trained().state_dict()},
        "under student and leaves 8 out (teacher.features.0.weight, ",
    ),
    "wrappers around the parts": (
        lambda: (
            {
                f"backbone.{name.replace('features.', 'features._orig_mod.module.')}": tensor
                for name, tensor in trained().state_dict().items()
            }
            | beside(queue=ROW)
        ),
        "under backbone and leaves 1 out (queue)",
    ),
    "one module under two names": (
        lambda: prefixed("model.") | prefixed("net."),
        "under net and leaves 8 out (model.features.0.weight, ",
    ),
}


@pytest.mark.parametrize(("content", "said"), MORE.values(), ids=MORE)
def test_what_fits_is_taken_and_the_rest_named(
    tmp_path: Path, content: Callable[[], object], said: str
) -> None:
    path = save(tmp_path, content())
    assert_loads(path)
    left_out = load_weights(Tiny(), read_state_dict(path), file_name=path.name)
    assert said in left_out
    assert left_out.isprintable()


TWO = {
    "student and teacher": ("student.", "teacher."),
    "DINO's, compiled": ("student._orig_mod.", "teacher._orig_mod.backbone."),
    "MoCo's": ("module.encoder_k.", "module.encoder_q."),
    "Lightning's average": ("model.", "ema_model.module."),
    "plain and under a prefix": ("", "other."),
}


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize(("one", "other"), TWO.values(), ids=TWO)
def test_two_networks_that_fit_are_asked_about_and_either_can_be_chosen(
    tmp_path: Path, one: str, other: str, nested: bool
) -> None:
    state = prefixed(one) | averaged(prefixed(other))
    path = save(tmp_path, {"state_dict": state, "epoch": 3} if nested else state)
    given = read_state_dict(path)
    message = misfit(given)
    assert message.startswith("w.pth holds 2 networks that fit, under ")
    outer = "state_dict." if nested else ""
    proposed = message.partition("--weights-prefix ")[2]
    for prefix, added in ((outer + one, 0), (outer + other, 1)):
        network = Tiny()
        load_weights(network, given, file_name="w.pth", prefix=prefix.rstrip(".") or ".")
        assert torch.equal(network.features[0].weight, trained().features[0].weight + added)
    load_weights(Tiny(), given, file_name="w.pth", prefix=proposed)


def test_a_prefix_that_is_not_there_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"under --weights-prefix pupil: they are under s, t$"):
        load_weights(Tiny(), prefixed("s.") | prefixed("t."), file_name="w", prefix="pupil")
    with pytest.raises(WeightsError, match="it has none of this network"):
        load_weights(Tiny(), {"x": ROW}, file_name="w", prefix="pupil")


@pytest.mark.parametrize(
    "name",
    [
        "norm.weight",
        "neck.bias",
        "cls_token",
        "features.1.lora_a",
        "features.2.weight",
        "classifier.1.mask",
        "classifier.2.bias",
    ],
)
def test_what_is_inside_the_network_is_never_left_out(name: str) -> None:
    """It says that the file's network computes something else."""
    for prefix in ("", "model."):
        assert f"1 are left over ({prefix}{name})" in misfit(
            prefixed(prefix) | {f"{prefix}{name}": ROW}
        )


def test_one_more_layer_of_a_sequence_is_never_left_out() -> None:
    longer = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    message = misfit(dict(longer.state_dict()), nn.Sequential(nn.Linear(2, 2)))
    assert "2 are left over (1.weight, 1.bias)" in message
    bias = misfit(dict(nn.Linear(2, 2).state_dict()), nn.Linear(2, 2, bias=False))
    assert "1 are left over (bias)" in bias
