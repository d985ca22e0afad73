"""Processes for costly steps: they share the cores, survive no parent and hear no Ctrl-C."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

_GRACE = 5.0  # seconds to tidy up in
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _Worker(multiprocessing.context.SpawnProcess):
    """A process that no Ctrl-C reaches, not even while it starts: it would print a traceback. Its parent ends it."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Workers(multiprocessing.context.SpawnContext):
    Process = _Worker


def _begin_worker() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception, so that a step stops Yosys and tidies up
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when the parent is gone, killed for instance: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)  # what it runs is stopped, and its temporary files go
        time.sleep(_GRACE)
        os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for each worker's linear algebra: they share the cores already."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def local_pool(jobs: int | None = None) -> Iterator[Executor]:
    """A local process pool, the default executor of costly steps. Processes are spawned: no state leaks into them."""
    with _one_thread():
        yield from _pool(jobs)


def _pool(jobs: int | None) -> Iterator[Executor]:
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=_Workers(), initializer=_begin_worker)
    ending: list[multiprocessing.process.BaseProcess] = []

    def kill() -> None:  # one that is hit while it hands over a result may wait for its own lock for ever
        for worker in ending:
            worker.kill()

    last = threading.Timer(_GRACE, kill)
    try:
        yield pool
    except BaseException:
        ending += [worker for worker in multiprocessing.active_children() if worker not in others]
        for worker in ending:
            worker.terminate()  # a step may take minutes, and nobody waits for it any more
        last.start()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        last.cancel()
