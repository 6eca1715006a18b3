"""What must be remembered from one reading to the next. Pure: never stores, never sends, never asks a clock."""

from p1monitor.observer.demand import Rules
from p1monitor.observer.memory import Bound, Memory, Total
from p1monitor.observer.observe import observe
from p1monitor.observer.roles import NONE_CONFIGURED

__all__ = ["NONE_CONFIGURED", "Bound", "Memory", "Rules", "Total", "observe"]
