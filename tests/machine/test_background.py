import threading
import time
from functools import cache

import pytest

from harness.machine import background


def test_threads_that_are_the_first_at_once_share_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    make = background._made_loop.__wrapped__

    @cache
    def slowly() -> object:
        time.sleep(0.1)  # long enough for the others to ask meanwhile
        return make()

    async def thread() -> int:
        return threading.get_ident()

    def ask() -> None:
        found.append(background.run(thread(), 10.0, "the loop's thread"))

    monkeypatch.setattr(background, "_made_loop", slowly)
    found: list[int] = []
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == len(askers)
    assert len(set(found)) == 1
