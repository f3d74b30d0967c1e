"""One session for a whole sweep: kept where it is whole, begun anew where a phone was lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from phone_sessions import own_server as own_server
from virtual_phone_fixture import AdbServer, MakePhone, until

from deploy.android.adb import Adb
from deploy.android.identity import SeenPhone
from deploy.android.phone import Phone
from deploy.choosing.latency import Measuring, check_device, measure
from deploy.results.file import read_results
from deploy.support.errors import PhoneError
from deploy.support.reporter import Silent

SHORT = Measuring(rounds=1, iterations=2)


def nothing_attached(server: AdbServer) -> bool:
    return server.run("devices").stdout.split() == b"List of devices attached".split()


@pytest.mark.usefixtures("own_server")
def test_a_virtual_phone_is_started_used_and_gone_and_a_whole_session_measured_once(
    phone_bundle: Path, tmp_path: Path, adb_server: AdbServer
) -> None:
    virtual = replace(SHORT, device="virtual")
    check_device(virtual)
    first = measure([phone_bundle], virtual, tmp_path, Silent())
    assert first.failure is None
    assert first.path is not None
    assert first.device is not None
    assert first.device.virtual
    assert sorted(arm.arm.artifact for arm in first.arms) == [
        *("executorch-fp32", "executorch-int8", "onnx-fp32", "onnx-int8")
    ]
    assert all(arm.summary for arm in first.arms)
    # Of a single block nobody knows how it would repeat.
    assert not any(arm.valid for arm in first.arms)
    # The server lists a connection that broke until its own thread, every ten seconds, has looked.
    assert any(until(lambda: nothing_attached(adb_server)) for _ in range(10))

    session = read_results(first.path).session
    assert measure([phone_bundle], virtual, tmp_path, Silent()).reused
    assert read_results(first.path).session == session
    again = measure([phone_bundle], replace(virtual, again=True), tmp_path, Silent())
    assert not again.reused
    assert read_results(first.path).session != session


@pytest.mark.usefixtures("own_server")
def test_a_phone_that_vanishes_leaves_what_it_measured(
    phone_bundle: Path, tmp_path: Path, phone: MakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(seen: SeenPhone, adb: Adb) -> Phone:
        return Phone(adb, seen.attached.serial, command_s=4, back_s=2)

    monkeypatch.setattr(SeenPhone, "open", impatient)
    connected = phone()
    on_phone = replace(SHORT, device=connected.serial)

    class Unplug(Silent):
        def progress(self, what: str, done: int, total: int | None) -> None:
            if done == 2:
                connected.phone.stop()

    found = measure([phone_bundle], on_phone, tmp_path, Unplug())
    assert found.failure is not None
    assert found.path is not None
    assert sum(len(arm.arm.blocks) for arm in found.arms if arm.summary) == 2
    lost = measure([phone_bundle], on_phone, tmp_path, Silent())
    assert not lost.reused
    assert lost.failure is not None
    assert found.path.is_file(), "a session that measured nothing takes nothing away"


@pytest.mark.usefixtures("own_server")
def test_a_phone_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(PhoneError):
        check_device(replace(SHORT, device="no-such-phone"))
