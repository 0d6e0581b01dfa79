"""A page in a browser that is driven by WebDriver: what its two kinds, classic and BiDi, share.

Both say what hands do in the same words, "actions": https://www.w3.org/TR/webdriver2/#actions
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from typing import Any

ENTER = "\ue007"


class DrivenPage(ABC):
    """The one page of a browser that has never been here."""

    @abstractmethod
    def goto(self, url: str) -> None:
        """Load a page."""

    @abstractmethod
    def js(self, expression: str) -> Any:
        """The value of an expression, which is plain or JSON."""

    @abstractmethod
    def act(self, source: dict[str, Any]) -> None:
        """What one hand does, on the keys or with the mouse."""

    @abstractmethod
    def check(self) -> None:
        """See that nothing went wrong, and that every request stayed on this machine."""

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        for _ in range(2400):
            if self.js(expression):
                return
            time.sleep(0.05)
        raise AssertionError(f"never: {expression}")

    def click(self, selector: str) -> None:
        """Press what a selector finds, in its middle."""
        self.drag(selector, selector)

    def drag(self, selector: str, to: str) -> None:
        """Press in the middle of what a selector finds, and let go in that of another."""
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        moves = [self._middle(selector), down, self._middle(to), up]
        self.act({"type": "pointer", "id": "mouse", "actions": moves})

    def _middle(self, selector: str) -> dict[str, Any]:
        box = self.js(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()")
        x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
        return {"type": "pointerMove", "x": x, "y": y}

    def type(self, text: str) -> None:
        """Press keys, one after the other."""
        presses = [{"type": kind, "value": c} for c in text for kind in ("keyDown", "keyUp")]
        self.act({"type": "key", "id": "keys", "actions": presses})
