"""A training run that is told to stop, as a queue or a person tells it."""

import os
import signal

from cipa.training.trainer import Trainer


def stop_before_step(monkeypatch, number, what=signal.SIGTERM):
    """Send this process a signal at the beginning of a step, once."""
    step, sent = Trainer._step, []

    def stopping(self, *arguments):
        if self.position.step + 1 == number and not sent:
            sent.append(os.kill(os.getpid(), what))
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "_step", stopping)
