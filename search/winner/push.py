"""Publishing a model folder on the Hugging Face hub, in one commit; whatever goes wrong, the folder stays as it is.

No model is loaded for that. What a folder holds is `record` and `card`.
"""

from __future__ import annotations

import json
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput, HpsearchError
from ..failures import first_line
from ..model.adapters import SETTINGS
from ..talk import tell
from .card import CARD, PLACE
from .places import without_places
from .record import read_record

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

#: What a folder may hold besides the model: a pickle, what a training left, somebody's predictions.
UNPUBLISHED = ("training_args.bin", "work", "predictions.tsv", "predictions.csv", "predictions.json")
LOG_IN = "`hf auth login` keeps a token for this machine; HF_TOKEN holds one for a command"


class PushFailed(HpsearchError):
    """The hub did not take the model."""


def check_push(name: str) -> None:
    """Raise `BadInput` where nothing can be pushed to `name`: no such name, no token, or the hub is switched off."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        why = first_line(error).removesuffix(f": '{name}'.").rstrip(".")[:200]
        raise BadInput(f"{name!r:.120} is no name on the hub: {why}", hint="for example me/cola-small") from None
    if constants.HF_HUB_OFFLINE:
        raise BadInput(
            f"nothing can be pushed to {name!r}: the hub is switched off by HF_HUB_OFFLINE",
            hint=f"unset it; a model folder that is there is pushed with `hpsearch push FOLDER {name}`",
        )
    if get_token() is None:
        raise BadInput(f"there is no token to push to {name!r} with", hint=LOG_IN)


def check_token(name: str) -> None:
    """Raise as `check_push` does, and `PushFailed` where the hub does not know the token, before time is spent."""
    from huggingface_hub import HfApi

    check_push(name)
    with explained(name, again=f"the same command, or train without --push-to-hub and `hpsearch push FOLDER {name}`"):
        HfApi(library_name="hpsearch").whoami()


def push(folder: Path, name: str, *, private: bool) -> str:
    """Publish a model folder as the repository `name`, which is made if it is not there; return its address.

    Raises `BadInput` as `check_push` does and for a folder that holds no model of ours, `PushFailed` where the hub
    cannot be reached, does not allow it, or has a public repository of that name where a private one was asked for.
    """
    from huggingface_hub import HfApi

    read_record(folder)
    check_push(name)
    words = ["hpsearch", "push", str(folder), name, *(["--private"] if private else [])]
    with explained(name, again=f"`{shlex.join(words)}`"):
        api = HfApi(library_name="hpsearch")
        repository = api.create_repo(name, private=private or None, exist_ok=True)
        if private and not api.model_info(repository.repo_id).private:
            raise PushFailed(
                f"{repository.repo_id!r} is there already, and everybody can read it: nothing was uploaded",
                hint="make it private in its settings, or take another name",
            )
        files = list(published(folder, repository.repo_id))
        api.create_commit(repository.repo_id, files, commit_message="Model, tokenizer and card, by hpsearch")
    return str(repository)


def published(folder: Path, name: str) -> Iterator[CommitOperationAdd]:
    """Yield the files to upload; the example of the card gets the model's name."""
    from huggingface_hub import CommitOperationAdd

    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") or part in UNPUBLISHED for part in inside.parts):
            continue
        content: Any = str(path)
        if inside == Path(CARD):
            content = path.read_text(encoding="utf-8").replace(PLACE, name).encode()
        elif path.name == SETTINGS:  # of adapters, which may name a folder of this machine
            settings = without_places(json.loads(path.read_text(encoding="utf-8")))
            content = json.dumps(settings, indent=2, sort_keys=True).encode()
        yield CommitOperationAdd(path_in_repo=inside.as_posix(), path_or_fileobj=content)


@contextmanager
def explained(name: str, *, again: str) -> Iterator[None]:
    """Turn what the hub and the way to it raise into one sentence, with what to type `again`; tell its warnings."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    of_httpx: Any = HfHubHTTPError.__mro__[1]  # of whichever package and release the library uses
    try:
        with warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always", UserWarning)
            yield
    except HfHubHTTPError as error:
        raise refusal(name, error.response.status_code, error.server_message, again) from error
    except (OSError, OfflineModeIsEnabled, of_httpx) as error:
        if getattr(error, "filename", None) is not None:  # of this machine
            raise PushFailed(f"the model cannot be read: {hidden(error)}") from error
        raise PushFailed(f"the hub cannot be reached: {hidden(error)}", hint=f"later: {again}") from error
    except ValueError as error:
        raise PushFailed(f"the hub does not take this: {hidden(error)}", hint=f"then {again}") from error
    for one in remarks:
        tell(f"the hub remarks: {' '.join(str(one.message).split())}")


def refusal(name: str, status: int, message: str | None, again: str) -> PushFailed:
    """Return what an answer of the hub means."""
    said = f": {' '.join(message.split())[:200]}" if message else ""
    if status == 401:
        return PushFailed(f"the hub does not accept the token (401){said}", hint=f"{LOG_IN}; then {again}")
    if status == 403:
        return PushFailed(
            f"the token may not write to {name!r} (403){said}", hint=f"it needs write permission there; then {again}"
        )
    if status == 404:
        return PushFailed(f"the hub has no place for {name!r} (404){said}", hint=f"is the name right? then {again}")
    if status >= 500:
        return PushFailed(f"the hub cannot answer now ({status}){said}", hint=f"later: {again}")
    return PushFailed(f"the hub refuses to take {name!r} ({status}){said}", hint=f"then {again}")


def hidden(error: Exception) -> str:
    """Return an error in one line, without the token: a header that cannot be sent is quoted in full."""
    from huggingface_hub import get_token

    line = " ".join(str(error).split()) or type(error).__name__
    return line.replace(get_token() or "\0", "***")[:300]
