"""The text that hooks print on several hosts at the same time."""

from __future__ import annotations

import threading

from capdoit.output.held_prints import HeldPrints


def test_the_lines_of_hosts_that_print_at_the_same_time_are_not_mixed() -> None:
    prints, barrier = HeldPrints(), threading.Barrier(2, timeout=60)

    class Word:
        """A word in front of which `print` waits for the other host."""

        def __init__(self, text: str) -> None:
            self._text = text

        def __str__(self) -> str:
            barrier.wait()
            return self._text

    def work(host: str) -> None:
        print(Word(host), Word("is"), Word("warm"))
        print(Word(host), Word("is"), Word("done"))

    prints.begin("run")
    try:
        threads = [threading.Thread(target=work, args=[host]) for host in ("web1", "web2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        text = prints.take()
    finally:
        prints.end("run")
    one, other = ("web1 is warm\nweb1 is done", "web2 is warm\nweb2 is done")
    assert text in (f"{one}\n{other}", f"{other}\n{one}")
    assert prints.take() == ""
