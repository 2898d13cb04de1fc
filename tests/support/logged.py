"""What is logged, as it is written."""

import logging


class Listening(logging.Handler):
    """Keeps every line that is logged, as it is written."""

    def __init__(self) -> None:
        from bot.logs import JsonLines

        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
