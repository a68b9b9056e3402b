"""The kinds of lines that somebody may look for. `journalctl MESSAGE_ID=…` finds them; none ever changes its id."""

from __future__ import annotations

from enum import Enum


class Happening(Enum):
    """The value is MESSAGE_ID: 128 bits, made once with uuid4; the name in small letters is EVENT."""

    START = "0c0038d288af49448420280093ee374b"
    READY = "1711db0c294f4d4aae904b99fb4f3750"
    STOP = "f54f0dca4cbe4802bab5a8fa8c9b75d1"
    WAITING = "26031618d5b8410ca466b7c2f3e1c404"
    OFFLINE = "896ceb5558a748d4836893468aa2fbba"
    NO_DECISION = "07b5d1937fc44e0d8806654cc0b583d2"
    PASSED_UNPROVEN = "04d1e7a37a5d4fe4af2947e2ef8fd29c"
    FAULT = "fdf472466a3445558c3aab9e11902a31"
    BAD_CONFIG = "d784aadc2b7c4f2192d936e237f3fa60"
    CRASH = "50f93e0b1cb0463189c896cfcc4f7ad4"
    STAGE_HANGS = "bd39f0dafc9f46fbb863afe5ebdaab43"
    COMPUTER_SLEPT = "5d784a07ca9d48f19d919d643b5ff608"
    PLC_TROUBLE = "a7f97c08e8284ef085e6531cfca8c594"
    PLC_GOOD = "8d8d77e26c57497383fbb3ed6f96dc5a"
    PLC_EPOCH = "440218020f154b4aacbd771d50fa24ff"
    OUT_OF_STEP = "73c6eaf4bc2e4bbdacbeea3a424576e6"
    STEP_CLEARED = "41f6c5f4111e42eb98d4e04374350a21"
    ALARM_RAISED = "994a19cc5ad24414a67f393111bb3b54"
    ALARM_CLEARED = "aa5efee81dbc4f558fc09abe4f51e6c7"
    COMMAND = "1ca25ad609954a398da41d8f6d5b2aff"
    MODEL = "01784cfd1c13497cbd4bc5db5a477f45"
    RECIPE = "265ae8eb7ff8447f86ab56508256a79d"
    DRIFT = "121bf041c81f45c2af022a1c00fd976a"
    RECORD_TROUBLE = "a466677485b44bf998876f5eb70b59e9"
    RECORD_GOOD = "f783b0686db243d29b999f2660482e5c"
    ACCESS = "7aabd9942e8d403cbd1ede34ad391e27"
    LINES_LOST = "57e6fdaff6c747f5bc23ebc98162b0ae"
