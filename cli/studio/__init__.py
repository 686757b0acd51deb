"""The browser studio of `lead-invert studio`: clips, learning, generating, blending, the library and export, by eye.

The page is made by NiceGUI; motions are drawn and played in the page itself, by the player of
`lead.motion.render.player`. What holds what:

- `Workshop` (one a program): the base model, the library, the worker, files that were sent, and what all pages share.
- `Desk` (one an open page): what a person has set in each tab. It outlives the page: a page that is reloaded, or opened
  again after it was closed, shows the desk as it was.
- A tab's module: a dataclass with the tab's state, and a function `show_..._tab(studio)` that puts elements on the page
  and reads and writes that state. Elements are gone when a page is; the state is not.

How a tab is made. State that belongs to one page is `studio.desk.of(GenerateDraft)`, state of all pages
`studio.workshop.of(Favorites)`: an object of the class, made when it is first asked for. Whatever can take longer than
a tenth of a second goes to the worker, in a thread:

    job = studio.workshop.start("generate", work, then=draft.take, replaces=draft)

`work(job)` runs there; it may use `studio.workshop.base`, calls `job(done, total)` for progress (it is a
`cli.console.Progress`), which ends the work once it is cancelled. `then(result)` runs in the page's thread, whether or
not a page is open: it keeps the result in the state and calls `state.changed.emit()`. A tab shows the state in a
function that it subscribes: `draft.changed.subscribe(refresh)`; a page that has gone is unsubscribed by itself.
`show_job(lambda: draft.job)` is a line with progress and a button that cancels. What is raised for the user
(`cli.errors.user_errors`) becomes a message on the page: in an event's handler within `with report_errors():`, in a job
by itself. `lane="long"` is for what takes minutes, so that motions can be generated meanwhile. Motions play in a
`MotionView`; what a person wants to keep goes to the `Shelf`, which the tab Export writes.
"""
