"""What this machine, this installation and this store are ready for, and what to do where they are not.

``examine`` runs every check and returns a ``Report``. Nothing here changes anything, loads a model or imports torch;
a driver, disk or owner that hangs is a finding, not a wait.
"""

from __future__ import annotations

from workbench.doctor.examine import Report, examine
from workbench.doctor.findings import GROUPS, Finding, State

__all__ = ["GROUPS", "Finding", "Report", "State", "examine"]
