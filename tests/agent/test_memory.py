"""However many threads a station has, they take memory from two stores of the C library."""

from __future__ import annotations

import subprocess
import sys

import pytest

EIGHT_THREADS = """
import ctypes, sys, threading
from agent.memory import share_arenas

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fdopen.restype = ctypes.c_void_p, ctypes.c_void_p
if sys.argv[1] == "shared":
    share_arenas()
held = threading.Barrier(9)

def hold():
    libc.malloc(100_000)
    held.wait()

for _ in range(8):
    threading.Thread(target=hold).start()
held.wait()
stdout = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stdout)
libc.fflush(stdout)
"""


@pytest.mark.parametrize(("how", "stores"), [("shared", range(1, 3)), ("as it comes", range(4, 10))])
def test_eight_threads_have_two_stores(how: str, stores: range) -> None:
    said = subprocess.run([sys.executable, "-c", EIGHT_THREADS, how], capture_output=True, text=True, check=True).stdout
    assert said.count("<heap nr=") in stores, said
