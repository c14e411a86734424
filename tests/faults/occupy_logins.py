"""Program that keeps an sshd from accepting logins: occupy_logins.py PORT SECONDS.

It opens connections that never authenticate, until the sshd drops one because of its MaxStartups. Then it returns, and
a child holds the connections for these seconds.
"""

from __future__ import annotations

import os
import socket
import sys
import time


def is_dropped(connection: socket.socket) -> bool:
    """Return True if the sshd ended a connection without its greeting."""
    try:
        return not connection.recv(4096).startswith(b"SSH-")
    except ConnectionResetError:
        return True


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    connections: list[socket.socket] = []
    while not connections or not is_dropped(connections[-1]):
        connections.append(socket.create_connection(("127.0.0.1", port)))
    if os.fork() == 0:
        os.setsid()
        for number in range(3):  # the caller waits for the end of its streams
            os.close(number)
        time.sleep(seconds)


if __name__ == "__main__":
    main()
