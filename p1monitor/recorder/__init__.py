"""What is kept: profiles, events, small facts. The recorder is the first sink; it only stores, and never sends."""

from p1monitor.recorder.opening import StoreError
from p1monitor.recorder.queries import Queries
from p1monitor.recorder.recorder import POLICY, Recorder, build
from p1monitor.recorder.store import Store

__all__ = ["POLICY", "Queries", "Recorder", "Store", "StoreError", "build"]
