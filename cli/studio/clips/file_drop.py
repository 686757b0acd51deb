"""`FileDrop`: a place on the page to drop files and folders on, or to pick them."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import GenericEventArguments, UploadEventArguments

from cli.studio.gate import MAX_FILE
from cli.studio.studio import complain

Take = Callable[[UploadEventArguments], Awaitable[None]]


class FileDrop(ui.element, component="file_drop.js"):
    """A box; what is in it is drawn by who makes it. Files of the given endings are sent, one request each."""

    def __init__(self, take: Take, endings: tuple[str, ...]) -> None:
        super().__init__()
        self.uploader = ui.upload(
            multiple=True, auto_upload=True, max_file_size=MAX_FILE, on_upload=take
        ).classes("hidden").mark("clips")  # fmt: skip
        self.uploader.on("finish", self.uploader.reset, args=[])
        self.uploader.on("failed", lambda: complain("a file did not arrive; send it again."), args=[])
        self._props["uploader"] = self.uploader.id
        self._props["endings"] = list(endings)
        self._props["most"] = MAX_FILE
        self.on("ignored", self._tell_ignored)
        self.on("large", self._tell_large)

    def show_buttons(self) -> None:
        """Put buttons that pick files, or a folder, where the caller is."""
        for text, icon, method in (("Files", "note_add", "pickFiles"), ("Folder", "create_new_folder", "pickFolder")):
            button = ui.button(text, icon=icon).props("no-caps outline dense").classes("col")
            button.on("click", js_handler=f"() => getElement({self.id}).{method}()")

    @staticmethod
    def _tell_large(event: GenericEventArguments) -> None:
        name, size = str(event.args["name"])[:80], int(event.args["size"]) / 2**20
        complain(
            f"{name}: {size:,.1f} MB; at most {MAX_FILE // 2**20} MB can be sent. Cut it into several, or name it "
            "in the field “or a folder or file of this machine”, which sends nothing."
        )

    @staticmethod
    def _tell_ignored(event: GenericEventArguments) -> None:
        names, count = [str(name)[:80] for name in event.args["names"]], int(event.args["count"])
        more = f" and {count - len(names)} more" if count > len(names) else ""
        ui.notify(
            f"not read, as they are no motions by their suffixes: {', '.join(names)}{more}",
            multi_line=True,
            position="top",
        )
