"""What only POSIX or only Linux has is asked for before it is used; removed modules are not imported."""

import ast
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[1] / "src" / "cipa").rglob("*.py"))

POSIX_ONLY = {
    "os": {
        "fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "setsid", "killpg", "mkfifo", "nice",
        "chown", "sched_getaffinity", "sched_setaffinity", "sysconf", "getloadavg",
        "posix_fadvise", "statvfs",
    },
    "signal": {"SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "alarm"},
    "socket": {"AF_UNIX"},
}  # fmt: skip
NOT_ON_WINDOWS = {"fcntl", "grp", "pwd", "pty", "resource", "termios", "tty", "syslog"}
REMOVED = {
    "asynchat", "asyncore", "distutils", "imp", "smtpd",  # in 3.12
    "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib",
    "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3",  # in 3.13
}  # fmt: skip


def uses(tree):
    """Yield (line, module, name) of POSIX-only attributes; of imported modules the name is empty."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_ONLY.get(node.value.id, ()):
                yield node.lineno, node.value.id, node.attr
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0], "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0], ""


def asked_for(source, module, name):
    """Tell whether a file asks for a name before it uses it."""
    return f'hasattr({module}, "{name}")' in source


def trespasses(source):
    found = []
    for line, module, name in uses(ast.parse(source)):
        if name and not asked_for(source, module, name):
            found.append(f"{line}: {module}.{name}")
        elif (
            not name and module in NOT_ON_WINDOWS | REMOVED and f"import {module}" in source.split("try:")[0]
        ):
            found.append(f"{line}: import {module}")
    return found


def test_no_file_takes_a_system_for_granted():
    found = {path.name: trespasses(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import os\nos.fork()", 1),
        ('import os\nif hasattr(os, "fork"):\n    os.fork()', 0),
        ("import fcntl", 1),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", 0),
        ("from signal import SIGTERM\nimport imp", 1),
        ("import signal\nsignal.SIGHUP", 1),
    ],
)
def test_the_check_finds_what_it_is_for(source, count):
    assert len(trespasses(source)) == count


def test_every_text_file_is_opened_with_an_encoding():
    """Windows would take its own code page."""
    bare = [
        f"{path.name}: {node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
    ]
    assert bare == []
