"""The words of the house: one enum per concept, one comment per member.

The same words stand in code, configuration, database, documentation and on
screens. ``docs/glossary.md`` explains every member (a test checks that).
"""

from nurture.vocabulary.answers import *  # noqa: F403 - all words
from nurture.vocabulary.machine import *  # noqa: F403 - all words
from nurture.vocabulary.people import *  # noqa: F403 - all words
from nurture.vocabulary.sending import *  # noqa: F403 - all words
