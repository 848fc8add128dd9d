"""The words facts are told in. 0 is UNKNOWN in every one of them; a rule takes its strict side."""

from enum import IntEnum


class Kind(IntEnum):
    """What is offered. UNKNOWN is judged as a drama without documents."""

    UNKNOWN = 0
    DRAMA = 1
    ROOM = 2
    VIDEO = 3


class Document(IntEnum):
    """The best document a drama holds: 审字 licence, 备字 of a bureau, 备字 of a platform."""

    UNKNOWN = 0
    NONE = 1
    PLATFORM_FILING = 2
    BUREAU_FILING = 3
    LICENCE = 4


class DocumentStatus(IntEnum):
    """CLAIMED: the number has the right form. VERIFIED: found in a register."""

    UNKNOWN = 0
    CLAIMED = 1
    VERIFIED = 2
    REVOKED = 3


class Recheck(IntEnum):
    """Outcome of NRTA's review of the finished film (notice 35, three, 1)."""

    UNKNOWN = 0
    NONE = 1
    PENDING = 2
    PASSED = 3
    REFUSED = 4


class Support(IntEnum):
    """Highest official quality list the title stands on."""

    UNKNOWN = 0
    NONE = 1
    PROVINCIAL = 2
    NATIONAL = 3


class Plan(IntEnum):
    """The six "Micro-short Drama+" plans (notice of 2025-01-04)."""

    UNKNOWN = 0
    NONE = 1
    TRAVEL = 2
    LAW = 3
    BRAND = 4
    CLASSICS = 5
    SCIENCE = 6
    HERITAGE = 7


class Grade(IntEnum):
    """Violation grade of a live room or an anchor, best first. The scale is platform policy."""

    UNKNOWN = 0
    A = 1
    B = 2
    C = 3
    D = 4
    E = 5


class Restriction(IntEnum):
    """Order in force against a room or its anchor (notice 78, five)."""

    UNKNOWN = 0
    NONE = 1
    RECTIFY = 2
    SINK = 3
    STOP = 4
    CLOSED = 5


class YesNo(IntEnum):
    """A statement that is known to be false or true."""

    UNKNOWN = 0
    NO = 1
    YES = 2


class NumberForm(IntEnum):
    """What the licence or filing number itself tells; read from its text, never stated.

    CONTRADICTORY: it names another kind of document, or an issuer who cannot have issued it.
    """

    UNKNOWN = 0
    MALFORMED = 1
    CONTRADICTORY = 2
    RIGHT = 3


class Form(IntEnum):
    """How a drama is made (notice of 2025-11-08 on animated micro-dramas)."""

    UNKNOWN = 0
    LIVE_ACTION = 1
    ANIMATED = 2
    INTERACTIVE = 3


class Ai(IntEnum):
    """Made by AI: declared, or told by a platform from metadata (labelling measures art. 6)."""

    UNKNOWN = 0
    NO = 1
    SUSPECTED = 2
    POSSIBLE = 3
    YES = 4


class AiLabel(IntEnum):
    """Episodes that bear the mark of AI (Order 16 art. 34)."""

    UNKNOWN = 0
    NONE = 1
    SOME = 2
    ALL = 3


class SpecialSubject(IntEnum):
    """The nine special subjects, and major ones: 重大革命、重大历史 (notice 35 three 1)."""

    UNKNOWN = 0
    NONE = 1
    POLITICS = 2
    MILITARY = 3
    DIPLOMACY = 4
    SECURITY = 5
    UNITED_FRONT = 6
    ETHNIC = 7
    RELIGION = 8
    JUSTICE = 9
    POLICE = 10
    MAJOR = 11


class Uploader(IntEnum):
    """Who put the title on the platform."""

    UNKNOWN = 0
    ORGANISATION = 1
    INDIVIDUAL = 2


class Access(IntEnum):
    """How one comes to see it."""

    UNKNOWN = 0
    FREE = 1
    PAID = 2
    MEMBER_FIRST = 3


class Version(IntEnum):
    """Whether the file is the one that was approved (Order 16 art. 31)."""

    UNKNOWN = 0
    CHANGED = 1
    APPROVED = 2


class Watch(IntEnum):
    """What reviewers flagged of a title or its contents (tips of 2024-11 to 2026-01)."""

    UNKNOWN = 0
    NONE = 1
    TYCOON_TITLE = 2
    VULGAR_TITLE = 3
    ABSURD = 4
    CHILD_TYCOON = 5
    CHILD_ADULTISED = 6


class Trope(IntEnum):
    """Tropes that tips of the regulator name (2024-11 to 2026-01); read from themes, never told."""

    UNKNOWN = 0
    NONE = 1
    TYCOON = 2
    CHILD = 3
    ABSURD = 4


class MinorImpact(IntEnum):
    """Kinds of information that may harm minors (classification measures of 2026)."""

    UNKNOWN = 0
    NONE = 1
    CONDUCT = 2
    VALUES = 3
    IMAGE = 4
    PERSONAL_DATA = 5


class Category(IntEnum):
    """Labelled category of a live room; notice 78 four leaves the list open."""

    UNKNOWN = 0
    NONE = 1
    MUSIC = 2
    DANCE = 3
    SINGING = 4
    FITNESS = 5
    GAMES = 6
    TRAVEL = 7
    FOOD = 8
    LIFE_SERVICE = 9
    SHOW = 10
    GROUP = 11
    COMMERCE = 12
    OTHER = 13


class Merchant(IntEnum):
    """Whether a live room sells, and whether who sells there was verified (notice 78 eight)."""

    UNKNOWN = 0
    NO_COMMERCE = 1
    UNVERIFIED = 2
    VERIFIED = 3


class AdvanceReport(IntEnum):
    """Report owed before events, celebrities and overseas persons (notice 78 three, seven)."""

    UNKNOWN = 0
    NOT_OWED = 1
    MISSING = 2
    LATE = 3
    IN_TIME = 4


class Monitoring(IntEnum):
    """Whether a room is one that notice 78 nine wants watched, and whether it is."""

    UNKNOWN = 0
    NOT_OWED = 1
    MISSING = 2
    ATTACHED = 3


class ScoreBasis(IntEnum):
    """What the utility of a room was worked out from (tipping opinion of 2022)."""

    UNKNOWN = 0
    TIPS_ONLY = 1
    MIXED = 2


class Listing(IntEnum):
    """Dated lists a title, its provider or its people may stand on."""

    UNKNOWN = 0
    TAKEDOWN = 1
    BLACK_TITLE = 2
    BLACK_PROVIDER = 3
    BLACK_PROGRAM = 4
    DENIED_PERSON = 5
    CLOSED_ANCHOR = 6
    EMBARGO = 7
    KEY_CATALOGUE = 8
    SHOWCASE = 9
    KEY_DATE = 10
    MAINSTREAM = 11
    MUST_CARRY = 12
