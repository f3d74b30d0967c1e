"""A block of a tiny network, laid on a virtual phone for the app or the native runner to run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from virtual_phone_fixture import RUNNER, ConnectedPhone, until

from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    GoldenInput,
    Request,
    RequestedArtifact,
    TimedInput,
)
from deploy.virtual_phone.commands.content import AUTHORITY
from deploy.virtual_phone.filesystem import SHELL_FOLDER
from deploy.virtual_phone.state import ACTIVITY, APP_DATA, PACKAGE

SHAPE = (1, 3, 4, 4)
BENCH = f"{APP_DATA}/files/bench"
# In the shell's folder.
RUN = "./runner-64 --library-path . ./mobile-deploy-runner block-1.request.json"


def golden(seed: int = 0) -> bytes:
    return np.random.default_rng(seed).normal(size=SHAPE).astype("<f4").tobytes()


def request(artifact: bytes, /, **changes: Any) -> Request:
    photos = (golden(0), golden(1))
    fields: dict[str, Any] = {
        "schema_version": PROTOCOL_VERSION,
        "id": "block-1",
        "artifact": RequestedArtifact(
            file="a.onnx",
            sha256=hashlib.sha256(artifact).hexdigest(),
            format="onnx",
            backend="onnxruntime-cpu",
            input="input",
            output="logits",
        ),
        "threads": 2,
        "warmup": 2,
        "iterations": 10,
        "shape": SHAPE,
        "input": TimedInput(golden=0, seed=None),
        "golden": tuple(
            GoldenInput(index=i, file=f"golden-{i}.f32", sha256=hashlib.sha256(data).hexdigest())
            for i, data in enumerate(photos)
        ),
        "sustained": False,
    }
    return Request(**{**fields, **changes})


def put(on: ConnectedPhone, name: str, data: bytes) -> None:
    """Into the app's folder, as the harness does it."""
    done = on.shell(f"content write --uri content://{AUTHORITY}/{name}", data)
    assert done.stderr == b""


def start_block(on: ConnectedPhone, artifact: bytes, wanted: Request | None = None) -> None:
    wanted = wanted or request(artifact)
    for index in range(2):
        put(on, f"golden-{index}.f32", golden(index))
    put(on, "a.onnx", artifact)
    put(on, f"{wanted.id}.request.json", wanted.to_json().encode())
    done = on.shell(f"am start -W -S -n {ACTIVITY} --es id {wanted.id}")
    assert b"Status: ok" in done.stdout


def app_is_gone(on: ConnectedPhone) -> bool:
    return not on.phone.state.processes.named(PACKAGE)


def answer_of(on: ConnectedPhone, artifact: bytes, wanted: Request | None = None) -> str | None:
    """What the app left once its process has ended, None for nothing."""
    start_block(on, artifact, wanted)
    assert until(lambda: app_is_gone(on))
    data = on.phone.files.get(f"{BENCH}/block-1.answer.json")
    return None if data is None else data.decode()


def pte_request(artifact: bytes, /, **changes: Any) -> Request:
    wanted = request(artifact).artifact
    pte = {"file": "a.pte", "format": "executorch", "backend": "xnnpack"}
    return request(artifact, artifact=wanted.model_copy(update=pte), **changes)


def put_runner(
    on: ConnectedPhone, tmp_path: Path, model: bytes, wanted: Request | None = None
) -> None:
    """The runner, started by a loader of its own, and a request of it."""
    wanted = wanted or pte_request(model)
    files = {
        "runner-64": RUNNER,
        "mobile-deploy-runner": RUNNER,
        "a.pte": model,
        "block-1.request.json": wanted.to_json().encode(),
        **{f"golden-{index}.f32": golden(index) for index in range(2)},
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in files]
    assert on.adb("push", *paths, f"{SHELL_FOLDER}/").returncode == 0
    assert on.shell(f"chmod 755 {SHELL_FOLDER}/runner-64").returncode == 0


def runners_answer(on: ConnectedPhone) -> Answer:
    return Answer.model_validate_json(on.phone.files[f"{SHELL_FOLDER}/block-1.answer.json"])
