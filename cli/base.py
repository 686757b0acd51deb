"""`lead`: make a data set, train a base model and its evaluator on it, and say how good a base is.

Each command is a module of `cli.base_commands`: one call into the package `lead`. Commands import torch when they run,
so that `--help` answers at once. A new command is a module and its name in the table.
"""

from cli.base_commands.assemble import assemble
from cli.base_commands.data import check, compose, prepare, vary
from cli.base_commands.evaluate import evaluate
from cli.base_commands.finetune import finetune
from cli.base_commands.import_mld import import_mld
from cli.base_commands.train import train
from cli.base_commands.vocabulary import vocabulary
from cli.command import make_app, run_script

ABOUT = """
Make and judge base models for lead-invert.

\b
lead data prepare clips/ data/
lead train vae data/ --output run/
lead eval data/ --base my-base.safetensors
"""

app = make_app(
    ABOUT,
    {
        "train": train,
        "finetune": finetune,
        "assemble": assemble,
        "import-mld": import_mld,
        "eval": evaluate,
        "vocabulary": vocabulary,
    },
)
data_app = make_app(
    "Make and check data sets of captioned motion.",
    {"prepare": prepare, "compose": compose, "vary": vary, "check": check},
)
app.add_typer(data_app, name="data")


def main() -> None:
    """The console script `lead`."""
    run_script(app)


if __name__ == "__main__":
    main()
