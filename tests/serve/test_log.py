import json
import threading

from cipa import privacy
from cipa.serve.log import close_log, open_log, say, warn
from cipa.serve.settings import Log


def lines_of(path, work):
    handler = open_log(Log(str(path)))
    try:
        work()
    finally:
        close_log(handler)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_a_json_object_with_time_level_and_event(tmp_path):
    (line,) = lines_of(tmp_path / "log", lambda: say("study begun", study="study-0123456789", objects=3))
    assert (line["level"], line["event"], line["objects"]) == ("info", "study begun", 3)
    assert line["time"].endswith("+00:00")


def test_text_from_outside_stays_on_its_line(tmp_path):
    (line,) = lines_of(tmp_path / "log", lambda: warn("object refused", sender="A\nB\x1b[2J"))
    assert line["sender"] == r"A\nB\x1b[2J"


def test_a_secret_that_slips_through_is_hidden(tmp_path):
    privacy.remember("key", lambda line: line.replace("Mustermann", "***"))
    lines_of(tmp_path / "log", lambda: warn("odd", reason="Mustermann"))
    assert "Mustermann" not in (tmp_path / "log").read_text()


def test_an_exception_that_ends_a_thread_is_told_by_its_kind_alone(tmp_path):
    def fail():
        raise ValueError("Mustermann")

    def work():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    (line,) = lines_of(tmp_path / "log", work)
    assert (line["event"], line["reason"]) == ("thread ended", "ValueError")
    assert "Mustermann" not in (tmp_path / "log").read_text()
