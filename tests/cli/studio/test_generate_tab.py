"""The tab Generate, as a person uses it."""

from nicegui import ui
from nicegui.testing import User
from studio_user import wait_until

from cli.studio.generate_tab import GenerateDraft
from cli.studio.view import MotionView
from cli.studio.workshop import Workshop


def test_a_prompt_becomes_a_motion(use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        await user.should_see("what the person does")
        user.find(kind=ui.button, content="Generate").click()
        draft = workshop.desks[0].of(GenerateDraft)
        await wait_until(lambda: bool(draft.motions))
        with user:
            view = next(iter(user.find(kind=MotionView).elements))
        assert len(view._props["motions"]) == 1

    use(script)
