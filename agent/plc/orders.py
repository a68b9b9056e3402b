"""What the PLC orders beside triggers: offline, reject all, clear fault, job and commands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.inspection import Reason
from agent.plc.decision import NO_CTRL
from agent.plc.register_map import PLC_BLOCK, Command, Ctrl


@dataclass
class Orders:
    """CTRL, JOB_SELECT and CMD as last read. `jobs`: what may be selected, the station's own first."""

    jobs: tuple[int, ...]
    ctrl: Ctrl = NO_CTRL
    read: bool = False
    """Has anything been read yet? What stands in the first read was ordered of somebody else."""
    job: int = field(init=False)
    """In use; a part keeps the one of its trigger."""
    selected: int = 0
    """JOB_SELECT; 0 = the PLC leaves it to us …"""
    own_job: int = field(init=False)
    """… and this one is used, from the next read on: the station's own recipe, or what an operator has chosen."""
    _chosen_ns: int | None = None
    """When that was; None: every part that the PLC has yet to announce passed the photo-eye after it."""
    _scan: int | None = None
    """PLC_HB of the first read asked for since."""
    cleared: bool = False
    """CLEAR_FAULT has risen with the newest read."""
    command: Command | None = None
    """To be run with the newest read: each CMD_SEQ once."""
    command_seq: int = 0
    command_failed: bool = False
    _job_known: bool = True
    _job_changed: bool = False

    def __post_init__(self) -> None:
        self.job = self.own_job = self.jobs[0]

    def choose(self, job: int, now_ns: int) -> None:
        """An operator's choice, where the PLC selects none."""
        self.own_job, self._chosen_ns, self._scan = job, now_ns, None

    def digest(self, words: list[int], newborn: bool, sent_ns: int) -> None:
        """Take in one read. `newborn`: the first of an epoch, whose command was meant for somebody else."""
        ctrl = Ctrl(PLC_BLOCK.get(words, "CTRL"))
        self.cleared = self.read and bool(ctrl & ~self.ctrl & Ctrl.CLEAR_FAULT)
        self.ctrl, self.read = ctrl, True
        self.selected = PLC_BLOCK.get(words, "JOB_SELECT")
        self._select(self.selected or self.own_job, newborn)
        self._job_changed |= self._choosing(PLC_BLOCK.get(words, "PLC_HB"), sent_ns)
        self._take_command(words, newborn)

    def refusal(self) -> Reason:
        """Why triggers of the newest read may not be inspected; OK when they may.

        A part announced in the very read that brings another job may belong to either.
        """
        if self.ctrl & Ctrl.SET_OFFLINE:
            return Reason.OFFLINE
        if not self._job_known:
            return Reason.JOB_UNKNOWN
        return Reason.JOB_CHANGE if self._job_changed else Reason.OK

    @property
    def serving(self) -> bool:
        """May the station show READY?"""
        return self._job_known and not self.ctrl & Ctrl.SET_OFFLINE

    @property
    def job_known(self) -> bool:
        """Is JOB_SELECT a recipe of this station?"""
        return self._job_known

    def _select(self, wanted: int, newborn: bool) -> None:
        self._job_known = wanted in self.jobs
        self._job_changed = wanted != self.job and not newborn
        if self._job_known:
            self.job = wanted

    def _choosing(self, scan: int, sent_ns: int) -> bool:
        """May a part of this read have passed the photo-eye before the choice? The next scan brings the last of those:
        so it may until a read, asked for afterwards, is of another scan than the first such one; that one still."""
        if self._chosen_ns is None:
            return False
        if sent_ns >= self._chosen_ns:
            if self._scan not in (None, scan):
                self._chosen_ns = None
            self._scan = scan
        return True

    def _take_command(self, words: list[int], newborn: bool) -> None:
        seq, self.command = PLC_BLOCK.get(words, "CMD_SEQ"), None
        if seq != self.command_seq and not newborn:
            code = PLC_BLOCK.get(words, "CMD")
            self.command_failed = code not in _COMMANDS
            self.command = None if self.command_failed else Command(code)
        self.command_seq = seq


_COMMANDS = frozenset(int(command) for command in Command)
