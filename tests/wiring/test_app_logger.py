"""`App(logger=…)`: what handlers say goes there, and what stook warns of."""

from __future__ import annotations

import gc
import logging

import pytest

from stook import App
from stook.core.errors import ConfigError
from stook.testing import TestApp


class Lines:
    def __init__(self):
        self.said = []

    def debug(self, text):
        self.said.append(("debug", text))

    def info(self, text):
        self.said.append(("info", text))

    def warning(self, text):
        self.said.append(("warning", text))

    def error(self, text):
        self.said.append(("error", text))


def talk(logger, name="talks"):
    app = App("test", logger=logger)

    @app.task(name)
    async def talks(item, ctx):
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(ctx.logger, level)("%s %s", level, item)

    with TestApp(app) as t:
        t.run(talks, 7)
        (one,) = t.executions()
    return one.id


def test_any_object_with_four_methods_hears_each_level_and_whose_it_is():
    lines = Lines()
    execution = talk(lines)
    named = f"[task=talks queue=default execution_id={execution} attempt=1]"
    assert lines.said == [
        ("debug", f"debug 7 {named}"),
        ("info", f"info 7 {named}"),
        ("warning", f"warning 7 {named}"),
        ("error", f"error 7 {named}"),
        ("error", f"critical 7 {named}"),
    ]


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.found = []

    def emit(self, record):
        self.found.append(record)


def test_a_logger_of_the_standard_library_gets_records():
    logger, heard = logging.getLogger("mine"), Records()
    logger.setLevel(logging.INFO)
    logger.addHandler(heard)
    execution = talk(logger, "recorded")
    logger.removeHandler(heard)
    records = heard.found
    assert [one.getMessage() for one in records] == ["info 7", "warning 7", "error 7", "critical 7"], "each once"
    assert {(one.task, one.queue, one.execution_id, one.attempt) for one in records} == {
        ("recorded", "default", execution, 1)
    }


def test_what_stook_warns_of_is_heard_too():
    lines = Lines()
    app = App("test", logger=lines)
    logging.getLogger("stook.worker").warning("lost %d", 3)
    logging.getLogger("stook.worker").info("nothing new")
    assert lines.said == [("warning", "lost 3")]
    assert app.logger is lines


def test_an_app_that_is_gone_hears_nothing():
    lines = Lines()
    talk(lines, "gone")
    lines.said.clear()
    gc.collect()
    logging.getLogger("stook.worker").warning("lost")
    logging.getLogger("stook.task.gone").warning("lost")
    assert lines.said == []
    assert logging.getLogger("stook.task.gone").propagate


def test_stooks_own_logger_hears_nothing_twice(caplog):
    talk(logging.getLogger("stook"), "own")
    assert len([one for one in caplog.records if one.getMessage() == "error 7"]) == 1


def test_what_cannot_be_spoken_to_is_refused():
    with pytest.raises(ConfigError, match="no method 'debug'"):
        App("test", logger=print)
