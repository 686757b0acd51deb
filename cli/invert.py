"""`lead-invert`: learn concepts from clips, generate motions with them, judge and share them, convert motion files.

Each command is a module of `cli.commands` or `cli.concept_commands`: it reads its inputs, makes one call into the
packages, and writes the result. Commands import torch and the packages when they run, so that `--help` answers at once.
A new command is a module and its name in the table.
"""

from cli.command import make_app, run_script
from cli.commands.check import check
from cli.commands.convert import convert
from cli.commands.describe import describe
from cli.commands.edit import edit
from cli.commands.evaluate import evaluate
from cli.commands.generate import generate
from cli.commands.learn import learn
from cli.commands.process import process
from cli.commands.restyle import restyle
from cli.commands.serve import serve
from cli.commands.studio import studio
from cli.commands.view import view
from cli.commands.vocabulary import vocabulary
from cli.concept_commands.blend import blend, negate
from cli.concept_commands.card import card, show
from cli.concept_commands.exchange import export, import_word
from cli.concept_commands.library import add, list_words, remove, rename, starter
from cli.concept_commands.share import pull, push
from cli.concept_commands.verify import verify

ABOUT = """
Teach a text-to-motion model a new word from a few clips, and make new motions with it.

\b
lead-invert check clips/
lead-invert learn clips/ --token "<elderly>" --kind style
lead-invert generate "a person walks in <elderly> style"
lead-invert restyle take.bvh "<elderly>"
lead-invert process walk.bvh --loop --in-place
lead-invert edit take.bvh --keep 0:60,120:180 --prompt "a person jumps"
lead-invert vocabulary
lead-invert evaluate "<elderly>" --clips other-takes/
lead-invert starter
lead-invert list
lead-invert verify elderly.safetensors
lead-invert card elderly.safetensors
lead-invert convert takes/ --format bvh,glb
lead-invert view takes/
lead-invert serve
lead-invert studio
"""

app = make_app(
    ABOUT,
    {
        "check": check,
        "learn": learn,
        "generate": generate,
        "restyle": restyle,
        "process": process,
        "edit": edit,
        "vocabulary": vocabulary,
        "evaluate": evaluate,
        "describe": describe,
        "blend": blend,
        "negate": negate,
        "convert": convert,
        "view": view,
        "verify": verify,
        "card": card,
        "list": list_words,
        "add": add,
        "starter": starter,
        "remove": remove,
        "rename": rename,
        "push": push,
        "pull": pull,
        "export": export,
        "import": import_word,
        "show": show,
        "serve": serve,
        "studio": studio,
    },
)


def main() -> None:
    """The console script `lead-invert`."""
    run_script(app)


if __name__ == "__main__":
    main()
