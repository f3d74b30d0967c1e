"""What Core ML's operators compute at the doubtful points, with values worked out by hand.

Sources: the texts in coremltools' `ops/defs`, and public reports of what a Mac gave; see
`docs/decisions/core-ml-evaluator.md`. Nothing here asks torch what is right.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from deploy.runtimes.mil.evaluate import UnknownOperatorError, run_mil
from deploy.runtimes.mil.ops import OPERATORS
from deploy.runtimes.mil.ops.types import UnclearError
from deploy.runtimes.mil.program import MilProgram, Operation, Output


def ramp(*shape: int) -> Tensor:
    return torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)


def values(tensor: Tensor) -> list[float]:
    return [round(value, 4) for value in tensor.flatten().tolist()]


def test_a_window_that_ceil_mode_adds_is_divided_by_all_of_the_kernel() -> None:
    """The figures of coremltools#2844, from a Mac."""
    pool = OPERATORS["avg_pool"](
        x=ramp(1, 1, 7, 7), kernel_sizes=(2, 2), strides=(3, 3), pad_type="custom",
        pad=(0, 0, 0, 0), ceil_mode=True,
    )  # fmt: skip
    assert values(pool) == [4, 7, 4.75, 25, 28, 15.25, 21.25, 22.75, 12]


@pytest.mark.parametrize(
    ("strides", "pad", "ceil", "exclude", "expected"),
    [  # windows of 3 over 3 6 9 12 15
        (2, (1, 1), False, False, [3, 9, 9]),  # 0 3 6, 6 9 12, 12 15 0
        (2, (1, 1), False, True, [4.5, 9, 13.5]),
        (2, (1, 0), False, True, [4.5, 9]),
        (3, (0, 0), True, False, [6, 9]),  # 3 6 9, 12 15 and nothing
        (3, (0, 0), True, True, [6, 13.5]),
        (3, (1, 1), True, False, [3, 12]),  # 0 3 6, 9 12 15: a third would start in the padding
    ],
)
def test_average_pools_count_padding_or_leave_it_out(
    strides: int, pad: tuple[int, int], ceil: bool, exclude: bool, expected: list[float]
) -> None:
    got = OPERATORS["avg_pool"](
        x=3 * ramp(1, 1, 5) + 3,
        kernel_sizes=(3,),
        strides=(strides,),
        pad_type="custom",
        pad=pad,
        ceil_mode=ceil,
        exclude_padding_from_average=exclude,
    )
    assert values(got) == expected


def test_a_maximum_is_of_what_is_there() -> None:
    x = -ramp(1, 1, 5) - 1  # -1 ... -5
    pool = OPERATORS["max_pool"](
        x=x, kernel_sizes=(2,), strides=(2,), pad_type="custom", pad=(0, 0), ceil_mode=True
    )
    assert values(pool) == [-1, -3, -5]


def test_same_pads_behind_and_same_lower_before() -> None:
    x, weight = torch.tensor([[[1.0, 2, 3]]]), torch.tensor([[[1.0, 10]]])
    conv = OPERATORS["conv"]
    assert values(conv(x=x, weight=weight, pad_type="same")) == [21, 32, 3]
    assert values(conv(x=x, weight=weight, pad_type="same_lower")) == [10, 21, 32]


@pytest.mark.parametrize(
    ("mode", "size", "points"),
    [  # the examples in the text of resize_bilinear, where the input is [0, 1]
        ("UNALIGN_CORNERS", 5, [0, 0.1, 0.5, 0.9, 1]),
        ("ALIGN_CORNERS", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("STRICT_ALIGN_CORNERS", 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ("DEFAULT", 5, [0, 0.4, 0.8, 1, 1]),
        ("UNALIGN_CORNERS", 6, [0, 0, 0.3333, 0.6667, 1, 1]),
        ("ALIGN_CORNERS", 1, [0.5]),
    ],
)
def test_bilinear_samples_where_its_text_says(mode: str, size: int, points: list[float]) -> None:
    x = torch.tensor([[[[0.0, 1.0]]]])
    got = OPERATORS["resize_bilinear"](
        x=x, target_size_height=1, target_size_width=size, sampling_mode=mode
    )
    assert values(got) == points
    if "STRICT" not in mode and mode != "DEFAULT" and size > 1:
        up = OPERATORS["upsample_bilinear"](
            x=x, scale_factor_width=size / 2, align_corners=mode == "ALIGN_CORNERS"
        )
        assert values(up) == points


def test_nearest_repeats_pixels_and_says_nothing_of_broken_scales() -> None:
    x = torch.tensor([[[[1.0, 2.0]]]])
    up = OPERATORS["upsample_nearest_neighbor"]
    assert values(up(x=x, scale_factor_height=2, scale_factor_width=3)) == [1, 1, 1, 2, 2, 2] * 2
    with pytest.raises(UnclearError, match="nearest"):
        up(x=x, scale_factor_width=1.5)


def test_gather_counts_from_the_start_alone() -> None:
    x = ramp(1, 3, 2)
    gather = OPERATORS["gather"]
    assert values(gather(x=x, indices=(2, 0), axis=1)) == [4, 5, 0, 1]
    assert values(gather(x=x, indices=torch.tensor([[1]]), axis=-1)) == [1, 3, 5]
    assert gather(x=x, indices=torch.tensor([[1]]), axis=-1).shape == (1, 3, 1, 1)
    assert gather(x=x, indices=1, axis=1).shape == (1, 2)
    for index in (-1, 3):
        with pytest.raises(ValueError, match="outside"):
            gather(x=x, indices=(index,), axis=1)


def test_pixels_are_shuffled_channel_by_channel() -> None:
    x = ramp(1, 4, 1, 2)  # four channels of two pixels
    shuffled = OPERATORS["pixel_shuffle"](x=x, upscale_factor=2)
    assert values(shuffled) == [0, 2, 1, 3, 4, 6, 5, 7]
    assert torch.equal(OPERATORS["pixel_unshuffle"](x=shuffled, downscale_factor=2), x)


def test_padding_by_reflection_leaves_the_edge_out_and_replication_repeats_it() -> None:
    x, pad = torch.tensor([[[1.0, 2, 3]]]), OPERATORS["pad"]
    assert values(pad(x=x, pad=(2, 1), mode="reflect")) == [3, 2, 1, 2, 3, 2]
    assert values(pad(x=x, pad=(0, 0, 2, 1), mode="replicate")) == [1, 1, 1, 2, 3, 3]
    assert values(pad(x=x, pad=(1, 0), constant_val=7.0)) == [7, 1, 2, 3]


def test_a_slice_may_count_from_the_end_and_run_backwards() -> None:
    x, cut = ramp(5), OPERATORS["slice_by_index"]
    assert values(cut(x=x, begin=(-3,), end=(-1,))) == [2, 3]
    assert values(cut(x=x, begin=(4,), end=(0,), stride=(-2,))) == [4, 2]
    assert values(cut(x=x, begin=(1,), end=(0,), end_mask=(True,), stride=(2,))) == [1, 3]


@pytest.mark.parametrize(
    ("op", "arguments", "x", "expected"),
    [
        ("thresholded_relu", {"alpha": 1.0}, [0.5, 1.0, 2.0], [0, 1, 2]),
        ("clamped_relu", {"alpha": 0.5, "beta": 1.0}, [-2, 0.5, 3], [-1, 0.5, 1]),
        ("leaky_relu", {"alpha": 0.1}, [-10.0, 0, 5], [-1, 0, 5]),
        ("elu", {"alpha": 2.0}, [-1.0, 3], [2 * (math.exp(-1) - 1), 3]),
        ("sigmoid_hard", {"alpha": 1 / 6, "beta": 0.5}, [-4.0, 0, 1.5, 4], [0, 0.5, 0.75, 1]),
        ("gelu", {}, [1.0], [0.5 * (1 + math.erf(1 / math.sqrt(2)))]),
        (
            "gelu",
            {"mode": "TANH_APPROXIMATION"},
            [2.0],
            [1 + math.tanh(math.sqrt(2 / math.pi) * (2 + 0.044715 * 8))],
        ),
        ("softplus", {}, [0.0, 100, -100], [math.log(2), 100, 0]),
        ("rsqrt", {}, [0.0, 4], [1e6, 0.5]),
        ("inverse", {}, [0.0, 1], [1e4, 1 / 1.0001]),
        ("log", {"epsilon": 1.0}, [0.0], [0]),
        ("sign", {}, [-3.0, 0, 2], [-1, 0, 1]),
        ("clip", {"alpha": -1.0, "beta": 2.0}, [-5.0, 0.5, 5], [-1, 0.5, 2]),
    ],
)
def test_elementwise_formulas(
    op: str, arguments: dict[str, Any], x: list[float], expected: list[float]
) -> None:
    got = OPERATORS[op](x=torch.tensor(x), **arguments).tolist()
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_norm_has_its_epsilon_inside_the_root_and_the_whole_variance() -> None:
    x = torch.tensor([[1.0, 3.0]])  # mean 2, variance 1
    expected = pytest.approx([-1 / math.sqrt(1.5), 1 / math.sqrt(1.5)], rel=1e-6)
    assert OPERATORS["layer_norm"](x=x, axes=(-1,), epsilon=0.5).flatten().tolist() == expected
    assert OPERATORS["instance_norm"](x=x[None], epsilon=0.5).flatten().tolist() == expected
    batch = OPERATORS["batch_norm"](
        x=torch.full((1, 1, 1, 1), 5.0), mean=torch.tensor([2.0]), variance=torch.tensor([8.0]),
        gamma=torch.tensor([2.0]), beta=torch.tensor([1.0]), epsilon=1.0,
    )  # fmt: skip
    assert batch.item() == pytest.approx(3.0)  # (5 - 2) / 3 * 2 + 1


def test_a_cast_to_integers_goes_towards_zero_or_nowhere() -> None:
    cast = OPERATORS["cast"]
    assert cast(x=torch.tensor([1.9, -1.9]), dtype="int32").tolist() == [1, -1]
    assert cast(x=torch.tensor([255.9]), dtype="uint8").tolist() == [255]
    for value in (300.0, -1.0, math.nan, math.inf):
        with pytest.raises(UnclearError, match="uint8"):
            cast(x=torch.tensor([value]), dtype="uint8")


def one_operator(op_type: str, output: str, **constants: Any) -> MilProgram:
    operation = Operation(
        "it", op_type, {"x": "x", **{key: key for key in constants}}, (Output("y", output, (2,)),)
    )
    return MilProgram(
        inputs=(Output("x", "float32", (2,)),),
        operations=(operation,),
        constants=constants,
        outputs=("y",),
        image_inputs=frozenset(),
    )


def test_float16_overflows_to_infinity_and_loses_what_is_small() -> None:
    x = torch.tensor([300.0, 1e-5])
    squares = run_mil(one_operator("square", "float16"), {"x": x})["y"]
    assert squares.tolist() == [math.inf, 0.0]  # 90000 > 65504, and 1e-10 < 6e-8


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (one_operator("round", "float32"), "'round'.* is unknown to the evaluator"),
        (one_operator("cast", "uint8", dtype="uint8"), "'cast'.* is unclear .a value has no place"),
    ],
)
def test_what_nobody_has_written_down_is_refused_by_name(program: MilProgram, message: str) -> None:
    with pytest.raises(UnknownOperatorError, match=message + ".*--allow-unverified coreml"):
        run_mil(program, {"x": torch.tensor([0.5, 300.0])})


def test_a_transposed_convolution_spreads_its_input_and_pad_cuts_off() -> None:
    x, weight = torch.tensor([[[1.0, 2]]]), torch.tensor([[[1.0, 10, 100]]])
    up = OPERATORS["conv_transpose"]
    assert values(up(x=x, weight=weight, strides=(2,))) == [1, 10, 102, 20, 200]
    custom = {"x": x, "weight": weight, "strides": (2,), "pad_type": "custom", "pad": (1, 0)}
    assert values(up(**custom)) == [10, 102, 20, 200]
    assert values(up(**custom, output_shape=(1, 1, 4))) == [10, 102, 20, 200]
    with pytest.raises(UnclearError, match="output_shape"):
        up(**custom, output_shape=(1, 1, 5))
    cut = OPERATORS["crop"](x=ramp(1, 1, 3, 4), crop_height=(1, 0), crop_width=(0, 2))
    assert values(cut) == [4, 5, 8, 9]


def test_pads_of_what_is_there_have_limits() -> None:
    pad = OPERATORS["pad"]
    x = ramp(1, 2, 1, 3)
    assert values(pad(x=x[:, :1], pad=(0, 0, 0, 0, 0, 0, 2, 0), mode="reflect")) == [2, 1, 0, 1, 2]
    for pads, mode in (
        ((0, 0, 0, 0, 0, 0, 3, 0), "reflect"),
        ((0, 0, 0, 0, 0, 0, 4, 0), "replicate"),
        ((0, 0, 1, 0, 0, 0, 0, 0), "replicate"),
    ):
        with pytest.raises(UnclearError, match=mode):
            pad(x=x, pad=pads, mode=mode)


def test_a_mask_of_few_numbers_selects() -> None:
    chosen = OPERATORS["select"](cond=(True, False), a=0.5, b=torch.tensor([1.0, 2.0]))
    assert values(chosen) == [0.5, 2]


def test_sums_so_far_count_from_either_end_with_or_without_the_element() -> None:
    so_far, x = OPERATORS["cumsum"], torch.tensor([1.0, 2, 4])
    assert values(so_far(x=x)) == [1, 3, 7]
    assert values(so_far(x=x, axis=0, exclusive=True)) == [0, 1, 3]
    assert values(so_far(x=x, reverse=True)) == [7, 6, 4]
    assert values(so_far(x=x, exclusive=True, reverse=True)) == [6, 4, 0]
