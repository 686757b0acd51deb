"""Pictures, videos and pages of motions, from Python and from the command line.

    contact_sheet(motions).save("sheet.png")
    write_video(motions, "walk.gif", options=ViewOptions(loop=True, trail=True, contacts=True))
    Path("walk.html").write_text(player_page(motions))

A motion here is anything with `joints`, `fps` and `name` (`lead.motion.motion_like`).
"""

from typing import TYPE_CHECKING

from lead.motion.lazy import lazy_names

if TYPE_CHECKING:
    from lead.motion.render.player import player_page
    from lead.motion.render.sheets import contact_sheet, thumbnail
    from lead.motion.render.video import write_video
    from lead.motion.render.view_options import ViewOptions

__all__ = ["ViewOptions", "contact_sheet", "player_page", "thumbnail", "write_video"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ViewOptions": "lead.motion.render.view_options",
        "contact_sheet": "lead.motion.render.sheets",
        "player_page": "lead.motion.render.player",
        "thumbnail": "lead.motion.render.sheets",
        "write_video": "lead.motion.render.video",
    },
)
