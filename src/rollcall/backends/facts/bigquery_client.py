# SPDX-License-Identifier: Apache-2.0
"""Which BigQuery, how it is reached, and what our table in it needs to become. The one place that
imports its driver. All of it blocks: it is for threads.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

from rollcall.backends.facts import bigquery_sql as sql
from rollcall.backends.facts.bigquery_sql import FACTS, Statement
from rollcall.kernel.errors import IncompatibleStore, InvalidInput, MissingExtra, StoreUnavailable

EXTRA: Final = "bigquery"
KEY: Final = "GOOGLE_SERVICE_ACCOUNT_KEY"
VERSION: Final = 1
"""Of the table and its views: later ones are made by newer versions of the project."""
_LABEL: Final = "rollcall-version"
_OURS: Final = frozenset(("kind", "namespace", "id", "key", "revision", "time_us", "quarter"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BigquerySettings:
    """Where facts are, and what asking and keeping them may take.

    Args:
        project: Google Cloud's project; empty: the one of the credentials.
        dataset: The dataset; it is made where it is not there.
        key: A service account's key file, as base64; empty: application default credentials.
        emulator: The address of an emulator, which wants no credentials.
        location: Where a dataset is made, such as `EU`; empty: as Google says.
        flush_seconds: How long facts wait for others, to be merged with them.
        flush_facts: How many facts are enough not to wait longer.
        revisions_apart: How far apart in time two revisions of one fact may be. The days in which
            an earlier one is looked for are read by each merge, so longer costs more.
        maximum_bytes: What one question may read at most; None: any number.
        timeout: Seconds that something may take, retries included.
    """

    project: str = ""
    dataset: str = "rollcall"
    key: str = field(default="", repr=False)
    emulator: str = ""
    location: str = ""
    flush_seconds: float = 1.0
    flush_facts: int = 2_000
    revisions_apart: timedelta = timedelta(hours=6)
    maximum_bytes: int | None = None
    timeout: float = 60.0


def key_of(encoded: str) -> dict[str, Any]:
    """The service account's key that the variable holds. No error shows any of it.

    Raises:
        InvalidInput: It is not base64 of a key file's JSON.
    """
    try:
        text = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(KEY, "must be base64 of the key file, as of `base64 < FILE`") from None
    try:
        key: Any = json.loads(text)
    except ValueError:
        raise InvalidInput(KEY, "is base64, but not of a key file's JSON") from None
    if not isinstance(key, dict) or ("type", "service_account") not in key.items():
        raise InvalidInput(KEY, "is JSON, but not a service account's key file")
    return cast("dict[str, Any]", key)


class Link:
    """A connection to a dataset.

    Attributes:
        dataset: Its name, with the project's.
    """

    def __init__(self, settings: BigquerySettings) -> None:
        self._settings = settings
        # Its types are half known, which is of no help.
        self._client: Any = _client(settings)
        self.dataset: str = f"{self._client.project}.{settings.dataset}"

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def rows(
        self,
        statement: Statement,
        *,
        maximum_bytes: int | None = None,
        page: int | None = None,
    ) -> Iterator[Sequence[dict[str, Any]]]:
        """Have it done; what it found, page by page as they are asked for.

        Args:
            statement: What.
            maximum_bytes: What it may read.
            page: How many rows of a page; None: as many as come at a time.

        Raises:
            StoreUnavailable: It does not answer, or not as it should.
        """
        from google.cloud import bigquery
        from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

        timeout = self._settings.timeout
        retry = DEFAULT_RETRY.with_timeout(timeout)
        config = bigquery.QueryJobConfig(
            default_dataset=self.dataset,
            query_parameters=[_bound(name, *one) for name, one in statement.parameters.items()],
            labels={"application": "rollcall"},
        )
        if maximum_bytes is not None:
            config.maximum_bytes_billed = maximum_bytes

        def ask() -> Any:
            # Statements are begun anew below: the driver's own way takes minutes, come what may.
            job = self._client.query(
                statement.sql, job_config=config, retry=retry, timeout=timeout, job_retry=None
            )
            return job.result(page_size=page, retry=retry, timeout=timeout, job_retry=None)

        with _told():
            found = DEFAULT_JOB_RETRY.with_timeout(timeout)(ask)()
        pages: Iterator[Any] = iter(found.pages)
        while True:
            with _told():
                some = next(pages, None)
                if some is None:
                    return
                rows = [dict(row.items()) for row in some]
            yield rows

    def do(self, statement: Statement) -> None:
        """Have something done that finds nothing.

        Raises:
            StoreUnavailable: It does not answer, or not as it should.
        """
        for _ in self.rows(statement):
            pass

    def prepare(self) -> None:
        """Make what is not there, and bring what is to its newest form. Any number may do so at
        once.

        Raises:
            IncompatibleStore: What is there is a newer version's, or none of ours.
            StoreUnavailable: It does not answer, or does not let us.
        """
        from google.api_core.exceptions import NotFound, PreconditionFailed
        from google.cloud import bigquery

        name = f"{self.dataset}.{FACTS}"
        with _told():
            try:
                table = self._client.get_table(name, **self._waits())
            except NotFound:
                self._make_dataset()
                self.do(Statement(sql.tables(), {}))
                table = self._client.get_table(name, **self._waits())
        there: set[str] = {one.name for one in table.schema}
        version = int(table.labels.get(_LABEL, 0))
        if version > VERSION:
            raise IncompatibleStore(
                f"{name} is of version {version}, and this knows {VERSION}: run a newer Rollcall"
            )
        if not there >= _OURS:
            raise IncompatibleStore(f"{name} is none of Rollcall's tables: name another dataset")
        added = sql.additions(there)
        if version == VERSION and not added:
            return
        for one in (*added, *sql.views(), sql.first_turn()):
            self.do(Statement(one, {}))
        labelled = bigquery.Table(name)
        labelled.labels = {_LABEL: str(VERSION)}
        # Whoever was quicker has written the same.
        with _told(), suppress(PreconditionFailed):
            self._client.update_table(labelled, ["labels"], **self._waits())

    def _make_dataset(self) -> None:
        from google.api_core.exceptions import NotFound
        from google.cloud import bigquery

        # Looked for first: whoever may not make datasets can have it made by others.
        try:
            self._client.get_dataset(self.dataset, **self._waits())
        except NotFound:
            made = bigquery.Dataset(self.dataset)
            if self._settings.location:
                made.location = self._settings.location
            self._client.create_dataset(made, exists_ok=True, **self._waits())

    def _waits(self) -> dict[str, Any]:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        timeout = self._settings.timeout
        return {"retry": DEFAULT_RETRY.with_timeout(timeout), "timeout": timeout}


def check_driver() -> None:
    """See that the driver is there.

    Raises:
        MissingExtra: It is not.
    """
    try:
        found = importlib.util.find_spec("google.cloud.bigquery")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise MissingExtra("BigQuery", EXTRA)


def _client(settings: BigquerySettings) -> Any:
    check_driver()
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import bigquery
    from google.oauth2 import service_account

    given: dict[str, Any] = {"project": settings.project or None}
    if settings.location:
        given["location"] = settings.location
    if settings.emulator:
        at = settings.emulator if "://" in settings.emulator else f"http://{settings.emulator}"
        given["client_options"] = ClientOptions(api_endpoint=at)
        given["credentials"] = AnonymousCredentials()
    elif settings.key:
        key = key_of(settings.key)
        known: Any = service_account.Credentials
        try:
            made = known.from_service_account_info(key)
        except ValueError:
            raise InvalidInput(KEY, "is a key file without a key that can be read") from None
        given["credentials"] = made
        given["project"] = settings.project or made.project_id
    try:
        return bigquery.Client(**given)
    except DefaultCredentialsError:
        raise InvalidInput(
            KEY, "is not set, and there are no application default credentials either"
        ) from None
    except OSError:
        raise InvalidInput("GOOGLE_CLOUD_PROJECT_ID", "is needed") from None


def _bound(name: str, type_: str, value: Any) -> Any:
    from google.cloud import bigquery

    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, type_, cast("list[Any]", value))
    return bigquery.ScalarQueryParameter(name, type_, value)


@contextmanager
def _told() -> Generator[None]:
    """Say what the driver says in a word of ours."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException, TimeoutError) as error:
        # The first line: those after it quote the statement.
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise StoreUnavailable(f"BigQuery does not do it: {said:.500}") from error
