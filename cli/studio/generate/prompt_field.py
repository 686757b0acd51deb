"""`PromptField`: a field for a prompt, which offers how it may go on."""

from collections.abc import Callable

from nicegui import ui

from cli.studio.generate.completion import complete_prompt
from cli.studio.workshop import Workshop


class PromptField:
    """The field, and beneath it buttons with words of the library and sentences that the base knows."""

    def __init__(
        self,
        workshop: Workshop,
        label: str,
        value: str | None,
        on_change: Callable[[str], None],
        *,
        placeholder: str = "",
        wrap: bool = True,
    ) -> None:
        self.workshop, self.on_change = workshop, on_change
        self.tokens: list[str] = []
        """Words that the prompt may name."""
        self.examples: list[str] = []
        self.input = ui.input(label, value=value or "", placeholder=placeholder).props("dense outlined clearable")
        self.input.classes("w-full")
        self.offers = ui.row().classes("gap-1 w-full").style("" if wrap else "overflow: hidden; height: 26px")
        self.input.on_value_change(self._take)
        self.learn_words()
        workshop.base_loaded.subscribe(self.learn_words)
        workshop.library_changed.subscribe(self.learn_words)

    def learn_words(self) -> None:
        """Read what prompts may name, and what the base knows; offer how the prompt may go on."""
        self.tokens = self.workshop.concepts.list_tokens()
        if self.workshop.is_ready:
            vocabulary = self.workshop.base.vocabulary
            self.examples = [text for kind in (vocabulary.kinds if vocabulary else ()) for text in kind.examples]
        self._offer()

    def set_value(self, text: str) -> None:
        """Put another prompt into the field."""
        self.input.set_value(text)

    def _take(self) -> None:
        self._offer()
        self.on_change(self.input.value or "")

    def _offer(self) -> None:
        text = self.input.value or ""
        offers = complete_prompt(text, self.tokens, self.examples)
        self.input.set_autocomplete(offers)
        self.offers.clear()
        with self.offers:
            for offer in offers:
                label = f"… {offer[text.rfind(' ') + 1 :]}" if " " in text else offer
                chip = ui.button(label, on_click=lambda offer=offer: self.set_value(offer))
                chip.props("outline dense no-caps size=12px").style("flex: none")
