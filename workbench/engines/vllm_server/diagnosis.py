"""Why a server did not start, or ended: from its log and its exit code, in one line, with the setting to change."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from workbench.engines.vllm_failures import INSTALL_HINT, Failure, explain
from workbench.errors import EngineError
from workbench.text import clean, one_line

#: How much of a log's end is looked at, in bytes.
TAIL_BYTES = 256 << 10
#: Longest repeated part of a log, in characters.
LINE_CHARS = 240
#: Lines that say what went wrong. A log is full of warnings about things that do no harm.
_TELLING = re.compile(
    r"\bERROR\b|\b[A-Za-z_.]*(?:Error|Exception)\b\s*:|\berror: |^Killed|Traceback|Segmentation fault"
)
#: The beginning of a line of vLLM's: process, level, time, place; one space belongs to it, more are the text's.
_REASON = re.compile(r"\s+(?:Value error|Assertion failed|Input should|Extra inputs)")
_PREFIX = re.compile(r"^(?:\([^)]*\) ?)*(?P<level>ERROR|INFO|WARNING|CRITICAL|DEBUG) +[\d-]+ [\d:.]+ +\[[^\]]*\] ?")
#: What wraps the real cause, or only says that something else failed.
_WRAPS = re.compile(
    r"Engine core initialization failed|Traceback|See root cause|EngineCore (?:failed|encountered)|During handling of|"
    r"RuntimeError: Engine process failed|asyncio\.exceptions|Application startup failed|EngineDeadError|"
    r"output_handler failed|died unexpectedly|WorkerProc initialization failed"
)
_ENGINE_DIED = re.compile(r"EngineDeadError|died unexpectedly")

#: What only a server's own command line or process can meet, or what other settings mend here.
_OWN: tuple[tuple[re.Pattern[str], Failure], ...] = (
    (
        re.compile(r"No module named '?vllm|ModuleNotFoundError: No module named 'vllm"),
        Failure("vLLM is not installed for this interpreter", f"{INSTALL_HINT}, or set vllm_python", "vllm_python"),
    ),
    (
        re.compile(r"trust_remote_code|contains custom code which must be executed"),
        Failure("it wants to run code that comes with it", "if you trust it, set trust_remote_code",
                "trust_remote_code"),
    ),
    (
        re.compile(r"kv cache allocation is less than requested"),
        Failure("the KV cache it asks for does not fit into the free memory",
                "lower VLLM_CPU_KVCACHE_SPACE (GB, in the environment), or free memory", "max_model_len"),
    ),
    (
        re.compile(r"_C::\w*quant|quant\w* is not (?:implemented|available) (?:for|on)"),
        Failure("this device cannot run models quantized so", "change or leave out quantization", "quantization"),
    ),
    (
        re.compile(r"gcc: not found|g\+\+: (?:command )?not found|InvalidCxxCompiler|[Cc]ompiler .{0,40}not found"),
        Failure("vLLM wants to compile, and there is no C++ compiler", "install g++, or pass on --enforce-eager",
                "vllm_args"),
    ),
)  # fmt: skip
_ARGUMENT = re.compile(r"error: (unrecognized arguments?: .*|argument \S+: .*|ambiguous option: .*)")
_PORT = re.compile(r"[Aa]ddress already in use|EADDRINUSE|\bErrno 98\b")
#: Answers to requests that mean that no other request will fare better.
_NO_TEMPLATE = re.compile(
    r"ChatTemplateResolutionError|chat template is no longer allowed|does not (?:have|define) a chat"
)


def log_tail(path: Path, since: int = 0) -> str:
    """The end of a log, from byte ``since`` on at most."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def port_taken(text: str) -> bool:
    return bool(_PORT.search(text))


def failure(text: str, returncode: int | None) -> Failure | None:
    """What a log and an exit code tell, if it is known."""
    said = telling(text)
    joined = "\n".join(said)
    if found := _ARGUMENT.search(text):
        return Failure(f"vLLM refuses its arguments: {one_line(found[1], LINE_CHARS)}", "change vllm_args", "vllm_args")
    for pattern, known in _OWN:
        if pattern.search(joined):
            return known
    if (known_there := explain(joined)) is not None:
        return known_there
    if returncode == -signal.SIGKILL or (_ENGINE_DIED.search(joined) and all(_WRAPS.search(line) for line in said)):
        return Failure(
            "its process was killed, as the system does when memory runs out",
            "lower max_model_len or (on a processor) VLLM_CPU_KVCACHE_SPACE, or free memory", "max_model_len",
        )  # fmt: skip
    return None


def telling(text: str) -> list[str]:
    """The lines of a log that name an error, cleaned, without repetitions, warnings and the code of tracebacks."""
    found: dict[str, None] = {}
    for line in text.replace("\r", "\n").splitlines():
        head = _PREFIX.match(line)
        said = line[head.end() :] if head else line
        if head and head["level"] not in ("ERROR", "CRITICAL"):
            continue
        # Traceback's code is indented, and so are the reasons of a validation error.
        if _REASON.match(said) or (_TELLING.search(line) and not said.startswith((" ", "\t"))):
            found.setdefault(clean(said).strip())
    return [line for line in found if line]


def why(model: str, doing: str, text: str, returncode: int | None, log: Path) -> EngineError:
    """The error for a server that ended. ``doing``: "did not start", "stopped again and again"."""
    known = failure(text, returncode)
    where = f"its log: {log}"
    if known is not None:
        return EngineError(f"vLLM for '{model}' {doing}: {known.message}", hint=f"{known.hint}; {where}")
    causes = [line for line in telling(text) if not _WRAPS.search(line)]
    last = causes[-2:] or [line for line in text.strip().splitlines() if line.strip()][-1:]
    said = "; ".join(one_line(clean(line), LINE_CHARS) for line in last)
    code = f" (exit code {returncode})" if returncode else ""
    return EngineError(f"vLLM for '{model}' {doing}{code}" + (f": {said}" if said else ""), hint=where)


def of_request(error: str | None) -> Failure | None:
    """What an answer's error says about every other request, if it does."""
    if error and _NO_TEMPLATE.search(error):
        return Failure(
            "it has no chat template: a base model, or one whose tokenizer lacks it",
            "add --chat-template FILE (a Jinja template), or use the model's chat version", "chat_template",
        )  # fmt: skip
    return None
