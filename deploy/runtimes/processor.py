"""What this processor does with int8, asked of the processor itself.

By CPUID, not by /proc/cpuinfo: under an emulator, or in a virtual machine with features masked,
that file tells of another processor than the one that the code runs on.
"""

from __future__ import annotations

import ctypes
import platform

# Bits of CPUID (Intel's manual, volume 2A, table of CPUID): leaf 7, subleaf 0, register ECX, and
# leaf 7, subleaf 1, register EAX; with their places in glibc's `__x86_get_cpuid_feature_leaf`.
_AVX512_VNNI = (1, 2, 11)
_AVX_VNNI = (6, 0, 4)
_REGISTERS = 4


def is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def int8_saturates() -> bool:
    """Whether int8 dot products here may saturate in their 16-bit intermediate.

    True of x86-64 without VNNI, where the products of uint8 and int8 are added in pairs in int16.
    Where nobody tells, it is assumed: that costs time, the contrary costs right answers.
    """
    return is_x86() and not (_by_glibc() or _by_numpy())


def describe_int8() -> str:
    """What to print beside a figure of int8: such as "x86_64 without VNNI"."""
    if not is_x86():
        return platform.machine()
    return f"x86_64 {'without' if int8_saturates() else 'with'} VNNI"


def _by_glibc() -> bool:
    """VNNI by the C library: glibc 2.33 and later answer for what the system lets one use."""
    try:
        leaf_of = ctypes.CDLL(None).__x86_get_cpuid_feature_leaf
    except (AttributeError, OSError, TypeError):
        return False
    # Four words as CPUID gave them, then the four of what can be used.
    leaf_of.restype = ctypes.POINTER(ctypes.c_uint32 * (2 * _REGISTERS))
    leaf_of.argtypes = [ctypes.c_uint]
    return any(
        leaf_of(leaf).contents[_REGISTERS + register] >> bit & 1
        for leaf, register, bit in (_AVX512_VNNI, _AVX_VNNI)
    )


def _by_numpy() -> bool:
    """AVX-512's VNNI by numpy, which asks CPUID on every system, but not for AVX-VNNI."""
    try:
        # A compiled module, of which numpy's stubs say nothing.
        from numpy._core import _multiarray_umath  # type: ignore[attr-defined]
    except ImportError:
        return False
    return bool(_multiarray_umath.__cpu_features__.get("AVX512VNNI", False))
