"""One pass over a file: rows in, decided rows out, in chunks that share their look-ups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from nurture.address import address_hash
from nurture.audience.candidates import Candidate, CandidateReader
from nurture.audience.cells import CellError
from nurture.audience.diff import Decision, ImportRules, Known, RowKind, candidate_names, decide, names_agree
from nurture.audience.import_facts import Question, look_up
from nurture.audience.sheet import Row
from nurture.store import Connection
from nurture.store.contacts import PersonRow

CHUNK: Final = 2000  # rows; three look-ups each


class DecidedRow(NamedTuple):
    """A row, what it says (None if it could not be read) and what becomes of it."""

    row: Row
    candidate: Candidate | None
    decision: Decision
    suppressed: bool = False  # the address is suppressed and stays so
    address_hash: str = ""

    @property
    def who(self) -> str:
        """The person, for people."""
        if self.candidate is None:
            return ""
        values = self.candidate.values
        name = " ".join(filter(None, (values.get("title"), values.get("first_name"), values.get("last_name"))))
        return f"{name} <{self.candidate.address.text}>" if name else self.candidate.address.text


@dataclass(frozen=True, slots=True)
class DecidedChunk:
    """Rows with their decisions, and which answers of the database those rest on (see `import_facts.Facts.digest`)."""

    rows: Sequence[DecidedRow]
    question: Question
    digest: int


class ImportPass:
    """Decides all rows of a file; ``key`` is the secret of address hashes."""

    def __init__(self, connection: Connection, reader: CandidateReader, rules: ImportRules, key: bytes) -> None:
        self._connection, self._reader, self._rules, self._key = connection, reader, rules, key
        self.taken: dict[int, int] = {}  # contact id to the row that is this contact
        self._external_ids: dict[str, int] = {}
        self._households: dict[str, int] = {}  # address key to its next free number
        # address key to "row, accepted, first name, last name" of the file's rows; texts keep it small
        self._seen: dict[str, str] = {}

    def chunks(self, rows: Iterator[Row]) -> Iterator[DecidedChunk]:
        """The decided rows, in the file's order."""
        while chunk := list(islice(rows, CHUNK)):
            yield self._decide(chunk)

    def _decide(self, rows: Sequence[Row]) -> DecidedChunk:
        read = [self._read(row) for row in rows]
        candidates = [found for found in read if isinstance(found, Candidate)]
        question = Question(
            hashes={key: address_hash(key, self._key) for key in {found.address.key for found in candidates}},
            external_ids=tuple(
                str(found.values["external_id"]) for found in candidates if "external_id" in found.values
            ),
        )
        facts = look_up(self._connection, question)
        digest = facts.digest(self.taken)
        decided = []
        for row, found in zip(rows, read, strict=True):
            if isinstance(found, Decision):
                decided.append(DecidedRow(row, None, found))
                continue
            hashed = question.hashes[found.address.key]
            stored = facts.by_address.get(found.address.key, ())
            known = Known(
                by_external_id=facts.by_external_id.get(found.values.get("external_id")),
                # those that the file had already are judged by what the file says of them
                by_address=tuple(person for person in stored if person.id not in self.taken) if stored else (),
                consents=facts.consents,
                taken=self.taken,
                household=self._next_household(found.address.key, stored),
                erased=facts.erased(hashed),
            )
            decision = self._repeated(found) or decide(found, known, self._rules)
            self._remember(found, decision)
            decided.append(DecidedRow(row, found, decision, hashed in facts.suppressed, hashed))
        return DecidedChunk(decided, question, digest)

    def _read(self, row: Row) -> Candidate | Decision:
        try:
            return self._reader.read(row)
        except CellError as error:
            return Decision(RowKind.REJECTED, row.number, reason=str(error))

    def _next_household(self, key: str, stored: Sequence[PersonRow]) -> int:
        return max(self._households.get(key, 0), *(person.household + 1 for person in stored), 0)

    def _repeated(self, candidate: Candidate) -> Decision | None:
        """The decision where an earlier row of the file already is this person, or has this address."""
        external_id = candidate.values.get("external_id")
        if external_id in self._external_ids:
            reason = f"row {self._external_ids[external_id]} has the same number {external_id}"
            return Decision(RowKind.REJECTED, candidate.row, reason=reason)
        other = None
        for entry in self._seen.get(candidate.address.key, "").split("\n"):
            if not entry:
                continue
            number, accepted, own_id, first, last = entry.split("\t")
            ids_agree = not own_id or external_id in (None, own_id)
            if ids_agree and names_agree(candidate_names(candidate), (first, last)):
                return Decision(RowKind.DUPLICATE, candidate.row, reason=f"row {number} is the same person")
            other = other or (number if accepted else None)
        if other is not None and not self._rules.household:
            reason = f"row {other} has this address under another name; if both are right, import with --household"
            return Decision(RowKind.CONFLICT, candidate.row, reason=reason)
        return None

    def _remember(self, candidate: Candidate, decision: Decision) -> None:
        accepted = decision.kind in (RowKind.NEW, RowKind.CHANGED, RowKind.UNCHANGED)
        key = candidate.address.key
        external_id = candidate.values.get("external_id")
        if decision.kind not in (RowKind.DUPLICATE, RowKind.REJECTED):
            entry = "\t".join(
                (str(candidate.row), "yes" if accepted else "", external_id or "", *candidate_names(candidate))
            )
            self._seen[key] = f"{self._seen[key]}\n{entry}" if key in self._seen else entry
        if not accepted:
            return
        if external_id is not None:
            self._external_ids[external_id] = candidate.row
        if decision.contact_id is not None:
            self.taken[decision.contact_id] = candidate.row
        if "household" in decision.columns:
            self._households[key] = decision.columns["household"] + 1
