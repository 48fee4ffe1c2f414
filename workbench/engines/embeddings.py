"""Encoders: texts to vectors, by an endpoint, by the bundled model, or by hashing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.engines.access import access_of
from workbench.engines.api import CHARS_PER_TOKEN, limits_of, mend
from workbench.engines.endpoint import Endpoint, Limits, Stopped
from workbench.engines.retry import Fault
from workbench.errors import EngineError
from workbench.records import Model, stable_id
from workbench.text import one_line

Vector = Sequence[float]

DEFAULT_BATCH = 64
#: What is left of a text that is too long for the encoder, again and again until it fits.
SHORTEN = 0.75


class ApiEmbedder:
    """Any OpenAI-compatible ``/embeddings`` endpoint. Belongs to one event loop.

    Line breaks are replaced by spaces first, as MAD-Eval does (formats-and-rules §2). A text too long for the encoder
    loses its end until it fits; sentence encoders in general read the beginning of a text only.

    Raises:
        EngineError: the variable named by ``api_key_env`` is not set.
    """

    def __init__(
        self, model: Model, *, key: str | None = None, version: str | None = None, limits: Limits | None = None
    ) -> None:
        params = model.params
        self._name = str(params.get("model") or model.model_id)
        self._dimensions = params.get("dimensions")
        self._extra: Mapping[str, Any] = params.get("extra_body") or {}
        self._batch = int(params.get("batch_size") or DEFAULT_BATCH)
        self._endpoint = Endpoint(
            model.endpoint or "", self._name, access=access_of(params, key), limits=limits or limits_of(params),
            shared=key is None,
        )  # fmt: skip
        size = f" {self._dimensions}d" if self._dimensions else ""
        apart = f" {params['revision']}" if params.get("revision") else ""
        # Fields added to each request can change what comes back, such as an instruction for the encoder.
        added = f" {stable_id('extra', self._extra)[:8]}" if self._extra else ""
        self._version = version or f"openai-compatible {self._endpoint.url} {self._name}{size}{apart}{added}"
        #: Tokens of all texts embedded so far, as far as the endpoint counts them.
        self.prompt_tokens = 0

    @property
    def version(self) -> str:
        return self._version

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order.

        Raises:
            EngineError: the endpoint cannot be used, gave up, or gave something else than vectors.
        """
        self._endpoint.resume()
        # Endpoints refuse empty texts.
        flat = [mend(text.replace("\n", " ")) or " " for text in texts]
        tasks = [
            asyncio.create_task(self._embed(flat[start : start + self._batch]))
            for start in range(0, len(flat), self._batch)
        ]
        try:
            return [vector for vectors in await asyncio.gather(*tasks) for vector in vectors]
        except Stopped:
            raise self._endpoint.failure or EngineError(f"{self._endpoint.url} cannot be used") from None
        except Fault as fault:
            raise EngineError(f"{self._endpoint.url} could not embed texts: {fault}") from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self._endpoint.close()

    async def _embed(self, texts: list[str]) -> list[Vector]:
        body = {"model": self._name, "input": texts, "encoding_format": "float", **self._extra}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        try:
            answer = await self._endpoint.send("/embeddings", body, sum(map(len, texts)) / CHARS_PER_TOKEN)
        except Fault as fault:
            if fault.consequence != "too_long":
                raise
            if len(texts) > 1:  # one of them is too long: find out which
                half = len(texts) // 2
                return await self._embed(texts[:half]) + await self._embed(texts[half:])
            if len(texts[0]) < 2:
                raise
            return await self._embed([texts[0][: int(len(texts[0]) * SHORTEN)]])
        usage = answer.data.get("usage")
        counted = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
        self.prompt_tokens += counted if isinstance(counted, int) else 0
        return self._read(answer.data, texts)

    def _read(self, data: Mapping[str, Any], texts: Sequence[str]) -> list[Vector]:
        rows, wanted = data.get("data"), len(texts)
        vectors: list[Vector | None] = [None] * wanted
        for place, row in enumerate(rows if isinstance(rows, list) else []):
            index = row.get("index", place) if isinstance(row, Mapping) else None
            vector = row.get("embedding") if isinstance(row, Mapping) else None
            if isinstance(index, int) and 0 <= index < wanted and _is_vector(vector):
                vectors[index] = vector
        found = [v for v in vectors if v is not None]
        # Which text it is matters when it is one of many; when there is no vector at all, no text is to blame.
        lost = f"'{one_line(texts[vectors.index(None)], 60)}'" if found and None in vectors else ""
        if len(found) < wanted or len({len(v) for v in found}) > 1:
            raise EngineError(
                f"{self._endpoint.url} did not give one vector for each text"
                + (f": none of finite numbers for {lost}" if lost else ""),
                hint=f"is '{self._name}' an embedding model?",
            )
        return found


def _is_vector(value: object) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(x, int | float) and math.isfinite(x) for x in value)
    )


class BundledEmbedder:
    """Mean of the bundled chat model's last hidden states, by llama.cpp on this machine.

    Real but weak: the model was not trained to compare texts, and even unrelated ones come out at cosines above 0.6.
    Texts beyond ``CONTEXT`` tokens lose their end.

    Raises:
        EngineError: xllamacpp is not installed.
        BadInput: the model's file is not a readable GGUF file.
    """

    CONTEXT = 2048
    PARALLEL = 2
    TIMEOUT_S = 1800.0

    def __init__(self, model: Model) -> None:
        from workbench.engines import llama
        from workbench.engines.bundled import ModelServer

        llama.xllamacpp_version()
        self._model = model
        self._server = ModelServer(model, context=self.CONTEXT, parallel=self.PARALLEL, embedding=True)
        self._version = f"llama.cpp mean pooling v1 {self._server.weights}"
        self._api: ApiEmbedder | None = None

    @property
    def version(self) -> str:
        return self._version

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order. Raises EngineError when the model cannot be fetched or loaded."""
        if self._api is None:
            server = await self._server.running()
            # Small batches: each is one request, and its time limit covers all of it.
            model = Model(self._model.model_id, "api", server.url, {"batch_size": 4})
            limits = Limits(concurrency=self.PARALLEL, timeout_s=self.TIMEOUT_S)
            self._api = ApiEmbedder(model, key=server.key, version=self._version, limits=limits)
        return await self._api.embed(texts)

    async def close(self) -> None:
        api, self._api = self._api, None
        if api is not None:
            await api.close()
        await self._server.close()
