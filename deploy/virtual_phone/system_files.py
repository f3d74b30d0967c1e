"""What /proc and /sys tell, made anew whenever somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.results.cores import core_list
from deploy.virtual_phone.processes import Process

if TYPE_CHECKING:
    from deploy.virtual_phone.state import State

_BUSY_SHARE = 0.03
_TICKS = 100


def system_files(phone: State) -> dict[str, bytes | None]:
    """Contents by path; None for a file that may not be read."""
    texts = {**_proc(phone), **_cpus(phone)}
    files: dict[str, bytes | None] = {path: text.encode() for path, text in texts.items()}
    hidden = ""
    if phone.faults.expects("unreadable-caps"):
        hidden = "scaling_max_freq"
    if phone.faults.expects("unreadable-cpufreq"):
        hidden = "_"
    files |= {
        path: None if hidden and hidden in path else text.encode()
        for path, text in _cpufreq(phone).items()
    }
    return files


def _proc(phone: State) -> dict[str, str]:
    uptime, ram = phone.clock.uptime(), phone.profile.ram_kb
    cores = phone.profile.cores
    files = {
        "/proc/uptime": f"{uptime:.2f} {uptime * cores * (1 - _BUSY_SHARE):.2f}\n",
        "/proc/sys/kernel/random/boot_id": f"{phone.boot_id}\n",
        "/proc/meminfo": (f"MemTotal:       {ram:8} kB\nMemAvailable:   {ram // 2:8} kB\n"),
        "/proc/stat": _stat(uptime, cores),
    }
    for process in phone.processes.running.values():
        files[f"/proc/{process.pid}/status"] = _status(process)
    return files


def _stat(uptime: float, cores: int) -> str:
    ticks = int(uptime * _TICKS)
    busy = int(ticks * _BUSY_SHARE)

    def line(name: str, times: int) -> str:
        return f"{name} {busy * times} 0 {busy * times // 3} {(ticks - busy) * times} 0 0 0 0 0 0\n"

    return line("cpu ", cores) + "".join(line(f"cpu{core}", 1) for core in range(cores))


def _status(process: Process) -> str:
    return (
        f"Name:\t{process.name[-15:]}\nState:\tR (running)\nPid:\t{process.pid}\n"
        f"Uid:\t{process.uid}\t{process.uid}\t{process.uid}\t{process.uid}\n"
        f"VmHWM:\t{process.peak_kb:8} kB\nVmRSS:\t{process.rss_kb:8} kB\n"
        f"Threads:\t{process.threads}\nCpus_allowed_list:\t{core_list(process.cores)}\n"
    )


def _cpus(phone: State) -> dict[str, str]:
    every = core_list(range(phone.profile.cores))
    return {f"/sys/devices/system/cpu/{name}": f"{every}\n" for name in ("present", "online")}


def _cpufreq(phone: State) -> dict[str, str]:
    files = {}
    for index, cluster in enumerate(phone.profile.clusters):
        first = phone.profile.first_core(index)
        allowed = phone.model.allowed_khz(index)
        if phone.faults.expects("capped-clocks"):
            allowed = allowed * 55 // 100
        now = allowed if phone.processes.running else cluster.min_khz
        cores = " ".join(str(core) for core in range(first, first + cluster.cores))
        for name, value in (
            ("related_cpus", cores),
            ("cpuinfo_max_freq", cluster.max_khz),
            ("cpuinfo_min_freq", cluster.min_khz),
            ("scaling_cur_freq", now),
            ("scaling_max_freq", allowed),
            ("scaling_governor", "schedutil"),
        ):
            files[f"/sys/devices/system/cpu/cpufreq/policy{first}/{name}"] = f"{value}\n"
    return files
