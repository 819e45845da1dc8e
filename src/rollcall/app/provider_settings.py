# SPDX-License-Identifier: Apache-2.0
"""The variables that the providers of models name themselves."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class ProviderSettings(BaseSettings):
    """Keys and places of models. They are called as the providers' own clients call them."""

    openai_api_key: SecretStr | None = Field(
        None, validation_alias="OPENAI_API_KEY", description="Key of OpenAI"
    )
    openai_base_url: str | None = Field(
        None, validation_alias="OPENAI_BASE_URL", description="Where it is, if not at its own place"
    )
    anthropic_api_key: SecretStr | None = Field(
        None, validation_alias="ANTHROPIC_API_KEY", description="Key of Anthropic"
    )
    anthropic_base_url: str | None = Field(
        None,
        validation_alias="ANTHROPIC_BASE_URL",
        description="Where it is, if not at its own place",
    )
    gemini_api_key: SecretStr | None = Field(
        None, validation_alias="GEMINI_API_KEY", description="Key of Google's Gemini"
    )
    google_api_key: SecretStr | None = Field(
        None, validation_alias="GOOGLE_API_KEY", description="The same; this one counts more"
    )
    ollama_base_url: str | None = Field(
        None,
        validation_alias="OLLAMA_BASE_URL",
        description="Where Ollama is, such as http://localhost:11434/v1",
    )
    ollama_api_key: SecretStr | None = Field(
        None, validation_alias="OLLAMA_API_KEY", description="Its key, where it wants one"
    )

    def variables(self) -> dict[str, str]:
        """Those that are set, by name."""
        found: dict[str, str] = {}
        for name, field in ProviderSettings.model_fields.items():
            value: SecretStr | str | None = getattr(self, name)
            if value is not None:
                told = value.get_secret_value() if isinstance(value, SecretStr) else value
                found[str(field.validation_alias)] = told
        return found
